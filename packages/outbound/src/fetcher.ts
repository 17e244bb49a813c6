/**
 * Fetches what strangers name, from inside a network that is none of their business.
 *
 *   address ─▶ http or https, no credentials? ─▶ resolved ─▶ every address public? ─▶ connected to one of just these
 *      ▲                                                                                        │
 *      └──────────────────────────── a redirect, up to `maxRedirects` ──────────────────────────┘
 *
 * A name is resolved once, and the connection goes to what was looked at: a name server that answers otherwise the second
 * time (DNS rebinding) is not asked a second time. One address among several that is not public refuses the name: it is
 * either a mistake or a trick. No connection is kept, no cookie; of the caller's headers
 * `accept` alone goes along with a redirect to another origin.
 *
 * Time and size are bounded for the whole of it, redirects included. What is more than `maxBytes` is not read.
 */
import { lookup } from 'node:dns/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { OutboundError, type OutboundFault } from './outbound-error.ts'
import { isPublicAddress } from './public-address.ts'

/** What a fetcher works with. */
export interface FetcherOptions {
  /** `User-Agent` of its requests. */
  readonly userAgent: string
  /** For all of a request, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number
  /** Of a body that are read; more is cut off. Default 262,144. */
  readonly maxBytes?: number
  /** Redirects that are followed. Default 5. */
  readonly maxRedirects?: number
  /** Which addresses may be connected to. Default: those of the public internet. */
  readonly isAllowed?: (address: string) => boolean
  /** The addresses of a name. Default: those that the system knows. */
  readonly resolve?: (name: string) => Promise<readonly string[]>
  /** Certificates that are trusted besides those of the system, in PEM. Default: none. */
  readonly ca?: string
}

/** One request. */
export interface FetchRequest {
  /** Default GET. What is posted is not posted again elsewhere: a redirect of it is a failure. */
  readonly method?: 'GET' | 'HEAD' | 'POST'
  /** What is posted. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** What was answered. */
export interface Fetched {
  readonly status: number
  /** Where it was answered, after redirects. */
  readonly url: string
  /** The address that answered. */
  readonly address: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  /** Whether there was more of the body. */
  readonly truncated: boolean
  /** Where it was redirected to, in order. */
  readonly redirects: readonly string[]
}

/** Fetches; see {@link createFetcher}. @throws OutboundError; whatever the signal was aborted with */
export type Fetcher = (url: string, request?: FetchRequest) => Promise<Fetched>

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MAX_URL = 4_096
const MAX_HEADER_BYTES = 32_768

type Settings = Required<Omit<FetcherOptions, 'ca'>> & Pick<FetcherOptions, 'ca'>

/** Makes a fetcher. */
export function createFetcher(options: FetcherOptions): Fetcher {
  const settings: Settings = {
    timeoutMs: 10_000,
    maxBytes: 262_144,
    maxRedirects: 5,
    isAllowed: isPublicAddress,
    resolve: addressesOf,
    ...options,
  }
  return async (url, request = {}) => {
    const timeout = AbortSignal.timeout(settings.timeoutMs)
    const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout
    const redirects: string[] = []
    let { headers = {} } = request
    for (let from = url; ; ) {
      try {
        const { next, ...fetched } = await once(settings, parsed(from), { ...request, headers, signal })
        if (next === null) return { ...fetched, redirects }
        redirects.push(next)
        if (new URL(next).origin !== new URL(from).origin) headers = forAnybody(headers)
        from = next
      } catch (error) {
        request.signal?.throwIfAborted()
        if (error instanceof OutboundError) throw error
        if (timeout.aborted) throw new OutboundError('timeout', from, 'There was no answer in time.', error)
        throw failure(from, error)
      }
      if (redirects.length > (request.method === 'POST' ? 0 : settings.maxRedirects)) {
        throw new OutboundError('redirects', from, 'There are more redirects than are followed.')
      }
    }
  }
}

/** What was said to one origin may be a secret between the two; what kind of answer is wanted is none. */
function forAnybody(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() === 'accept'))
}

