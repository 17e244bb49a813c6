/*
 * The passwords that everybody tries first, of six characters and more: with a year behind it, six are eight. The list is
 * in common-passwords.txt, sorted, in lower case, and says at its head where it comes from. It is read when the first
 * password is set.
 */
import { readFileSync } from 'node:fs'

let common: ReadonlySet<string> | null = null

/** Whether a password is on the list, whatever is in capitals, with or without digits and signs behind it. */
export function isCommonPassword(password: string): boolean {
  common ??= read()
  const plain = password.toLowerCase()
  if (common.has(plain) || isMonotonous(plain)) return true
  const stem = plain.replace(/[\d!?.*#$@_-]+$/, '')
  return stem.length >= 6 && stem !== plain && common.has(stem)
}

/** One character again and again, two in turn, or one after the other: `aaaaaaaa`, `abababab`, `23456789`. */
function isMonotonous(text: string): boolean {
  if (new Set(text).size <= 2) return true
  const steps = new Set<number>()
  for (let at = 1; at < text.length; at++) steps.add(text.charCodeAt(at) - text.charCodeAt(at - 1))
  return steps.size === 1
}

function read(): ReadonlySet<string> {
  const lines = readFileSync(new URL('./common-passwords.txt', import.meta.url), 'utf8').split('\n')
  return new Set(lines.filter((line) => line !== '' && !line.startsWith('# ')))
}
