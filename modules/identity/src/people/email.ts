import { StoaError } from '@stoa/kernel'
import { domainOf } from '@stoa/mail'
import { identityErrors } from '../errors.ts'

/**
 * An address as it is kept and compared: in lower case, the domain in Punycode; null when mail cannot be sent there.
 * Surrounding blanks are nobody's.
 */
export function normalisedEmail(text: string): string | null {
  const given = text.trim()
  const domain = domainOf(given)
  return domain === null ? null : `${given.slice(0, given.lastIndexOf('@')).toLowerCase()}@${domain}`
}

/** As {@link normalisedEmail}. @throws StoaError `email_invalid` */
export function requireEmail(text: string): string {
  const email = normalisedEmail(text)
  if (email !== null) return email
  throw new StoaError(identityErrors.email_invalid)
}
