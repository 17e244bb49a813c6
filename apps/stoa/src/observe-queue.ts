/* What the program tells of its queue: metrics, and what is to be known of it in `/health/ready`. */
import type { Logger } from '@stoa/kernel'
import { EXTERNAL_LANE, type LaneDepth, type Operations, type Queue, type QueueSignal, type Worker } from '@stoa/queue'
import { type CounterChild, type Health, type HistogramChild, type Metrics, SECONDS } from '@stoa/telemetry'

/** Jobs may wait and run for longer than requests. */
const LONG_SECONDS: readonly number[] = [...SECONDS, 30, 60, 300, 1_800]
/** What has waited for so long is worth telling. */
const LONG_WAIT_MS = 60_000

/**
 * Counts what happens to jobs. The labels are lanes and kinds that the program knows, so there is an end of them: the
 * kinds that tenants declare are counted as one, `external`.
 */
export function queueObserver(metrics: Metrics): (signal: QueueSignal) => void {
  const ofJob = ['lane', 'job'] as const
  const enqueued = metrics.counter({
    name: 'stoa_queue_enqueued_total',
    help: 'Jobs that this process has enqueued.',
    labels: ofJob,
  })
  const waited = metrics.histogram({
    name: 'stoa_queue_wait_seconds',
    help: 'How long jobs waited from when they could have started until they did.',
    labels: ofJob,
    buckets: LONG_SECONDS,
  })
  const ran = metrics.histogram({
    name: 'stoa_queue_run_seconds',
    help: 'How long attempts at jobs took.',
    labels: ofJob,
    buckets: LONG_SECONDS,
  })
  const ended = metrics.counter({
    name: 'stoa_queue_attempts_total',
    help: 'Attempts that have ended, by how: done, retry, snooze, dead, cancelled.',
    labels: [...ofJob, 'outcome'],
  })
  const trouble = troubleObserver(metrics)
  const waits = remembered<HistogramChild>((lane, job) => waited.labels(lane, job))
  const runs = remembered<HistogramChild>((lane, job) => ran.labels(lane, job))
  const births = remembered<CounterChild>((lane, job) => enqueued.labels(lane, job))
  return (signal) => {
    switch (signal.kind) {
      case 'enqueued':
        return births(signal.lane, labelOf(signal)).inc(signal.count)
      case 'started':
        return waits(signal.lane, labelOf(signal)).observe(Math.max(0, signal.waitedMs) / 1000)
      case 'ended':
        ended.labels(signal.lane, labelOf(signal), signal.outcome).inc()
        return runs(signal.lane, labelOf(signal)).observe(signal.ranMs / 1000)
      default:
        return trouble(signal)
    }
  }
}

function labelOf({ job, lane }: { readonly job: string; readonly lane: string }): string {
  return lane === EXTERNAL_LANE ? EXTERNAL_LANE : job
}

function troubleObserver(metrics: Metrics) {
  const stale = metrics.counter({
    name: 'stoa_queue_stale_total',
    help: 'Attempts that were over when this process wanted to end them: somebody else has the job.',
  })
  const rescued = metrics.counter({
    name: 'stoa_queue_rescued_total',
    help: 'Jobs that this process took back from workers that were gone.',
    labels: ['lane'],
  })
  const givenUp = metrics.counter({
    name: 'stoa_queue_given_up_total',
    help: 'How often the worker of this process was silent for so long that others gave it up.',
  })
  const failed = metrics.counter({
    name: 'stoa_queue_failures_total',
    help: 'What the database did not take, and is tried again.',
    labels: ['what'],
  })
  return (signal: Extract<QueueSignal, { kind: 'stale' | 'rescued' | 'given_up' | 'failed' }>): void => {
    if (signal.kind === 'stale') stale.inc(signal.count)
    else if (signal.kind === 'given_up') givenUp.inc()
    else if (signal.kind === 'failed') failed.labels(signal.what).inc()
    else for (const { lane } of signal.jobs) rescued.labels(lane).inc()
  }
}

/** Looks a child up once: a process may end fifty thousand jobs in a second. */
function remembered<Child>(make: (lane: string, job: string) => Child): (lane: string, job: string) => Child {
  const children = new Map<string, Child>()
  return (lane, job) => {
    const name = `${lane} ${job}`
    let child = children.get(name)
    if (!child) {
      child = make(lane, job)
      children.set(name, child)
    }
    return child
  }
}

/** What waits, in the whole installation: each process tells the same, so take the largest, not the sum. */
export function depthMetrics(metrics: Metrics, { operations }: Pick<Queue, 'operations'>): void {
  // Both are read at the same scrape, by one look.
  let look: Promise<readonly LaneDepth[]> | null = null
  const depths = () => {
    look ??= operations.depths().finally(() => {
      look = null
    })
    return look
  }
  metrics.gauge({
    name: 'stoa_queue_depth',
    help: 'Jobs that are not running, by lane: ready, scheduled for later, held by a limit. Counted up to 100,000.',
    labels: ['lane', 'state'],
    collect: async (gauge) => {
      for (const { held, lane, ready, scheduled } of await depths()) {
        gauge.labels(lane, 'ready').set(ready)
        gauge.labels(lane, 'scheduled').set(scheduled)
        gauge.labels(lane, 'held').set(held)
      }
    },
  })
  metrics.gauge({
    name: 'stoa_queue_oldest_seconds',
    help: 'For how long the job has waited that has waited longest and could run, by lane. 0 when none waits. Scale by this.',
    labels: ['lane'],
    collect: async (gauge) => {
      for (const { lane, oldestMs } of await depths()) gauge.labels(lane).set(oldestMs / 1000)
    },
  })
}

/** How much of this process's worker is used. */
export function slotMetrics(metrics: Metrics, worker: () => Pick<Worker, 'load'> | null): void {
  metrics.gauge({
    name: 'stoa_queue_slots',
    help: 'Jobs that run in this process, and how many may at the same time.',
    labels: ['state'],
    collect: (gauge) => {
      const { running, slots } = worker()?.load ?? { running: 0, slots: 0 }
      gauge.labels('running').set(running)
      gauge.labels('all').set(slots)
    },
  })
}

/** Never a reason not to be ready: who waits for a job is not helped by a process less. */
export function queueCheck(health: Health, operations: Pick<Operations, 'depths' | 'paused'>, log: Logger): void {
  health.add('queue', async () => {
    try {
      const [depths, paused] = await Promise.all([operations.depths(), operations.paused()])
      const late = depths
        // Whether there are workers outside is up to the tenants.
        .filter(({ lane, oldestMs }) => lane !== EXTERNAL_LANE && oldestMs > LONG_WAIT_MS)
        .map(({ lane, oldestMs, ready }) => `${lane}: ${ready} wait, the oldest for ${Math.round(oldestMs / 1000)} s`)
      const told = [...late, ...(paused.length > 0 ? [`paused: ${paused.join(', ')}`] : [])]
      return { ok: true, ...(told.length > 0 && { detail: told.join('; ') }) }
    } catch (err) {
      log.warn({ err }, 'the queue could not be looked at')
      return { ok: true, detail: 'cannot be looked at' }
    }
  })
}
