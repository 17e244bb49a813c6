/*
 * What the program's traces show beside requests: statements, Redis commands, what journal readers do with events,
 * and jobs.
 *
 * Statements and commands are shown as part of something. The polls of idle readers are part of nothing, and would be
 * most of what a collector gets.
 */
import type { DatabaseDeps } from '@stoa/db'
import type { JournalDeps } from '@stoa/journal'
import type { InstrumentJob } from '@stoa/queue'
import { currentTrace, withSpan } from '@stoa/telemetry'
import type { Command } from 'ioredis'
import type { RedisClient } from './redis-client.ts'

/** A span for each flush to the database: the SQL text without its parameters. */
export const traceSql: NonNullable<DatabaseDeps['instrument']> = (sql, run) => {
  if (currentTrace() === null) return run()
  const operation = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? 'SQL'
  const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': operation, 'db.query.text': sql }
  return withSpan(operation, attributes, () => run(), { role: 'client' })
}

/** A trace for each batch of events that a reader takes. */
export const traceReader: NonNullable<JournalDeps['instrument']> = (reader, events, run) => {
  const attributes = {
    'messaging.system': 'stoa.journal',
    'messaging.operation.type': 'process',
    'messaging.consumer.group.name': reader,
    'messaging.batch.message_count': events,
  }
  return withSpan(`process ${reader}`, attributes, () => run(), { role: 'consumer' })
}

/** A trace for each attempt at a job, which names the trace of the request that asked for it. */
export const traceJob: InstrumentJob = ({ attempt, id, kind, traceId }, run) => {
  const attributes = {
    'messaging.system': 'stoa.queue',
    'messaging.operation.type': 'process',
    'messaging.destination.name': kind,
    'messaging.message.id': id,
    'stoa.job.attempt': attempt,
    ...(traceId && { 'stoa.job.enqueued_by_trace': traceId }),
  }
  return withSpan(`process ${kind}`, attributes, () => run(), { role: 'consumer' })
}

/** A span for each command of this connection: its name, never its arguments. */
export function traceRedis(redis: RedisClient): void {
  const send = redis.sendCommand.bind(redis) as (command: Command, ...how: unknown[]) => Promise<unknown>
  redis.sendCommand = ((command: Command, ...how: unknown[]) => {
    if (currentTrace() === null) return send(command, ...how)
    const operation = command.name.toUpperCase()
    const attributes = { 'db.system.name': 'redis', 'db.operation.name': operation }
    return withSpan(operation, attributes, () => send(command, ...how), { role: 'client' })
  }) as typeof redis.sendCommand
}
