/*
 * What the program tells of its parts: metrics and the readiness checks. The names are part of the contract with dashboards.
 */
import type { Database, DatabaseDeps } from '@stoa/db'
import type { JournalSignal } from '@stoa/journal'
import { type Health, type Metrics, type RootLogger, SECONDS, withSpan } from '@stoa/telemetry'

type Instrument = NonNullable<DatabaseDeps['instrument']>

/** A span for each flush to the database: the SQL text without its parameters. */
export const traceSql: Instrument = (sql, run) => {
  const operation = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? 'SQL'
  const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': operation, 'db.query.text': sql }
  return withSpan(operation, attributes, () => run(), { role: 'client' })
}

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
    // What went wrong may name hosts and users, and anyone may read this answer: it goes to the log by way of the requests that fail.
    return {
      ok,
      durability: `${db.engine}: ${durability}`,
      ...(detail !== undefined && { detail: 'cannot be reached' }),
    }
  })
}
