import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import {
  type OptionsInput,
  objectOption,
  optionalFunction,
  type Relation,
  type Resolved,
  resolveOptions,
} from '@stoa/kernel'
import type { LoadSample } from './load.ts'
import type { RateLimit } from './route.ts'

const KIB = 1024
const MIB = 1024 * KIB

function list<const T extends object>(value: T) {
  return { ...objectOption<T>(), default: value }
}

/** Every option of {@link createHttp}: type, range, default. */
const SPEC = {
  /** Address to listen on. Default 127.0.0.1; `0.0.0.0` or `::` for all. */
  host: { type: 'string', minLength: 1, default: '127.0.0.1' },
  /** 0 picks a free one. */
  port: { type: 'integer', min: 0, max: 65_535, default: 3000 },
  /** Name in the OpenAPI document and on its page. */
  title: { type: 'string', minLength: 1, default: 'Stoa' },
  /** What the OpenAPI document begins with, in Markdown: what callers should know before the first operation. Default none. */
  description: { type: 'string', default: '' },
  /** Version in the OpenAPI document. */
  version: { type: 'string', minLength: 1, default: '0.1.0' },
  /** Body limit of routes without one of their own, in bytes: 413 beyond. */
  bodyLimitBytes: { type: 'integer', min: KIB, max: 64 * MIB, default: MIB },
  /** All headers and the request line together, in bytes: 431 beyond. */
  maxHeaderBytes: { type: 'integer', min: 4 * KIB, max: 64 * KIB, default: 16 * KIB },
  /** The address, in bytes: 414 beyond. Must be below `maxHeaderBytes`. */
  maxUrlBytes: { type: 'integer', min: KIB, max: 32 * KIB, default: 8 * KIB },
  /** One path parameter, in characters: 414 beyond. */
  maxParamLength: { type: 'integer', min: 36, max: 2048, default: 256 },
  /** Open connections; more are closed as they come. */
  maxConnections: { type: 'integer', min: 1, max: 1_000_000, default: 10_000 },
  /** Time for a whole request to arrive, in milliseconds: 408 beyond. */
  requestTimeoutMs: { type: 'integer', min: 1000, max: 600_000, default: 30_000 },
  /** Time for the headers alone, in milliseconds. At most `requestTimeoutMs`. */
  headersTimeoutMs: { type: 'integer', min: 1000, max: 600_000, default: 15_000 },
  /**
   * How long an idle connection stays open, in milliseconds. Above the idle time of the proxy in front (60 s is usual).
   */
  keepAliveTimeoutMs: { type: 'integer', min: 1000, max: 600_000, default: 72_000 },
  /**
   * How long a drain says "not ready" before it stops listening, in milliseconds: the time a balancer needs to notice.
   */
  drainDelayMs: { type: 'integer', min: 0, max: 60_000, default: 0 },
  /** How long running requests may take to finish in a drain, in milliseconds; then their connections are cut. */
  drainTimeoutMs: { type: 'integer', min: 0, max: 600_000, default: 10_000 },
  /** Proxies whose `X-Forwarded-*` headers are believed: addresses and CIDR ranges. Default: none. */
  trustedProxies: list<readonly string[]>([]),
  /** Origins of browsers that may call the API, such as `https://console.example.org`; `*` for any. Default: none. */
  corsOrigins: list<readonly string[]>([]),
  /** `Strict-Transport-Security: max-age` in seconds; 0 leaves it out. Set it where TLS is in front. */
  hstsSeconds: { type: 'integer', min: 0, max: 63_072_000, default: 0 },
  /** The bucket of each caller for all operations without a limit of their own. */
  rateLimit: list<RateLimit>({ capacity: 600, refillPerSecond: 100 }),
  /** The bucket of all callers of a tenant together. */
  tenantRateLimit: list<RateLimit>({ capacity: 6000, refillPerSecond: 1000 }),
  /** The bucket of each address for what comes without credentials, or with wrong ones. */
  anonymousRateLimit: list<RateLimit>({ capacity: 120, refillPerSecond: 20 }),
  /** Requests in their handlers at once: 503 beyond. 0: no limit. */
  maxConcurrentRequests: { type: 'integer', min: 0, max: 1_000_000, default: 1000 },
  /** Mean event-loop delay in milliseconds: 503 beyond. 0: no limit. */
  maxEventLoopDelayMs: { type: 'integer', min: 0, max: 60_000, default: 1000 },
  /** Heap in use, in bytes: 503 beyond. 0: no limit. Default: 90 % of what V8 allows. */
  maxHeapUsedBytes: { type: 'integer', min: 0, default: -1 },
  /**
   * Resident memory in bytes: 503 beyond. 0: no limit. Default: 90 % of the container's limit, else of the machine's
   * memory.
   */
  maxRssBytes: { type: 'integer', min: 0, default: -1 },
  /** `problems` logs failures and slow requests; `all` logs every request, which halves what a light route can do. */
  accessLog: { type: 'enum', values: ['problems', 'all'], default: 'problems' },
  /** A request slower than this is logged, in milliseconds. 0: none is. */
  slowRequestMs: { type: 'integer', min: 0, max: 600_000, default: 1000 },
  /** `Authorization: Bearer` for `/metrics`; null leaves it open to whoever reaches the port. */
  metricsToken: { type: 'string', minLength: 16, secret: true, default: null },
  /** Serve `/openapi.json` and the page at `/docs`. */
  docs: { type: 'boolean', default: true },
  /** Replaces the measuring of the process's load. */
  measureLoad: optionalFunction<() => LoadSample>(),
} as const

