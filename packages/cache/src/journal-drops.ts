/*
 * Every write appends events, and an event names its subjects: they are the tags. So nobody has to think of the cache
 * when he writes.
 *
 *   commit in this process ─► its tags are dropped, here and in Redis, before the caller of the transaction goes on
 *   commit elsewhere       ─► hint ─► watch ─► its tags are dropped here; without the hint, at the next look (500 ms)
 *   rollback               ─► nothing: it appended nothing
 *
 * Redis. Whoever commits drops there too; but it may crash first, or Redis may forget what it confirmed. So this
 * process believes an entry of Redis only when its load had seen every change that this process knows of. The load says
 * what it had seen: the snapshot of its process's last look, and the commits that its process made since. Freshness
 * therefore depends on nothing but this process's own look into the journal.
 *
 * A process that has just started knows nothing of what was changed before. So it believes only loads that had seen all of
 * that; the others it makes anew, and stores what they bring in the place of what it found.
 */
import type { Cache } from './cache.ts'
import { ChangeLog } from './change-log.ts'
import { checkDropped } from './entry-options.ts'
import { memoryTag } from './keys.ts'
import { Snapshot } from './snapshot.ts'
import type { Witness } from './witness.ts'

/** An event, as far as the cache is concerned. */
export interface SourceEvent {
  readonly tenantId: string
  readonly type: string
  readonly subjects: readonly string[]
}

/** An event that was read: `position` begins with the number of its transaction and a dot. */
export interface ReadEvent extends SourceEvent {
  readonly position: string
}

/** The parts of `@stoa/journal` that are needed. */
export interface JournalSource {
  committed(
    listener: (commit: { readonly transaction: string; readonly events: readonly SourceEvent[] }) => void,
  ): Disposable
  watch(
    options: { readonly name: string; readonly pollMs: number },
    handle: (events: readonly ReadEvent[], snapshot: string | null) => void,
  ): JournalWatch
}

/** A look into the journal, again and again. */
export interface JournalWatch extends AsyncDisposable {
  readonly ready: Promise<string>
  look(): Promise<void>
}

/** Options of {@link dropFromJournal}. */
export interface JournalDropsOptions {
  /** Of the watch, in logs. Default `cache`. */
  readonly name?: string
  /**
   * How often to look without a hint, and so how stale the memory of this process can be, in milliseconds. 10 – 60 000;
   * default 500.
   */
  readonly pollMs?: number
  /**
   * The tags of an event; when it throws, everything of the tenant is dropped. Default: its subjects, and their kinds:
   * `link:7` and `link`. Lists are cached under the kind.
   */
  readonly tagsOf?: (event: SourceEvent) => readonly string[]
}

/** Drops that come from the journal, until disposed. */
export interface JournalDrops extends AsyncDisposable {
  /** Resolves when no change that is committed from then on can be missed. Before it does, nothing should be cached. */
  readonly ready: Promise<void>
  /** Resolves when this process believes Redis. It does not have to be waited for. */
  readonly trusting: Promise<void>
  /**
   * Looks into the journal now. Resolves when this process knows every change that was committed before the call: for
   * who has just learned that it may be behind, because a caller names a write that another process made.
   *
   * @throws Error when it is disposed before
   */
  caughtUp(): Promise<void>
}

/** Changed things that are remembered, about 250 bytes each. */
const REMEMBERED_TAGS = 50_000
/** Own commits that a load names as seen; of more than that it names the last ones. */
const NAMED_COMMITS = 100
/** Names everything of a tenant. */
const WHOLE = ''

/** The subjects of an event and their kinds. */
export function subjectTags({ subjects }: SourceEvent): readonly string[] {
  const kinds = subjects
    .filter((subject) => subject.includes(':'))
    .map((subject) => subject.slice(0, subject.indexOf(':')))
  return [...new Set([...subjects, ...kinds])].filter((tag) => tag !== '')
}

/**
 * Lets the journal drop what changes. One per cache.
 *
 * @throws Error when the cache has a witness
 */
export function dropFromJournal(cache: Cache, journal: JournalSource, options: JournalDropsOptions = {}): JournalDrops {
  return new Dropping(cache, journal, options)
}

