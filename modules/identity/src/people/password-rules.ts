/*
 * Which passwords are taken (NIST SP 800-63B, 5.1.1.2): by length, and not one of those that everybody tries first.
 * Nothing about which characters are in it: such rules make `Password1!`.
 */
import { isCommonPassword } from './common-passwords.ts'

/** Shortest and longest, in characters (code points). */
const PASSWORD_MIN = 8
const PASSWORD_MAX = 256

/** Why a password is not taken. */
export type PasswordFault = 'too_short' | 'too_long' | 'common' | 'own_name' | 'not_text'

/** What a password must not simply be. */
export interface PasswordOwner {
  readonly email: string
  readonly name: string
}

/**
 * The password as it is hashed: the same letters typed on another keyboard are the same password (NFC). What is longer
 * than the longest is given back as it is, and fits no hash.
 */
export function normalisedPassword(password: string): string {
  return password.length > 4 * PASSWORD_MAX ? password.slice(0, 4 * PASSWORD_MAX) : password.normalize('NFC')
}

/** What is wrong with a new password; null when nothing is. */
export function passwordFault(password: string, owner: PasswordOwner): PasswordFault | null {
  if (password.length > 4 * PASSWORD_MAX) return 'too_long'
  if (!password.isWellFormed() || password.includes('\0')) return 'not_text'
  const text = normalisedPassword(password)
  const length = [...text].length
  if (length < PASSWORD_MIN) return 'too_short'
  if (length > PASSWORD_MAX) return 'too_long'
  if (isOwn(text, owner)) return 'own_name'
  return isCommonPassword(text) ? 'common' : null
}

function isOwn(password: string, { email, name }: PasswordOwner): boolean {
  const plain = folded(password)
  const [local = '', domain = ''] = email.split('@')
  return [email, local, domain, domain.split('.')[0] ?? '', name].some((own) => own !== '' && folded(own) === plain)
}

/** `Ann.Miller` and `annmiller` are the same here; so is one with digits behind it. */
function folded(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\s._-]+/g, '')
    .replace(/[\d!?.*#$@]+$/, '')
}
