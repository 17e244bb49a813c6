import { resolve } from 'node:path'
import { commaList } from './comma-list.ts'
import type { Env, Environment } from './env.ts'
import { mailOf } from './mail.ts'

const MIB = 1024 * 1024
const MAX_CONNECTIONS = 10_000

/**
 * Everything that can be set, in the program's own words. Secrets are here only where they were given; see secrets.ts.
 */
export interface Config {
  /** Absolute path. */
  readonly dataDir: string
  /** null: PGlite in `<dataDir>/db`. */
  readonly database: DatabaseConfig | null
  readonly statementTimeoutMs: number
  readonly redisUrl: string | null
  /** What the cache may hold in memory. */
  readonly cacheBytes: number
  /** null: the file `<dataDir>/secret`. */
  readonly secret: string | null
  readonly http: HttpSettings
  readonly realtime: RealtimeSettings
  /** Origin without a slash at its end; null: the address that is listened on. */
  readonly publicUrl: string | null
  readonly log: LogSettings
  readonly work: WorkSettings
  /** Whole months of the journal to keep; null: all. */
  readonly journalMonths: number | null
  /** The settings of each room, by its name. */
  readonly rooms: Readonly<Record<string, Readonly<Record<string, unknown>>>> & {
    readonly mail: ReturnType<typeof mailOf>
  }
  /** The variables of OpenTelemetry. */
  readonly tracing: Env
}

/** How PostgreSQL is reached. */
export interface DatabaseConfig {
  readonly url: string
  readonly directUrl: string
  readonly poolSize: number
  readonly preparedStatements: boolean
}

/** What is said to the HTTP assembly. */
export interface HttpSettings {
  readonly host: string
  readonly port: number
  readonly trustedProxies: readonly string[]
  readonly corsOrigins: readonly string[]
  readonly hstsSeconds: number
  readonly metricsToken: string | null
  /** Beside those that stay open for events. */
  readonly maxConnections: number
  readonly accessLog: 'problems' | 'all'
  readonly drainDelayMs: number
  readonly drainTimeoutMs: number
  /** Of each caller, of all callers of a tenant, of each address without a key. */
  readonly rateLimit: RateLimit
  readonly tenantRateLimit: RateLimit
  readonly anonymousRateLimit: RateLimit
  readonly bodyLimitBytes: number
  /** What a process takes before it refuses work; 0: any. */
  readonly maxConcurrentRequests: number
  readonly maxEventLoopDelayMs: number
  /** Undefined: a share of the memory that the process may have. */
  readonly maxRssBytes: number | undefined
  readonly slowRequestMs: number
}

/** What is said to realtime. */
export interface RealtimeSettings {
  /** WebSockets and event streams of a process, and of one tenant among them. */
  readonly maxConnections: number
  readonly maxConnectionsPerTenant: number
}

/** How this process runs jobs. */
export interface WorkSettings {
  readonly enabled: boolean
  /** Jobs at the same time. */
  readonly slots: number
  /** Up to which the slots grow while jobs wait; null: they do not. */
  readonly maxSlots: number | null
  /** How long running jobs may take to end when the process stops. */
  readonly drainMs: number
}

/** A token bucket. */
export interface RateLimit {
  readonly capacity: number
  readonly refillPerSecond: number
}

/** How the program logs; always to stderr, so that stdout has what a command answers and nothing else. */
export interface LogSettings {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly format: 'json' | 'text'
}

/**
 * Makes the configuration from the environment.
 *
 * @param terminal whether people read the logs: they get text, and no more than warnings
 */
