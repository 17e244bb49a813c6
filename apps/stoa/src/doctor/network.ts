import type { Readiness } from '@stoa/telemetry'
import type { Config } from '../config/config.ts'
import { redisPlace } from '../config/redis.ts'
import { listenFailure } from '../failure.ts'
import { checkPort } from '../free-port.ts'
import { type Finding, findings, reasonOf } from './finding.ts'

const LOCAL_HOST = /^(localhost|127\.|\[?::1)/
const ASK_TIMEOUT_MS = 3_000

/** The port: free, or Stoa is on it already; then what that one says of itself. */
export async function portFindings(config: Pick<Config, 'http'>): Promise<Finding[]> {
  const { fail, ok } = findings('Port')
  const { host, port } = config.http
  if (port === 0) return [ok('A free one is picked at the start.')]
  try {
    await checkPort(host, port)
    return [ok(`${port} on ${host} is free.`)]
  } catch (error) {
    const origin = originOf(host, port)
    if (await isStoa(origin)) return [ok(`Stoa is running on port ${port}.`), ...(await runningFindings(origin))]
    return [fail(listenFailure(error as Error, config) ?? reasonOf(error), 'Free the port, or set PORT and HOST.')]
  }
}

/** How this machine reaches what listens there. */
function originOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}

async function isStoa(origin: string): Promise<boolean> {
  try {
    const answer = await ask(`${origin}/health/live`)
    return answer.headers.has('x-request-id') && answer.ok
  } catch {
    return false
  }
}

function ask(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) })
}

/** What the running program says of its parts: a check that fails, and one that works and has something to tell. */
async function runningFindings(origin: string): Promise<Finding[]> {
  const { fail, ok, warn } = findings('Running')
  try {
    const { checks } = (await (await ask(`${origin}/health/ready`)).json()) as Readiness
    const found = Object.entries(checks).flatMap(([name, { detail, ok: works }]) => {
      if (works && detail === undefined) return []
      return [(works ? warn : fail)(`${name}: ${detail ?? 'does not work'}.`, 'The log says more.')]
    })
    return found.length > 0 ? found : [ok(`All is well: ${Object.keys(checks).join(', ')}.`)]
  } catch (error) {
    return [fail(`It does not say how it is: ${reasonOf(error)}.`, `Ask ${origin}/health/ready.`)]
  }
}

/** What the outside sees: the public address, TLS, whether it stays, proxies, metrics. */
export function outsideFindings({ http, publicUrl }: Pick<Config, 'http' | 'publicUrl'>): Finding[] {
  const { ok, warn } = findings('Outside')
  const isOpen = !LOCAL_HOST.test(http.host)
  const found: Finding[] = []
  if (publicUrl === null) {
    found.push(
      isOpen
        ? warn(
            'STOA_PUBLIC_URL is not set: short links name the address that Stoa listens on.',
            'Set it to what people type.',
          )
        : ok('Stoa can be reached from this machine alone.'),
    )
  } else if (publicUrl.startsWith('http:') && !LOCAL_HOST.test(new URL(publicUrl).hostname)) {
    found.push(
      warn(
        `${publicUrl} is without TLS: API keys travel in the clear.`,
        'Put a proxy with TLS in front, such as Caddy.',
      ),
    )
  } else {
    found.push(ok(`The outside reaches it at ${publicUrl}.`))
  }
  if (publicUrl?.startsWith('https:') && http.hstsSeconds === 0) {
    found.push(
      warn(
        'Browsers are not told to come by TLS alone (Strict-Transport-Security).',
        'Set STOA_HSTS_SECONDS=31536000 once TLS is there to stay, or let the proxy say it.',
      ),
    )
  }
  if (http.trustedProxies.length === 0) found.push(...untrustedFindings(isOpen, publicUrl))
  if (isOpen && http.metricsToken === null) {
    found.push(
      warn('/metrics is open to whoever reaches the port.', 'Set STOA_METRICS_TOKEN, or keep it closed in the proxy.'),
    )
  }
  return found
}

/** Nobody is trusted: which is wrong behind a proxy, and right without one. */
function untrustedFindings(isOpen: boolean, publicUrl: string | null): Finding[] {
  const { warn } = findings('Outside')
  const advice = 'Set STOA_TRUSTED_PROXIES to the addresses of the proxies in front.'
  if (
    publicUrl !== null &&
    !LOCAL_HOST.test(new URL(publicUrl).hostname) &&
    (!isOpen || publicUrl.startsWith('https:'))
  ) {
    return [
      warn(
        'A proxy seems to be in front, and none is trusted: all callers look like one address, with one rate limit.',
        advice,
      ),
    ]
  }
  if (!isOpen) return []
  return [
    warn('No proxy is trusted: behind one, all callers would look like one address, with one rate limit.', advice),
  ]
}

/** Redis answers. */
export async function redisFindings({ redisUrl }: Pick<Config, 'redisUrl'>): Promise<Finding[]> {
  if (redisUrl === null) return []
  const { ok, warn } = findings('Redis')
  const place = redisPlace(redisUrl)
  try {
    const { pingRedis } = await import('../redis-check.ts')
    await pingRedis(redisUrl)
    return [ok(`It answers at ${place}.`)]
  } catch (error) {
    return [
      warn(
        `It does not answer at ${place}: ${reasonOf(error)}.`,
        'Check REDIS_URL. Stoa works without it; other processes notice changes later.',
      ),
    ]
  }
}
