/*
 * Names of hosts as strangers write them, in the one spelling that is kept: what the WHATWG parser makes of them, which is
 * what a browser will visit. No name is resolved here.
 */
import { isIP } from 'node:net'
import { domainToUnicode } from 'node:url'

/**
 * Characters that a parser drops or a reader does not see: controls, and the marks that turn the direction of writing.
 * A browser would strip some of them, so the address on the screen and the one visited would differ.
 */
const UNSEEN = /[\p{Cc}\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/u

/**
 * Suffixes that no public resolver answers for, or that stay inside a network (RFC 6761, RFC 6762, RFC 8375, ICANN
 * `.internal`).
 */
const LOCAL_SUFFIXES = [
  'localhost',
  'local',
  'internal',
  'localdomain',
  'lan',
  'home',
  'corp',
  'intranet',
  'private',
  'home.arpa',
]

/** Whether a text has nothing that a parser drops or a reader does not see. */
export function isPlainText(text: string): boolean {
  return !UNSEEN.test(text) && text.isWellFormed()
}

/**
 * Whether every label can be one. Node's parser takes any text behind `xn--`; what stands for nothing, or for letters that
 * may not stand beside each other (Hebrew beside Latin, a joiner alone), is no name that a browser goes to.
 *
 * @param host in Punycode and lower case
 */
export function isSoundName(host: string): boolean {
  if (host.length > 253 || /(?:^|\.)xn--/.test(domainToUnicode(host))) return false
  return host.split('.').every((label) => label.length >= 1 && label.length <= 63 && /^[a-z0-9_-]+$/.test(label))
}

/** Whether only a local network resolves the name. @param host in lower case */
export function isLocalName(host: string): boolean {
  return !host.includes('.') || LOCAL_SUFFIXES.some((suffix) => host.endsWith(`.${suffix}`))
}

/**
 * The name of a host in Punycode and lower case, without a dot at its end; null for what is none: an address, something
 * with a scheme, a port or a path, a single label.
 *
 * @param allowLocal whether it may be a name that only a local network resolves
 */
export function hostName(text: string, { allowLocal }: { readonly allowLocal: boolean }): string | null {
  if (/[/?#@:\\\s%]/.test(text) || !isPlainText(text)) return null
  const parsed = URL.parse(`http://${text}`)?.hostname
  if (parsed === undefined) return null
  const name = parsed.endsWith('.') ? parsed.slice(0, -1) : parsed
  const isName = isIP(name) === 0 && !name.startsWith('[') && name.includes('.') && isSoundName(name)
  return isName && (allowLocal || !isLocalName(name)) ? name : null
}
