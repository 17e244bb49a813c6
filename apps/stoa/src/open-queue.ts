/*
 * The queue, and the one worker of this process. The worker is started when the rooms are ready, because it runs their
 * jobs, and stopped after the last request was answered and before the rooms close.
 */
import type { Database } from '@stoa/db'
import { announceTasks } from '@stoa/jobs'
import type { Hints, Journal } from '@stoa/journal'
import type { Clock, Logger, Resources } from '@stoa/kernel'
import { createQueue, type Queue, type Worker } from '@stoa/queue'
import type { Health, Metrics } from '@stoa/telemetry'
import type { Config } from './config/config.ts'
import { depthMetrics, queueCheck, queueObserver, slotMetrics } from './observe-queue.ts'
import { traceJob } from './trace.ts'

/** What the queue stands on. */
interface QueueGround {
  readonly db: Database
  readonly log: Logger
  readonly clock: Clock
  readonly hints: Hints
  readonly journal: Journal
  readonly tracing?: { readonly enabled: boolean }
  readonly metrics: Metrics
  readonly health: Health
}

/** Opens the queue. The rooms say later which kinds of jobs there are. */
export function openQueue(ground: QueueGround, resources: Resources): Queue {
  const { db, log, clock, hints, journal, metrics, health, tracing } = ground
  const instrument = tracing?.enabled && { instrument: traceJob }
  const deps = {
    db,
    log,
    clock,
    hints,
    observe: queueObserver(metrics),
    announce: announceTasks(journal),
    ...instrument,
  }
  const queue = resources.use(createQueue({}, deps), 'queue')
  depthMetrics(metrics, queue)
  queueCheck(health, queue.operations, log)
  return queue
}

/** After its drain a worker still writes how the last jobs ended, and leaves. */
const STOP_GRACE_MS = 10_000

/**
 * The worker of this process, which does not work yet.
 *
 * @returns what starts it
 */
export function prepareWork(
  queue: Queue,
  { drainMs, maxSlots, slots }: Config['work'],
  metrics: Metrics,
  resources: Resources,
): () => Promise<void> {
  let worker: Worker | null = null
  slotMetrics(metrics, () => worker)
  resources.add('worker', () => worker?.[Symbol.asyncDispose](), drainMs + STOP_GRACE_MS)
  return async () => {
    worker = await queue.work({ slots, drainMs, ...(maxSlots !== null && { maxSlots }) })
  }
}