/** Options of {@link createHttp}, complete. */
export type HttpConfig = Resolved<typeof SPEC>
/** Options of {@link createHttp}, as given. */
export type HttpOptions = OptionsInput<typeof SPEC>

const RELATIONS: readonly Relation<typeof SPEC>[] = [
  (o) => (o.headersTimeoutMs <= o.requestTimeoutMs ? null : 'headersTimeoutMs must not be above requestTimeoutMs'),
  (o) => (o.maxUrlBytes < o.maxHeaderBytes ? null : 'maxUrlBytes must be below maxHeaderBytes'),
  (o) => bucketFlaw('rateLimit', o.rateLimit),
  (o) => bucketFlaw('tenantRateLimit', o.tenantRateLimit),
  (o) => bucketFlaw('anonymousRateLimit', o.anonymousRateLimit),
]

function bucketFlaw(name: string, bucket: RateLimit): string | null {
  const sound = bucket.capacity >= 1 && bucket.refillPerSecond > 0
  return sound ? null : `${name} needs a capacity of at least 1 and a refillPerSecond above 0`
}

/** @throws StoaError `invalid_options` */
export function resolveHttpOptions(input: HttpOptions | undefined): HttpConfig {
  const resolved = resolveOptions(SPEC, input, { name: 'createHttp', relations: RELATIONS })
  const { maxHeapUsedBytes, maxRssBytes } = resolved
  return Object.freeze({
    ...resolved,
    maxHeapUsedBytes: maxHeapUsedBytes >= 0 ? maxHeapUsedBytes : shareOf(getHeapStatistics().heap_size_limit),
    maxRssBytes: maxRssBytes >= 0 ? maxRssBytes : shareOf(memoryOf(process.constrainedMemory(), totalmem())),
  })
}

/**
 * The memory that a process may have.
 *
 * @param constrained what the system sets it, as Node says: 0, or more than there is, when it sets nothing
 * @param total the machine's
 */
export function memoryOf(constrained: number, total: number): number {
  return constrained > 0 ? Math.min(constrained, total) : total
}

function shareOf(bytes: number): number {
  return Math.floor(bytes * 0.9)
}
