/*
 * The only place where the program is put together. Everything that is opened goes onto one stack, in an order whose
 * reverse is the order of stopping:
 *
 *   opened    tracing → database → hints → journal → queue → cache → API keys → realtime → rooms → worker → HTTP
 *   stopped   not ready (503) → connections that stay open are sent away, requests in flight → worker (running jobs) → rooms (clicks are written)
 *             → realtime → API keys → cache → queue → journal → hints → database → tracing
 *
 * The log is its caller's: it outlives all of this.
 */
import { assertCompatible, type Database, migrate } from '@stoa/db'
import {
  type ApiKeys,
  type AuthScheme,
  createApiKeys,
  createHttp,
  type Endpoint,
  type Http,
  LivePlans,
  type LivePlansDeps,
  type Route,
  TenantHosts,
} from '@stoa/http'
import { assertOwnJournal, createJournal, type Hints, type Journal } from '@stoa/journal'
import { type Clock, Resources, systemCtx } from '@stoa/kernel'
import type { Columns, Module, Room } from '@stoa/module'
import type { ChannelKind, Realtime } from '@stoa/realtime'
import {
  createHealth,
  createMetrics,
  type Health,
  type Metrics,
  type RootLogger,
  startTracing,
  type Tracing,
} from '@stoa/telemetry'
import { API } from './api-introduction.ts'
import type { Config } from './config/config.ts'
import type { InstallationSecret } from './config/secrets.ts'
import { checkPort } from './free-port.ts'
import { openSecret } from './installation.ts'
import { errorTables, events, leastRoles, migrationSets, modules, permissions, tags } from './manifest.ts'
import { databaseCheck, databaseMetrics, journalMetrics, logMetrics } from './observe.ts'
import { openCache } from './open-cache.ts'
import { openDatabase } from './open-database.ts'
import { openHints } from './open-hints.ts'
import { openLimits } from './open-limits.ts'
import { openQueue, prepareWork } from './open-queue.ts'
import { openRealtime } from './open-realtime.ts'
import { listAuditEvents } from './routes/audit.ts'
import { traceReader, traceSql } from './trace.ts'
import { VERSION } from './version.ts'

/** What the program gets from whoever starts it. */
export interface StartDeps {
  readonly log: RootLogger
  readonly clock: Clock
}

/** How to start. */
export interface StartOptions {
  /** Run what is missing of the migrations first. Default: refuse to start on a schema that is behind. */
  readonly migrates?: boolean
  /** Default: all that there is. `health`: `/health` and `/metrics` alone. */
  readonly serves?: 'health'
  /** Run jobs. Default: as the configuration says. */
  readonly works?: boolean
}

/** The running program. Disposing it drains and stops; it never throws then, what goes wrong is in the log. */
export interface Stoa extends AsyncDisposable {
  /**
   * How the outside reaches it: the configured public address, else the one that it listens on. No slash at the end.
   */
  readonly url: string
  /** Where it listens: `http://127.0.0.1:3000`. */
  readonly address: string
  readonly db: Database
  readonly apiKeys: ApiKeys
  /** While it stops: how many requests still run; null when it still takes new ones. */
  finishing(): Promise<number | null>
  /** Everything that is answered over HTTP, documented or not. */
  readonly endpoints: readonly Endpoint[]
}

/** What HTTP adds to the drain delay and the drain time-out before it is given up. */
const HTTP_CLOSE_GRACE_MS = 5_000

/** Without a hint. On PGlite there is nobody else who could write. */
const PLANS_POLL_MS = { postgres: 500, pglite: 60_000 }

const UNTRUSTED_PROXY =
  'a proxy seems to be in front and is not trusted: all its visitors count as one address, and share one rate limit. ' +
  'If it is yours, let it send X-Forwarded-For and set STOA_TRUSTED_PROXIES to its address'

/**
 * Starts the program: opens, checks, listens. When something is wrong, what was opened is closed again.
 *
 * @throws DataFolderError, StoaError, a listening error: see failure.ts for their words
 */
export async function startStoa(config: Config, deps: StartDeps, options: StartOptions = {}): Promise<Stoa> {
  const resources = new Resources({ clock: deps.clock })
  try {
    return await start(config, deps, options, resources)
  } catch (error) {
    await stop(resources, deps)
    throw error
  }
}