export function configOf(env: Environment, tracing: Env, terminal: boolean): Config {
  return Object.freeze({
    dataDir: resolve(env.STOA_DATA),
    database: databaseOf(env),
    statementTimeoutMs: env.STOA_DATABASE_STATEMENT_TIMEOUT_MS,
    redisUrl: env.REDIS_URL ?? null,
    cacheBytes: env.STOA_CACHE_MB * 2 ** 20,
    secret: env.STOA_SECRET ?? null,
    http: httpOf(env),
    realtime: {
      maxConnections: env.STOA_REALTIME_CONNECTIONS,
      maxConnectionsPerTenant: Math.min(env.STOA_REALTIME_TENANT_CONNECTIONS, env.STOA_REALTIME_CONNECTIONS),
    },
    publicUrl: env.STOA_PUBLIC_URL === undefined ? null : new URL(env.STOA_PUBLIC_URL).origin,
    log: {
      level: env.STOA_LOG_LEVEL ?? (terminal ? 'warn' : 'info'),
      format: env.STOA_LOG_FORMAT ?? (terminal ? 'text' : 'json'),
    },
    work: {
      enabled: env.STOA_WORK,
      slots: env.STOA_WORKER_SLOTS,
      maxSlots: env.STOA_WORKER_MAX_SLOTS ?? null,
      drainMs: env.STOA_WORKER_DRAIN_MS,
    },
    journalMonths: env.STOA_JOURNAL_MONTHS ?? null,
    rooms: {
      identity: {
        sessionIdleMinutes: env.STOA_SESSION_IDLE_MINUTES,
        sessionDays: env.STOA_SESSION_DAYS,
        passwordHashes: env.STOA_PASSWORD_HASHES,
        accessTokenSeconds: env.STOA_ACCESS_TOKEN_SECONDS,
        signingAlgorithm: env.STOA_SIGNING_ALGORITHM,
        keyPublishSeconds: env.STOA_SIGNING_KEY_PUBLISH_SECONDS,
        allowPrivateApplications: env.STOA_PRIVATE_APPLICATIONS,
        maxProviders: env.STOA_ISSUERS_KEPT,
        clientBurst: env.STOA_CLIENT_BURST,
        clientRequestsPerSecond: env.STOA_CLIENT_REQUESTS_PER_SECOND,
        addressBurst: env.STOA_CLIENT_ADDRESS_BURST,
        addressRequestsPerSecond: env.STOA_CLIENT_ADDRESS_REQUESTS_PER_SECOND,
        issuerHostsPerTenant: env.STOA_ISSUER_HOSTS,
        issuerHostProof: env.STOA_ISSUER_HOST_PROOF,
      },
      links: {
        shortHost: env.STOA_SHORT_HOST ?? null,
        allowPrivateTargets: env.STOA_LINKS_PRIVATE_TARGETS,
        clickDays: env.STOA_LINKS_CLICK_DAYS,
        geo: env.STOA_LINKS_GEO ?? null,
        blocklist: env.STOA_LINKS_BLOCKLIST ?? null,
        domainsPerTenant: env.STOA_LINKS_DOMAINS,
        domainProof: env.STOA_LINKS_DOMAIN_PROOF,
      },
      mail: mailOf(env, resolve(env.STOA_DATA)),
    },
    tracing,
  })
}

function databaseOf(env: Environment): DatabaseConfig | null {
  const url = env.DATABASE_URL
  if (url === undefined) return null
  return {
    url,
    directUrl: env.STOA_DATABASE_DIRECT_URL ?? url,
    poolSize: env.STOA_DATABASE_POOL_SIZE,
    preparedStatements: env.STOA_DATABASE_PREPARED,
  }
}

function httpOf(env: Environment): HttpSettings {
  return {
    host: env.HOST,
    port: env.PORT,
    trustedProxies: commaList(env.STOA_TRUSTED_PROXIES),
    corsOrigins: commaList(env.STOA_CORS_ORIGINS).map((entry) => (entry === '*' ? entry : new URL(entry).origin)),
    hstsSeconds: env.STOA_HSTS_SECONDS,
    metricsToken: env.STOA_METRICS_TOKEN ?? null,
    maxConnections: MAX_CONNECTIONS,
    accessLog: env.STOA_ACCESS_LOG,
    drainDelayMs: env.STOA_DRAIN_DELAY_MS,
    drainTimeoutMs: env.STOA_DRAIN_TIMEOUT_MS,
    rateLimit: rateLimitOf(env.STOA_RATE_LIMIT),
    tenantRateLimit: rateLimitOf(env.STOA_TENANT_RATE_LIMIT),
    anonymousRateLimit: rateLimitOf(env.STOA_ANONYMOUS_RATE_LIMIT),
    bodyLimitBytes: env.STOA_BODY_LIMIT_BYTES,
    maxConcurrentRequests: env.STOA_MAX_CONCURRENT_REQUESTS,
    maxEventLoopDelayMs: env.STOA_MAX_EVENT_LOOP_DELAY_MS,
    maxRssBytes: env.STOA_MAX_RSS_MIB === undefined ? undefined : env.STOA_MAX_RSS_MIB * MIB,
    slowRequestMs: env.STOA_SLOW_REQUEST_MS,
  }
}

/** `600/100` → 600 at once, 100 per second. */
export function rateLimitOf(text: string): RateLimit {
  const [capacity = '', refill = ''] = text.split('/')
  return { capacity: Number(capacity), refillPerSecond: Number(refill) }
}
