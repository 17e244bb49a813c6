/**
 * Where people may be sent back to (RFC 6749 §3.1.2, RFC 8252, RFC 9700 §4.1): an address that is compared letter by
 * letter, so nothing in it may be read in two ways.
 */

const MAX_LENGTH = 2_000
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
/** A scheme of one's own is a domain of one's own, turned round: `org.example.app`. */
const OWN_SCHEME = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/
/** `https:bank.example` is an address by itself, and a path beside whatever page shows it as a link. */
const NO_AUTHORITY = /^https?:(?!\/\/[^/])/i
/** Whatever RFC 3986 does not have in an address, and the wildcard. */
const UNSAFE = /[^!-~]|[\\*"<>^`{|}]/

/** Why a client must not be given this address to send people back to; null when it may. */
export function redirectUriFlaw(uri: string, applicationType: 'web' | 'native'): string | null {
  if (uri.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`
  if (UNSAFE.test(uri)) return 'holds a character that has no place in an address, such as a wildcard'
  if (!URL.canParse(uri)) return 'is no address'
  if (NO_AUTHORITY.test(uri)) return 'has no host behind two slashes'
  const { hash, hostname, password, pathname, protocol, username } = new URL(uri)
  if (hash !== '' || uri.endsWith('#')) return 'has a fragment'
  if (username !== '' || password !== '') return 'has a name or a password'
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(rawPathOf(uri)) || pathname.includes('//'))
    return 'has a path that leads elsewhere'
  if (protocol === 'https:') return null
  if (protocol === 'http:') return LOOPBACK.has(hostname) ? null : 'is not by https'
  if (applicationType === 'native' && OWN_SCHEME.test(protocol)) return null
  return applicationType === 'native' ? 'has a scheme that is not like `org.example.app`' : 'is not by https'
}

/** Why we must not send messages there; null when we may. */
export function backchannelUriFlaw(uri: string): string | null {
  return redirectUriFlaw(uri, 'web')
}

/** Why people must not be shown this as the website of an application; null when they may. */
export function websiteFlaw(uri: string): string | null {
  return redirectUriFlaw(uri, 'web') ?? (uri.startsWith('https:') ? null : 'is not by https')
}

function rawPathOf(uri: string): string {
  return uri.replace(/^[a-z][a-z0-9+.-]*:\/*[^/?#]*/i, '').replace(/[?#].*$/s, '')
}
