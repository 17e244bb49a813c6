/*
 * What the program tells of its parts: metrics and the readiness checks. The names are part of the contract with
 * dashboards.
 */
import type { Cache, CacheSignal } from '@stoa/cache'
import type { Database } from '@stoa/db'
import type { JournalSignal } from '@stoa/journal'
import type { Logger } from '@stoa/kernel'
import type { Realtime } from '@stoa/realtime'
import { type Health, type Metrics, type RootLogger, SECONDS } from '@stoa/telemetry'

/** Counts what happens to journal readers. */
export function journalMetrics(metrics: Metrics): (signal: JournalSignal) => void {
  const delivered = metrics.counter({
    name: 'stoa_journal_events_delivered_total',
    help: 'Events that readers have taken.',
    labels: ['reader'],
  })
  const failed = metrics.counter({
    name: 'stoa_journal_reader_failures_total',
    help: 'Deliveries that failed and are tried again.',
    labels: ['reader'],
  })
  const lag = metrics.histogram({
    name: 'stoa_journal_lag_seconds',
    help: 'Age of the newest event of a delivery.',
    labels: ['reader'],
    buckets: SECONDS,
  })
  return (signal) => {
    if (signal.kind === 'failed') failed.labels(signal.reader).inc()
    if (signal.kind !== 'delivered') return
    delivered.labels(signal.reader).inc(signal.events)
    lag.labels(signal.reader).observe(signal.lagMs / 1000)
  }
}

/** How what was asked of the cache was answered, and how full its memory is. */
export function cacheMetrics(metrics: Metrics, cache: Pick<Cache, 'memory' | 'outcomes'>): void {
  const seen = { hit: 0, miss: 0, stale: 0, bypass: 0, evictions: 0 }
  metrics.counter({
    name: 'stoa_cache_answers_total',
    help: 'Answers of the cache, by how they came (X-Cache).',
    labels: ['outcome'],
    collect: (counter) => {
      const { outcomes } = cache
      for (const outcome of ['hit', 'miss', 'stale', 'bypass'] as const) {
        counter.labels(outcome).inc(outcomes[outcome] - seen[outcome])
        seen[outcome] = outcomes[outcome]
      }
    },
  })
  metrics.gauge({
    name: 'stoa_cache_hit_ratio',
    help: 'Share of the answers since the start that needed no load, of those that did not pass the cache by. 0 when there are none.',
    collect: (gauge) => {
      const { hit, miss, stale } = cache.outcomes
      gauge.set((hit + stale) / Math.max(1, hit + stale + miss))
    },
  })
  metrics.gauge({
    name: 'stoa_cache_memory_bytes',
    help: 'What the memory of the cache holds, as estimated.',
    collect: (gauge) => gauge.set(cache.memory.bytes),
  })
  metrics.counter({
    name: 'stoa_cache_evictions_total',
    help: 'Entries that gave way to others in memory.',
    collect: (counter) => {
      const { evictions } = cache.memory
      counter.inc(evictions - seen.evictions)
      seen.evictions = evictions
    },
  })
}

/** Counts what else happens in the cache, and says when Redis is left alone. */
export function cacheObserver(metrics: Metrics, log: Logger): (signal: CacheSignal) => void {
  const load = metrics.histogram({
    name: 'stoa_cache_load_seconds',
    help: 'How long it took to read what was not there.',
    buckets: SECONDS,
  })
  const failed = metrics.counter({ name: 'stoa_cache_load_failures_total', help: 'Loads that failed.' })
  const refused = metrics.counter({
    name: 'stoa_cache_refused_total',
    help: 'Values that were not kept, because what they depend on was changed while they were read.',
    labels: ['by'],
  })
  const redis = metrics.counter({
    name: 'stoa_cache_redis_failures_total',
    help: 'Commands of the cache that Redis failed, or did not answer in time.',
  })
  return (signal) => {
    if (signal.kind === 'loaded') load.observe(signal.spentMs / 1000)
    else if (signal.kind === 'load_failed') failed.inc()
    else if (signal.kind === 'refused') refused.labels(signal.by).inc()
    else if (signal.kind === 'redis_failed') redis.inc()
    else if (signal.kind === 'redis_away')
      log.warn({}, 'the cache leaves Redis alone for a while: it does not answer in time')
    else if (signal.kind === 'redis_back') log.info({}, 'the cache uses Redis again')
  }
}