async function start(config: Config, deps: StartDeps, options: StartOptions, resources: Resources): Promise<Stoa> {
  const { log, clock } = deps
  await checkPort(config.http.host, config.http.port)
  const tracing = resources.use(await startTracing(config.tracing, { serviceVersion: VERSION, log }), 'tracing')
  const instrument = tracing.enabled && { instrument: traceSql }
  const db = resources.use(await openDatabase(config, { log, clock, ...instrument }), 'database')
  if (options.migrates) await migrate(db, migrationSets, deps)
  else await assertCompatible(db, migrationSets)
  await assertOwnJournal(db)
  const { derive: secret } = await openSecret(db, systemCtx(deps, 'start'), config)
  const ground = { ...deps, db, secret, tracing }
  const composed = await compose(config, ground, resources, options.serves)
  const { http, apiKeys, realtime, rooms, reachedAt, startWork } = composed
  // A process that only works shows nobody anything.
  await Promise.all([options.serves !== 'health' && realtime.open(), ...rooms.map((room) => room.ready?.())])
  const [address] = await Promise.all([http.listen(), (options.works ?? config.work.enabled) && startWork()])
  const { endpoints } = http
  return {
    url: reachedAt(address),
    address,
    db,
    apiKeys,
    endpoints,
    finishing: async () => (http.app.server.listening ? null : await http.connections()),
    [Symbol.asyncDispose]: () => stop(resources, deps),
  }
}

/** What the program is put together on. */
export interface Ground extends StartDeps {
  /** With every migration. */
  readonly db: Database
  readonly secret: InstallationSecret['derive']
  /** Default: none. */
  readonly tracing?: Tracing
}

/** The program, put together. Nobody listens yet. */
export interface Composed {
  readonly http: Http
  readonly apiKeys: ApiKeys
  readonly rooms: readonly Room[]
  readonly realtime: Realtime
  /** Says where it listens. Gives how the outside reaches it. */
  reachedAt(address: string): string
  /** Begins to run jobs, which the rooms have to be ready for. */
  startWork(): Promise<void>
}

/**
 * Puts the program together on its ground; the resources take charge of what is opened.
 *
 * @param serves see {@link StartOptions}
 */
export async function compose(
  config: Config,
  ground: Ground,
  resources: Resources,
  serves?: StartOptions['serves'],
): Promise<Composed> {
  const { log, clock, db, secret, tracing } = ground
  const metrics = resources.use(createMetrics(), 'metrics')
  const health = await openHealth(config, db, ground, resources)
  databaseMetrics(metrics, db)
  logMetrics(metrics, log)
  const hints = resources.use(await openHints(config, db, ground), 'hints')
  const journal = await openJournal(config, hints, metrics, ground, resources)
  const queue = openQueue({ ...ground, hints, journal, metrics, health }, resources)
  const { caughtUp, ...caches } = await openCache(config, { ...ground, journal, metrics }, resources)
  const own = { db, journal, clock, log, secret }
  const { requests, tries } = await openLimits(config, ground, resources)
  const plans = serves === 'health' ? null : await openPlans({ ...own, hints }, resources)
  const apiKeys = resources.use(createApiKeys({ ...own, ...tries, permissions: Object.keys(permissions) }), 'API keys')
  const schemes: AuthScheme[] = [apiKeys.scheme]
  const admits = new Map<string, NonNullable<ChannelKind['admit']>>()
  const realtime = await openRealtime(
    config,
    { ...own, ...requests, admits, apiKeys, schemes, metrics, health },
    resources,
  )
  let url = config.publicUrl ?? ''
  const roles = { permissions, leastRoles }
  const hosts = new TenantHosts({ db, ctx: systemCtx(ground, 'hosts'), publicUrl: () => url })
  const rooms = await openRooms(resources, (module) =>
    roomColumns(
      module,
      config,
      { ...own, ...tries, ...roles, ...caches, apiKeys, hosts, queue, realtime, metrics, health },
      () => url,
    ),
  )
  for (const { admits: refusing = {}, jobs = [], keyOwners, schemes: brought = [] } of rooms) {
    for (const [pattern, admit] of Object.entries(refusing)) admits.set(pattern, admit)
    queue.define(...jobs)
    schemes.push(...brought)
    if (keyOwners) apiKeys.boundBy(keyOwners)
  }
  const startWork = prepareWork(queue, config.work, metrics, resources)
  const maxConnections = config.http.maxConnections + config.realtime.maxConnections
  const http = await createHttp(
    { ...config.http, ...API, maxConnections, docs: serves !== 'health' },
    {
      ...own,
      ...requests,
      ...(plans && { plans }),
      routes: serves === 'health' ? [] : [...routesOf(journal, apiKeys, rooms), ...hosts.routes, ...realtime.routes],
      mounts: serves === 'health' ? [] : rooms.flatMap((room) => [...(room.mounts ?? [])]),
      schemes,
      caughtUp,
      onDrain: () => drainAll(realtime, rooms),
      health,
      metrics,
      ...(tracing && { tracing }),
      errors: Object.values(errorTables),
      tags,
      onUnreadForwarding: (seen) => log.warn(seen, UNTRUSTED_PROXY),
    },
  )
  const { drainDelayMs, drainTimeoutMs } = config.http
  const close = () => http[Symbol.asyncDispose]()
  resources.add('http', close, drainDelayMs + drainTimeoutMs + HTTP_CLOSE_GRACE_MS)
  return { http, apiKeys, rooms, realtime, reachedAt: (address) => (url ||= address), startWork }
}