class Dropping implements JournalDrops, Witness {
  readonly ready: Promise<void>
  readonly trusting: Promise<void>
  readonly #cache: Cache
  readonly #options: Required<JournalDropsOptions>
  readonly #changes = new ChangeLog(REMEMBERED_TAGS)
  /** Commits of this process that its last look did not show. */
  readonly #own = new Set<number>()
  readonly #held: (Disposable | AsyncDisposable)[] = []
  readonly #watch: JournalWatch
  readonly #looked = Promise.withResolvers<void>()
  #snapshot: Snapshot | null = null
  #seen: string | null = null
  #trusts = false

  constructor(cache: Cache, journal: JournalSource, options: JournalDropsOptions) {
    this.#cache = cache
    this.#options = { name: 'cache', pollMs: 500, tagsOf: subjectTags, ...options }
    const { name, pollMs } = this.#options
    this.#held.push(cache.attach(this))
    this.#held.push(journal.committed((commit) => this.#committed(commit)))
    this.#watch = journal.watch({ name, pollMs }, (events, snapshot) => this.#look(events, snapshot))
    this.#held.push(this.#watch)
    this.ready = this.#watch.ready.then((snapshot) => {
      const start = new Snapshot(snapshot)
      this.#snapshot ??= start
      this.#seen = null
      this.#changes.beginAt(start.xmin)
    })
    // What was committed before, and hidden behind a transaction that is still open, the first look shows.
    this.trusting = this.ready.then(async () => {
      await this.#looked.promise
      this.#trusts = true
    })
    for (const one of [this.ready, this.trusting]) one.catch(() => undefined)
  }

  caughtUp(): Promise<void> {
    return this.#watch.look()
  }

  seen(): string {
    if (this.#snapshot === null) return ''
    this.#seen ??= `${this.#snapshot.text} ${[...this.#own].slice(-NAMED_COMMITS).join(',')}`
    return this.#seen
  }

  believes(tenantId: string, tags: readonly string[], seen: string | undefined): boolean {
    if (!this.#trusts || !seen) return false
    try {
      const [text = '', also = ''] = seen.split(' ')
      const snapshot = text === this.#snapshot?.text ? this.#snapshot : new Snapshot(text)
      const named = new Set(also === '' ? [] : also.split(',').map(Number))
      return [WHOLE, ...tags].every((tag) => this.#changes.allSeen(memoryTag(tenantId, tag), snapshot, named))
    } catch {
      return false
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#looked.resolve()
    for (const held of this.#held.splice(0).reverse()) {
      if (Symbol.asyncDispose in held) await held[Symbol.asyncDispose]()
      else held[Symbol.dispose]()
    }
    await this.trusting.catch(() => undefined)
  }

  /** Runs before whoever committed goes on. */
  #committed({ events, transaction }: { readonly transaction: string; readonly events: readonly SourceEvent[] }): void {
    this.#own.add(Number(transaction))
    this.#seen = null
    for (const [tenantId, ofTenant] of Map.groupBy(events, (event) => event.tenantId)) {
      const scope = { tenant: { id: tenantId } }
      const tags = this.#note(tenantId, ofTenant, Number(transaction))
      void (tags ? this.#cache.drop(scope, tags) : this.#cache.clear(scope))
    }
  }

  #look(events: readonly ReadEvent[], snapshot: string | null): void {
    for (const event of events) {
      const transaction = transactionOf(event)
      // Those of this process were dropped when they were committed.
      if (this.#own.has(transaction)) continue
      const scope = { tenant: { id: event.tenantId } }
      const tags = this.#note(event.tenantId, [event], transaction)
      if (tags) this.#cache.dropHere(scope, tags)
      else this.#cache.clearHere(scope)
    }
    if (snapshot === null) return
    this.#looked.resolve()
    if (snapshot === this.#snapshot?.text) return
    this.#snapshot = new Snapshot(snapshot)
    this.#seen = null
    for (const transaction of this.#own) if (this.#snapshot.shows(transaction)) this.#own.delete(transaction)
  }

  /** Notes what the transaction changed. @returns its tags; null: everything of the tenant */
  #note(tenantId: string, events: readonly SourceEvent[], transaction: number): readonly string[] | null {
    const tags = this.#tagsOf(events)
    for (const tag of tags ?? [WHOLE]) this.#changes.note(memoryTag(tenantId, tag), transaction)
    return tags
  }

  #tagsOf(events: readonly SourceEvent[]): readonly string[] | null {
    try {
      const tags = [...new Set(events.flatMap((event) => this.#options.tagsOf(event)))]
      checkDropped(tags)
      return tags
    } catch {
      return null
    }
  }
}

function transactionOf({ position }: ReadEvent): number {
  return Number(position.slice(0, position.indexOf('.')))
}