/** Who is connected for events, and what they were given. */
export function realtimeMetrics(metrics: Metrics, realtime: Pick<Realtime, 'status'>): void {
  const gauge = (name: string, help: string, of: (status: Realtime['status']) => number) =>
    metrics.gauge({ name: `stoa_realtime_${name}`, help, collect: (own) => own.set(of(realtime.status)) })
  const counter = (name: string, help: string, of: (status: Realtime['status']) => number) => {
    let seen = 0
    metrics.counter({
      name: `stoa_realtime_${name}_total`,
      help,
      collect(own) {
        const now = of(realtime.status)
        own.inc(now - seen)
        seen = now
      },
    })
  }
  gauge('connections', 'Open WebSockets and event streams.', ({ connections }) => connections.open)
  gauge('connections_unknown', 'Those that have not said who they are.', ({ connections }) => connections.unknown)
  gauge('subscriptions', 'Channels that connections follow.', ({ subscriptions }) => subscriptions)
  gauge('buffered_bytes', 'Waiting to be sent to all connections.', ({ bufferedBytes }) => bufferedBytes)
  gauge('history_bytes', 'Events kept in memory to resume from.', ({ historyBytes }) => historyBytes)
  counter('deliveries', 'Events that were written to connections.', ({ hub }) => hub.deliveries)
  counter('resyncs', 'Times that somebody was told to read anew.', ({ hub }) => hub.resyncs)
  counter('lagged', 'Times that somebody read too slowly.', ({ hub }) => hub.lagged)
  counter('opened', 'Connections that were let in.', ({ guests }) => guests.opened)
  counter('refused', 'Connections that were told to come back later.', ({ guests }) => guests.refused)
}

/** Says when there is hardly room for one more connection. */
export function realtimeCheck(health: Health, realtime: Pick<Realtime, 'status'>, maxConnections: number): void {
  health.add('realtime', async () => {
    const { open } = realtime.status.connections
    return open < 0.9 * maxConnections
      ? { ok: true }
      : { ok: true, detail: 'hardly any more connections are let in: see STOA_REALTIME_CONNECTIONS' }
  })
}

/** How busy the database's connections are. */
export function databaseMetrics(metrics: Metrics, db: Database): void {
  const connections = metrics.gauge({
    name: 'stoa_database_connections',
    help: 'Connections of the pool, and callers that wait for one.',
    labels: ['state'],
    collect: (gauge) => {
      const { open, idle, waiting } = db.usage()
      gauge.labels('used').set(open - idle)
      gauge.labels('idle').set(idle)
      gauge.labels('waiting').set(waiting)
    },
  })
  connections.labels('waiting').set(0)
}

/** Log lines that were given up because the reader of the output is too slow. */
export function logMetrics(metrics: Metrics, log: RootLogger): void {
  metrics.gauge({
    name: 'stoa_log_lines_dropped',
    help: 'Log lines given up since the start, because nobody read them fast enough.',
    collect: (gauge) => gauge.set(log.dropped),
  })
}

/** Ready means: the database answers. Each engine says what a commit survives. */
export function databaseCheck(health: Health, db: Database): void {
  health.add('database', async () => {
    const { detail, durability, ok } = await db.check()
    // What went wrong may name hosts and users, and anyone may read this answer: it goes to the log by way of the
    // requests that fail.
    return {
      ok,
      durability: `${db.engine}: ${durability}`,
      ...(detail !== undefined && { detail: 'cannot be reached' }),
    }
  })
}
