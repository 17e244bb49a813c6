import type { PreparedQuery, Tx } from '@stoa/db'

/** What a transaction of this process committed. */
export interface Commit {
  /** Number of the transaction (xid8, decimal), as positions and snapshots know it. */
  readonly transaction: string
  /** At least one, in the order of appending. */
  readonly events: readonly CommittedEvent[]
}

/** An event of a {@link Commit}. */
export interface CommittedEvent {
  readonly tenantId: string
  readonly type: string
  readonly subjects: readonly string[]
}

interface Draft {
  transaction: string
  readonly events: CommittedEvent[]
}

/** Appends, and tells who wants to know in this process once they are committed. */
export class Commits {
  readonly #hint: () => void
  readonly #drafts = new WeakMap<Tx, Draft>()
  readonly #listeners = new Set<(commit: Commit) => void>()

  /** @param hint called after each commit, after the listeners */
  constructor(hint: () => void) {
    this.#hint = hint
  }

  /** Adds an event to the transaction by `query`, which gives back the number of the transaction. */
  append(tx: Tx, event: CommittedEvent, query: PreparedQuery<{ xid: string }>): void {
    const draft = this.#draft(tx)
    draft.events.push(event)
    const seen = ({ xid }: { xid: string }) => {
      draft.transaction = xid
    }
    tx.later(query, { seen })
  }

  listen(listener: (commit: Commit) => void): Disposable {
    // Each is a function of its own, so that one given twice is called twice and ended once.
    const own = (commit: Commit) => listener(commit)
    this.#listeners.add(own)
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(own)
      },
    }
  }

  #draft(tx: Tx): Draft {
    const known = this.#drafts.get(tx)
    if (known) return known
    const draft: Draft = { transaction: '', events: [] }
    this.#drafts.set(tx, draft)
    // A callback each: what one throws keeps no other from being called.
    for (const listener of this.#listeners) tx.afterCommit(() => listener(draft))
    tx.afterCommit(this.#hint)
    return draft
  }
}
