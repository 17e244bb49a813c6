import { type OptionsInput, type OptionsSpec, optionalFunction, type Resolved } from '@stoa/kernel'
import type { Stuck } from './signals.ts'

const common = {
  name: {
    type: 'string',
    maxLength: 100,
    pattern: /^[a-z][a-z0-9._-]*$/,
    patternHint: 'small letters, digits and ._-',
  },
  batchSize: { type: 'integer', min: 1, max: 5_000, default: 500 },
  pollMs: { type: 'integer', min: 10, max: 60_000, default: 1_000 },
  stuckAfterFailures: { type: 'integer', min: 1, max: 1_000, default: 5 },
  retryMinMs: { type: 'integer', min: 1, max: 60_000, default: 100 },
  retryMaxMs: { type: 'integer', min: 1, max: 3_600_000, default: 60_000 },
  onStuck: optionalFunction<(stuck: Stuck) => void>(),
} as const satisfies OptionsSpec

/** The options of a live tail; see {@link TailOptions}. */
export const TAIL_OPTIONS = common

/** The options of a watch; see {@link WatchOptions}. */
export const WATCH_OPTIONS = {
  name: common.name,
  batchSize: common.batchSize,
  pollMs: common.pollMs,
} as const satisfies OptionsSpec

/** The options of a durable reader; see {@link ReaderOptions}. */
export const READER_OPTIONS = {
  ...common,
  from: { type: 'enum', values: ['start', 'now'] },
  transactional: { type: 'boolean', default: false },
  leaseMs: { type: 'integer', min: 200, max: 600_000, default: 15_000 },
  saveMs: { type: 'integer', min: 0, max: 10_000, default: 200 },
} as const satisfies OptionsSpec

/**
 * How a live tail reads.
 *
 * - `name`: for logs and metrics.
 * - `batchSize`: events per call of the handler at most. More are cheaper each and hold more memory. 1–5 000. Default
 *   500.
 * - `pollMs`: how often to look without a hint, and so how late an event is whose hint was lost. 10–60 000. Default 1
 *   000.
 * - `stuckAfterFailures`: failures of one event in a row before `onStuck` is called, for each further one too. 1–1 000.
 *   Default 5.
 * - `retryMinMs`, `retryMaxMs`: the wait after a failure, doubling between the two, with jitter. Default 100 and 60
 *   000.
 * - `onStuck`: called when the reader does not get on. It skips nothing: only a handler that succeeds, or the end of
 *   the transaction, lets it go on.
 */
export type TailOptions = OptionsInput<typeof TAIL_OPTIONS>
export type ResolvedTailOptions = Resolved<typeof TAIL_OPTIONS>

/**
 * How a watch looks: `name`, `batchSize` and `pollMs` of {@link TailOptions}.
 */
export type WatchOptions = OptionsInput<typeof WATCH_OPTIONS>
export type ResolvedWatchOptions = Resolved<typeof WATCH_OPTIONS>

/**
 * How a durable reader reads: as {@link TailOptions}, and
 *
 * - `name`: whose cursor it is. All processes that give the same name share it, and one of them reads at a time.
 * - `from`: where a new reader begins, `start` or `now`; a known one goes on where it stood. Now is the
 *   safe horizon: what was committed just before it comes too, if a transaction older than it was still open.
 * - `transactional`: the handler gets the transaction that moves the cursor. What it writes there happens exactly once.
 *   Default false: at least once.
 * - `leaseMs`: how long after a crash of the holder another process takes over, at most (plus a third). Shorter renews
 *   more often. 200–600 000. Default 15 000.
 * - `saveMs`: how long a moved cursor may stay unsaved, and so how much is repeated after a crash. Shorter commits more
 *   often. Not for transactional readers, whose cursor moves with the handler. 0–10 000, below `leaseMs`. Default 200.
 */
export type ReaderOptions = OptionsInput<typeof READER_OPTIONS>
export type ResolvedReaderOptions = Resolved<typeof READER_OPTIONS>
