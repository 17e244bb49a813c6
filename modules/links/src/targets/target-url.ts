/**
 * Where a link may lead.
 *
 * A short link hides its target, so it is a way to bring a browser (or a program that follows redirects from inside a
 * network) to an address that it would not visit knowingly. Refused are therefore: every scheme but http and https,
 * names and passwords in the address, addresses that are not part of the public internet, names that only a local
 * network resolves, and our own short links (a loop, or a chain that hides the end).
 *
 * The judgement is made on what the WHATWG parser yields, which is what a browser will visit: it turns `0x7f.1`,
 * `2130706433` and `０177.0.0.1` into 127.0.0.1, `EXAMPLE。com` into example.com and IDN into punycode. What is judged is
 * also what is stored; the text as typed is not kept.
 *
 * No name is resolved here: nothing is fetched, and what a name resolves to differs by place and hour.
 */
import { isIP } from 'node:net'
import { isLocalName, isPlainText, isPublicAddress, isSoundName } from '@stoa/outbound'

/** Longest target, in characters, measured on the normalised address that is sent in `Location`. */
export const TARGET_MAX = 2048

/** What the installation says about targets. */
export interface TargetRules {
  /**
   * Accept private addresses and local names: for use inside one network. Credentials and loops stay refused. Default
   * false.
   */
  readonly allowPrivateTargets: boolean
  /** Where this installation is reached, e.g. `https://stoa.example`; its `/l/…` paths are our own links. */
  readonly publicUrl: string
  /**
   * The dedicated short host (`s.example` or `s.example:8080`), where every path is a link of ours; null without one.
   */
  readonly shortHost: string | null
  /** Whether a host is a tenant's for short links. */
  readonly isShortHost: (host: string) => boolean
}

/** Why a target was refused. */
type TargetFault = 'malformed' | 'length' | 'scheme' | 'credentials' | 'host' | 'port' | 'private' | 'loop' | 'blocked'

/** The judgement: the normalised address, or the reason for the refusal with a sentence for the caller. */
export type TargetVerdict =
  | { readonly ok: true; readonly url: string }
  | { readonly ok: false; readonly reason: TargetFault; readonly message: string }

const messages: Readonly<Record<TargetFault, string>> = {
  malformed: 'The target is not a web address, which begins with https:// or http://.',
  length: `The target is longer than ${TARGET_MAX} characters.`,
  scheme: 'The target has to begin with https:// or http://.',
  credentials: 'The target carries a user name or password.',
  host: 'The host of the target is not a valid name.',
  port: 'The port of the target cannot be used.',
  private: 'The target lies in a private, local or reserved network.',
  loop: 'The target is a short link of this installation.',
  blocked: 'No link may lead to the host of the target.',
}

/** Judges a target and normalises it. Pure: no lookup, no state. @param isBlocked default: no host is */
export function targetVerdict(
  input: string,
  rules: TargetRules,
  isBlocked: (host: string) => boolean = () => false,
): TargetVerdict {
  const url = parse(input)
  if (typeof url === 'string') return refuse(url)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return refuse('scheme')
  if (url.username !== '' || url.password !== '') return refuse('credentials')
  if (url.port === '0') return refuse('port')
  if (!dropTrailingDot(url) || !isSoundHost(url.hostname)) return refuse('host')
  if (url.href.length > TARGET_MAX) return refuse('length')
  if (isOurs(url, rules)) return refuse('loop')
  if (!rules.allowPrivateTargets && isPrivateHost(url.hostname)) return refuse('private')
  if (isBlocked(url.hostname)) return refuse('blocked')
  return { ok: true, url: url.href }
}

function refuse(reason: TargetFault): TargetVerdict {
  return { ok: false, reason, message: messages[reason] }
}

function parse(input: string): URL | TargetFault {
  if (input.length > TARGET_MAX) return 'length'
  if (!isPlainText(input)) return 'malformed'
  return URL.parse(input) ?? 'malformed'
}

/** `example.com.` is the same host as `example.com`; one spelling keeps comparisons honest. */
function dropTrailingDot(url: URL): boolean {
  if (!url.hostname.endsWith('.')) return true
  const bare = url.hostname.slice(0, -1)
  url.hostname = bare
  return url.hostname === bare && bare !== '' && !bare.endsWith('.')
}

function isSoundHost(host: string): boolean {
  return host.startsWith('[') || isIP(host) !== 0 || isSoundName(host)
}

function isPrivateHost(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1')
  if (isIP(address) !== 0) return !isPublicAddress(address)
  return isLocalName(host)
}

/**
 * A link of ours: any path on the short host or on a tenant's, `/l/…` on the public one. Either default port is the same place to a
 * visitor.
 */
function isOurs(url: URL, rules: TargetRules): boolean {
  if (rules.shortHost !== null && isSamePlace(url, URL.parse(`http://${rules.shortHost}`))) return true
  if (rules.isShortHost(url.hostname)) return true
  return isSamePlace(url, URL.parse(rules.publicUrl)) && /^\/+l(\/|$)/i.test(decoded(url.pathname))
}

function isSamePlace(url: URL, ours: URL | null): boolean {
  if (ours === null || url.hostname !== ours.hostname.replace(/\.$/, '')) return false
  return url.port === ours.port || url.port === '' || isDefaultPort(url.port)
}

function isDefaultPort(port: string): boolean {
  return port === '80' || port === '443'
}

/** A router decodes `/%6C/x` before it matches, so the comparison does too. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
