/* How a job of the queue is shown: as a task. Its input is not, because whoever may look at tasks need not know what they hold. */
import { idTime } from '@stoa/kernel'
import type { JobFailure, JobRow, JobState } from '@stoa/queue'
import type { Task, TaskFailure } from './contract.ts'

/** The states of the queue behind a state of tasks. */
export const STATES_OF: Readonly<Record<Task['state'], readonly JobState[]>> = {
  queued: ['ready', 'held', 'waiting'],
  scheduled: ['scheduled'],
  running: ['running'],
  done: ['done'],
  dead: ['dead'],
  cancelled: ['cancelled'],
}

/** A job as a task. */
export function taskOf(row: JobRow): Task {
  const { attempt, cancelRequested, error, failures, finishedAt, id, kind, origin, runAt, startedAt } = row
  return {
    id,
    kind,
    state: stateOf(row.state),
    createdAt: idTime(id),
    createdBy: `${origin.actor.type}:${origin.actor.id}`,
    runAt,
    startedAt,
    finishedAt,
    attempt,
    failures,
    progress: row.progress,
    result: row.result ?? null,
    failure: error && shownFailure(error),
    cancelRequested,
  }
}

function stateOf(state: JobState): Task['state'] {
  switch (state) {
    case 'ready':
    case 'held':
    case 'waiting':
      return 'queued'
    default:
      return state
  }
}

/** Reasons that the queue or the author of a kind puts into words; they are meant to be read. */
const IN_WORDS: ReadonlySet<string> = new Set([
  'cancelled',
  'input_invalid',
  'reported',
  'result_invalid',
  'timeout',
  'worker_lost',
])

/**
 * A failure as callers see it. What the program threw without a code may name hosts, files and other people's things:
 * that goes to the log and to the command line, and callers are told that there was an error.
 */
export function shownFailure({ code, message, reason }: JobFailure): TaskFailure {
  if (code !== undefined) return { reason, message, code }
  return { reason, message: IN_WORDS.has(reason) ? message : 'An error of the program. Its log says more.' }
}
