import type { Logger } from '@stoa/kernel'
import type { Position } from './position.ts'

/** What happens to readers: for metrics, and for tests that wait for it. */
export type JournalSignal =
  /** The handler took the events; `lagMs` is the age of the newest one, by the clocks of both processes. */
  | { readonly kind: 'delivered'; readonly reader: string; readonly events: number; readonly lagMs: number }
  /** The handler threw: it is called again later with the same event. */
  | { readonly kind: 'failed'; readonly reader: string; readonly position: Position; readonly failures: number }
  /** A reader does not get on. */
  | { readonly kind: 'stuck'; readonly reader: string; readonly stuck: Stuck }
  /** This process holds the durable reader now. */
  | { readonly kind: 'acquired'; readonly reader: string; readonly fence: number }
  /** Another process took the durable reader over. */
  | { readonly kind: 'lost'; readonly reader: string }
  /** This process gave the durable reader back. */
  | { readonly kind: 'released'; readonly reader: string }

/** Why a reader does not get on. Nothing is skipped meanwhile. */
export type Stuck =
  | {
      readonly reason: 'handler'
      /** Of the event that cannot be delivered. */
      readonly position: Position
      readonly failures: number
      readonly error: unknown
    }
  /** A transaction stays open before events that are committed. */
  | { readonly reason: 'transaction'; readonly waitedMs: number }
  /** The journal cannot be read. */
  | { readonly reason: 'read'; readonly failures: number; readonly error: unknown }

const WORDS: Record<Stuck['reason'], string> = {
  handler: 'a reader is stuck: its handler keeps failing',
  transaction: 'a reader is stuck: a transaction stays open before what it would read next',
  read: 'a reader is stuck: the journal cannot be read',
}

/** Tells everybody who should know: the log, the observer, and the reader's own callback. */
export function stuckReport(
  reader: string,
  log: Logger,
  observe: (signal: JournalSignal) => void,
  onStuck: ((stuck: Stuck) => void) | undefined,
): (stuck: Stuck) => void {
  return (stuck) => {
    const { reason, ...details } = stuck
    log.error(
      { reader, reason, ...('error' in details ? { ...details, error: undefined, err: details.error } : details) },
      WORDS[reason],
    )
    observe({ kind: 'stuck', reader, stuck })
    try {
      onStuck?.(stuck)
    } catch (err) {
      log.error({ err, reader }, 'a reader could not tell that it is stuck')
    }
  }
}