async function addressesOf(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address)
}

function parsed(text: string): URL {
  const url = text.length > MAX_URL ? null : URL.parse(text)
  if (url === null) throw new OutboundError('url', text.slice(0, MAX_URL), 'This is not a web address.')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new OutboundError('url', url.href, 'The address is neither http nor https.')
  }
  if (url.username !== '' || url.password !== '') {
    throw new OutboundError('url', url.href, 'The address carries a user name or a password.')
  }
  url.hash = ''
  return url
}

/** The addresses that may be connected to: what is asked for is what was looked at. */
async function vetted({ isAllowed, resolve }: Settings, url: URL, signal: AbortSignal): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = isIP(host) > 0 ? [host] : await resolved(resolve, host, url, signal)
  if (addresses.length === 0) throw new OutboundError('name', url.href, 'The name has no address.')
  if (addresses.every(isAllowed)) return addresses
  throw new OutboundError('private', url.href, 'The address is not part of the public internet.')
}

async function resolved(resolve: Settings['resolve'], host: string, url: URL, signal: AbortSignal) {
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => undefined)
  const abort = () => aborted.reject(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([resolve(host), aborted.promise])
  } catch (error) {
    signal.throwIfAborted()
    throw new OutboundError('name', url.href, 'The name cannot be resolved.', error)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

type One = Omit<Fetched, 'redirects'> & { readonly next: string | null }

async function once(
  settings: Settings,
  url: URL,
  request: FetchRequest & { readonly signal: AbortSignal },
): Promise<One> {
  const [address = '', ...others] = await vetted(settings, url, request.signal)
  const answer = await open(settings, url, [address, ...others], request)
  try {
    const status = answer.statusCode ?? 0
    const { location } = answer.headers
    const at = { status, url: url.href, address: answer.socket.remoteAddress ?? address, headers: answer.headers }
    if (REDIRECTS.has(status) && location !== undefined) {
      const next = URL.parse(location, url.href)
      if (next === null)
        throw new OutboundError('url', location.slice(0, MAX_URL), 'It redirects to what is no address.')
      return { ...at, body: Buffer.alloc(0), truncated: false, next: next.href }
    }
    return { ...at, ...(await bodyOf(answer, settings.maxBytes)), next: null }
  } finally {
    answer.destroy()
  }
}

/** Sends a request to one of these addresses, whatever the name says now. */
function open(
  { ca, userAgent }: Settings,
  url: URL,
  addresses: readonly string[],
  { body, headers, method = 'GET', signal }: FetchRequest & { readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  const pinned: LookupFunction = (_name, { all: wantsAll }, found) => {
    if (wantsAll) found(null, all)
    else found(null, all[0]?.address ?? '', all[0]?.family)
  }
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method,
      agent: false,
      lookup: pinned,
      signal,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: {
        accept: '*/*',
        ...headers,
        'user-agent': userAgent,
        'accept-encoding': 'identity',
        connection: 'close',
        ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      },
      ...(ca !== undefined && { ca }),
    })
    request.on('response', resolve)
    request.on('error', reject)
    // A switch of protocols is none of our business.
    request.on('upgrade', (_answer, socket) => {
      socket.destroy()
      reject(new Error('the answer is not HTTP'))
    })
    request.end(body)
  })
}

async function bodyOf(answer: IncomingMessage, maxBytes: number): Promise<{ body: Buffer; truncated: boolean }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, maxBytes - size))
    size += chunk.length
    if (size > maxBytes) return { body: Buffer.concat(chunks), truncated: true }
  }
  return { body: Buffer.concat(chunks), truncated: false }
}

function failure(url: string, error: unknown): OutboundError {
  const code = String((error as { code?: unknown }).code ?? '')
  const fault: OutboundFault = /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code) ? 'certificate' : 'unreachable'
  const message = fault === 'certificate' ? 'The certificate is not trusted.' : 'There is no answer that can be read.'
  return new OutboundError(fault, url, message, error)
}
