import { backoffMs, type Clock, type Logger } from '@stoa/kernel'
import type { JournalEvent } from './event.ts'
import type { JournalSignal, Stuck } from './signals.ts'

/** How events get to a handler that may fail. */
export interface Delivery {
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly stuckAfterFailures: number
  readonly retryMinMs: number
  readonly retryMaxMs: number
  readonly onStuck: (stuck: Stuck) => void
  readonly observe: (signal: JournalSignal) => void
  /** One attempt. */
  attempt(events: readonly JournalEvent[]): Promise<void>
  /** Whether a failure ends the delivery instead of being tried again. */
  isFinal(error: unknown): boolean
  /** After a failure, before the wait. Must not throw. */
  onFailure(failures: number, error: unknown): Promise<void>
}

/**
 * Delivers events in order until all are taken or the signal aborts; nothing is skipped. After a failure the rest goes
 * one by one, so that what can be taken is taken, and the event at fault stands alone.
 *
 * @returns false when it was aborted with events left
 * @throws a failure that is final
 */
export async function deliver(events: readonly JournalEvent[], delivery: Delivery): Promise<boolean> {
  const { clock, name, signal } = delivery
  let rest = events
  let failures = 0
  let oneByOne = false
  while (rest.length > 0) {
    if (signal.aborted) return false
    const batch = oneByOne ? rest.slice(0, 1) : rest
    try {
      await delivery.attempt(batch)
      rest = rest.slice(batch.length)
      failures = 0
      const lagMs = clock.now() - (batch.at(-1) as JournalEvent).at.getTime()
      delivery.observe({ kind: 'delivered', reader: name, events: batch.length, lagMs })
    } catch (error) {
      if (signal.aborted) return false
      if (delivery.isFinal(error)) throw error
      failures++
      oneByOne = true
      await failed(batch[0] as JournalEvent, failures, error, delivery)
    }
  }
  return true
}

async function failed(first: JournalEvent, failures: number, error: unknown, delivery: Delivery): Promise<void> {
  const { clock, log, name, signal } = delivery
  const { position } = first
  const waitMs = backoffMs(failures - 1, delivery.retryMinMs, delivery.retryMaxMs)
  log.warn(
    { err: error, reader: name, position, type: first.type, failures, waitMs },
    'a reader could not take an event',
  )
  delivery.observe({ kind: 'failed', reader: name, position, failures })
  await delivery.onFailure(failures, error)
  if (failures >= delivery.stuckAfterFailures) delivery.onStuck({ reason: 'handler', position, failures, error })
  await clock.sleep(waitMs, signal).catch(() => undefined)
}
