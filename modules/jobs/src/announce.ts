/*
 * What happens to a tracked job goes into the journal, in the transaction that makes it happen: so whoever follows a
 * task is told nothing that is undone later, and misses nothing.
 */
import type { EventInput, Journal } from '@stoa/journal'
import type { Announce, AnnouncedJob, Transition } from '@stoa/queue'
import {
  taskCancelled,
  taskDead,
  taskDone,
  taskFailed,
  taskProgressed,
  taskQueued,
  taskSnoozed,
  taskStarted,
} from './events.ts'
import { shownFailure } from './task.ts'

/** A larger result is not in the event: readers of the journal are not to carry it. */
const MAX_RESULT_BYTES = 16_384

/** For {@link QueueDeps.announce}: appends what happens to a journal that knows the events of this room. */
export function announceTasks(journal: Pick<Journal, 'append'>): Announce {
  return (ctx, tx, job, transition) => journal.append(ctx, tx, eventOf(job, transition))
}

function eventOf({ attempt, id, kind }: AnnouncedJob, transition: Transition): EventInput {
  const subjects = [`task:${id}`]
  const of = { kind, attempt }
  switch (transition.kind) {
    case 'queued':
      return taskQueued.of(of, subjects)
    case 'started':
      return taskStarted.of(of, subjects)
    case 'progress':
      return taskProgressed.of({ ...of, fraction: transition.fraction, note: transition.note }, subjects)
    case 'done':
      return taskDone.of({ ...of, ...resultOf(transition.result) }, subjects)
    case 'failed':
      return taskFailed.of(
        { ...of, failure: shownFailure(transition.failure), retryAt: transition.nextAt.toISOString() },
        subjects,
      )
    case 'snoozed':
      return taskSnoozed.of({ ...of, retryAt: transition.nextAt.toISOString() }, subjects)
    case 'dead':
      return taskDead.of({ ...of, failure: shownFailure(transition.failure) }, subjects)
    case 'cancelled':
      return taskCancelled.of({ ...of, failure: shownFailure(transition.failure) }, subjects)
  }
}

function resultOf(result: unknown): { readonly result: unknown; readonly resultOmitted: boolean } {
  if (result === null || result === undefined) return { result: null, resultOmitted: false }
  const isLarge = Buffer.byteLength(JSON.stringify(result)) > MAX_RESULT_BYTES
  return { result: isLarge ? null : result, resultOmitted: isLarge }
}