/** Which tenants have other limits, as it is known here from now on. */
async function openPlans(deps: LivePlansDeps, resources: Resources): Promise<LivePlans> {
  const plans = resources.use(new LivePlans({ ...deps, pollMs: PLANS_POLL_MS[deps.db.engine] }), 'plans')
  await plans.ready
  return plans
}

/** Ends what stays open by itself. */
function drainAll(realtime: Realtime, rooms: readonly Room[]): void {
  realtime.drain()
  for (const room of rooms) room.drain?.()
}

async function stop(resources: Resources, { log }: StartDeps): Promise<void> {
  try {
    await resources[Symbol.asyncDispose]()
  } catch (err) {
    log.error({ err }, 'not everything stopped cleanly')
  }
}

async function openJournal(
  config: Config,
  hints: Hints,
  metrics: Metrics,
  ground: Ground,
  resources: Resources,
): Promise<Journal> {
  const { clock, db, log, tracing } = ground
  const instrument = tracing?.enabled && { instrument: traceReader }
  const journal = createJournal({ events }, { db, hints, log, clock, observe: journalMetrics(metrics), ...instrument })
  const maintenance = resources.use(journal.maintain({ retainMonths: config.journalMonths }), 'journal maintenance')
  // The month's partition has to be there before the first event.
  await maintenance.first
  return journal
}

/** Ready means: the database answers. Redis is reported, and never the reason not to be ready. */
async function openHealth(config: Config, db: Database, deps: StartDeps, resources: Resources): Promise<Health> {
  const health = createHealth({}, deps)
  databaseCheck(health, db)
  if (config.redisUrl !== null) {
    const { redisCheck } = await import('./redis-check.ts')
    redisCheck(health, config.redisUrl, resources)
  }
  return health
}

function roomColumns(
  { name }: Module,
  config: Config,
  own: Omit<Columns, 'publicUrl' | 'config'>,
  publicUrl: () => string,
): Columns {
  return { ...own, log: own.log.child({ room: name }), publicUrl, config: config.rooms[name] ?? {} }
}

/** Opens every room; the resources take charge of each as soon as it is open. */
async function openRooms(resources: Resources, columns: (module: Module) => Columns): Promise<Room[]> {
  const rooms: Room[] = []
  for (const module of modules) rooms.push(resources.use(await module.create(columns(module)), module.name))
  return rooms
}

/** The routes of the program, in the order of the documentation. */
function routesOf(journal: Journal, apiKeys: ApiKeys, rooms: readonly Room[]): Route[] {
  return [...rooms.flatMap((room) => [...room.routes]), ...apiKeys.routes, listAuditEvents(journal)]
}
