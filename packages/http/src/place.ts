/**
 * Where somebody is, as far as it is kept: the name of a browser or a program and of a system, and a network. A label is one
 * of those below and nothing of the header that claims it, so whatever a caller sends, what is kept is short and theirs to
 * choose from a list.
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Place } from '@stoa/kernel'

/** The name is in front; more is looked at by nobody. */
const USER_AGENT_MAX = 512

/** The first that fits: most browsers also claim to be others. What programs say when nobody has told them otherwise. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\//, 'Edge'],
  [/\b(OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bVersion\/\d.*\bSafari\//, 'Safari'],
  [/\bcurl\//, 'curl'],
  [/\bWget\//, 'Wget'],
  [/\bPostmanRuntime\//, 'Postman'],
  [/\b(python-requests|python-httpx|Python-urllib|aiohttp)\//, 'Python'],
  [/\bGo-http-client\//, 'Go'],
  [/^node$|^(axios|undici|node-fetch)\b/, 'Node.js'],
  [/\bokhttp\/|^Java(-http-client)?\/|\bApache-HttpClient\//, 'Java'],
]
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\b(iPhone|iPod)\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\b(Macintosh|Mac OS X)\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]

/** Where a request comes from. */
export function placeOf(userAgent: string | undefined, ip: string): Place {
  return { device: deviceLabel(userAgent), addressPrefix: addressPrefix(ip) }
}

/** `Firefox on Linux`, `curl`, or `unknown`. Nothing of the text itself is in it. */
export function deviceLabel(userAgent: string | undefined): string {
  const text = (userAgent ?? '').slice(0, USER_AGENT_MAX)
  const browser = named(BROWSERS, text)
  const system = named(SYSTEMS, text)
  if (browser !== null && system !== null) return `${browser} on ${system}`
  return browser ?? system ?? 'unknown'
}

function named(names: readonly (readonly [RegExp, string])[], text: string): string | null {
  return names.find(([pattern]) => pattern.test(text))?.[1] ?? null
}

/** The network of an address: a /24 of IPv4, a /48 of IPv6; empty for what is no address. */
export function addressPrefix(ip: string): string {
  const plain = ip.startsWith('::ffff:') && isIPv4(ip.slice(7)) ? ip.slice(7) : ip
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`
  const bare = plain.split('%')[0] ?? ''
  if (!isIPv6(bare)) return ''
  const [head = '', tail] = bare.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const all = [...groups, ...new Array<string>(Math.max(0, missing)).fill('0'), ...(tail ? tail.split(':') : [])]
  return `${all
    .slice(0, 3)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/48`
}
