/**
 * Where codes lead: the memory of one process in front of the directory in the database.
 *
 *   find ── known ─────────────────────────▶ answer
 *        ├─ known to be unknown ───────────▶ null
 *        ├─ never heard of by the filter ──▶ null, when so many ask for such codes that not all can be looked up
 *        └─ otherwise ──▶ one load, however many ask at once ──▶ remembered, "unknown" too: from Redis, when another process
 *                         has looked it up, else from the database
 *
 *   forget ◀── this process changed the link (at once), or the journal tells that another one did
 *   heard  ◀── each look into the journal: up to here every change was told of
 *
 * What is remembered holds as long as the journal is heard, because a change is told of; for {@link KEPT_MS} at most, which
 * bounds what has no event. When nothing was heard for `ttlMs` it is loaded anew; where that fails, the database is away,
 * and what is remembered is given out, because a link that leads somewhere is better than none. Redis is not asked for what
 * is loaded anew: it has no more of it than is remembered.
 *
 * A change may commit while a load that saw the state before it is under way. `forget` therefore also disowns that load:
 * those who wait for it get its answer, which was true when they asked, but it is not remembered.
 *
 * Unknown codes have a place of their own, so that a scan for codes pushes out no link. It asks for another code each
 * time, which is what the filter is for: it knows every code, and may take an unknown one for known, but not the other way
 * round; except for links that other processes made in the last moment. So while few ask for what it does not know, they
 * are looked up all the same, and only a scan has to believe it.
 */
import type { Clock, Tenant } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'
import { isCodeText } from '../codes/slug.ts'
import type { RedirectStatus } from '../link-store.ts'
import type { Card } from '../redirect/preview-card.ts'
import type { Routing } from '../redirect/routing.ts'
import type { Takedown } from '../safety/takedown.ts'

/** What a redirect needs to know of a link. */
export interface Destination {
  readonly tenant: Tenant
  readonly linkId: string
  /** The same, as bytes. */
  readonly link: Buffer
  /** With its campaign parameters. */
  readonly target: string
  readonly status: RedirectStatus
  /** When it begins to redirect, in milliseconds since the epoch; minus infinity: at once. */
  readonly startsAt: number
  /** When it ends; infinity: never; minus infinity: it has been taken down. */
  readonly endsAt: number
  /** Whether each visit has to be counted before it may pass. */
  readonly limited: boolean
  /** Whether the query of a visit goes along. */
  readonly forwardsQuery: boolean
  /** Who is led elsewhere; null: nobody. */
  readonly routing: Routing | null
  /** The hash of the password that is asked for; null: none is. */
  readonly password: string | null
  /** What previews show; null: where the link leads. */
  readonly card: Card | null
  /** Why it was taken down; null: it was not. */
  readonly takedown: Takedown | null
  /** When the database was asked for it, in milliseconds since the epoch. */
  readonly readAt: number
}

/** What {@link Destinations} works with. */
export interface DestinationsOptions {
  /** How many codes are remembered; and a tenth as many of those that are unknown. */
  readonly entries: number
  /** How long an answer is believed after the journal was heard last, in milliseconds. */
  readonly ttlMs: number
  readonly clock: Pick<Clock, 'now'>
  /** Asks for a link; null for an unknown code. `anew`: the database itself. */
  readonly load: (space: string, code: string, anew: boolean) => Promise<Destination | null>
  /** Which codes there may be. Default: any. */
  readonly filter?: KnownCodes
}

/** See `CodeFilter`. */
export interface KnownCodes {
  mayHave(key: string): boolean
  add(key: string): void
}

/** By what codes were found so far, or found to be unknown. */
export interface LookupCounts {
  readonly memory: number
  readonly filter: number
  readonly database: number
}

interface Remembered {
  readonly destination: Destination | null
  readonly at: number
  /** When it was put in front of the others. */
  usedAt: number
}

/** The longest that anything is remembered. */
const KEPT_MS = 600_000
/**
 * What was asked for within so long is not put in front again: that touches its neighbours, which are in no cache of the
 * processor, and costs more than finding it.
 */
const SAME_USE_MS = 1_000
/** After a load failed, what is remembered is not loaded anew for so long. */
const AWAY_MS = 1_000
/** Lookups of codes that the filter does not know: at once, and per second after that. */
const DOUBTS = 50
const DOUBTS_PER_SECOND = 2

/** Where the codes lead that this process was asked for. */
export class Destinations {
  readonly #known: LRUCache<string, Remembered>
  readonly #unknown: LRUCache<string, Remembered>
  readonly #loading = new Map<string, Promise<Destination | null>>()
  readonly #options: DestinationsOptions
  readonly #counts = { memory: 0, filter: 0, database: 0 }
  #heardAt: number
  #failedAt = Number.NEGATIVE_INFINITY
  #doubts = DOUBTS
  #doubtedAt: number

  constructor(options: DestinationsOptions) {
    this.#options = options
    this.#known = new LRUCache({ max: options.entries })
    this.#unknown = new LRUCache({ max: Math.ceil(options.entries / 10) })
    this.#heardAt = this.#doubtedAt = options.clock.now()
  }

  get counts(): LookupCounts {
    return this.#counts
  }

  /** Where the code leads, or null when it is unknown. Text that cannot be a code costs no query. */
  find(space: string, code: string): Destination | null | Promise<Destination | null> {
    const key = keyOf(space, code)
    const now = this.#options.clock.now()
    const known = this.#use(key, now)
    if (known !== undefined && this.#holds(known, now)) {
      this.#counts.memory++
      return known.destination
    }
    if (!isCodeText(code)) return null
    const unknown = this.#unknown.get(key)
    if (unknown !== undefined && this.#holds(unknown, now)) {
      this.#counts.memory++
      return null
    }
    const loading = this.#loading.get(key)
    if (loading) return loading
    if (known === undefined && this.#options.filter?.mayHave(key) === false && !this.#mayDoubt(now)) {
      this.#counts.filter++
      return null
    }
    return this.#ask(key, space, code, known ?? null)
  }

  /** The link behind the code has changed or begun to exist: the next {@link find} asks the database. */
  forget(space: string, code: string): void {
    const key = keyOf(space, code)
    this.#options.filter?.add(key)
    this.#known.delete(key)
    this.#unknown.delete(key)
    this.#loading.delete(key)
  }

  /** Whatever was changed in the database so far has been forgotten. */
  heard(): void {
    this.#heardAt = this.#options.clock.now()
  }

  /** Forgets all. */
  clear(): void {
    this.#known.clear()
    this.#unknown.clear()
    this.#loading.clear()
  }

  #use(key: string, now: number): Remembered | undefined {
    const known = this.#known.peek(key)
    if (known !== undefined && Math.abs(now - known.usedAt) >= SAME_USE_MS) {
      known.usedAt = now
      this.#known.get(key)
    }
    return known
  }

  #holds({ at }: Remembered, now: number): boolean {
    const trusted = now - this.#heardAt <= this.#options.ttlMs || now - this.#failedAt < AWAY_MS
    return trusted && now - at <= KEPT_MS
  }

  #mayDoubt(now: number): boolean {
    const gained = (Math.max(0, now - this.#doubtedAt) / 1_000) * DOUBTS_PER_SECOND
    this.#doubts = Math.min(DOUBTS, this.#doubts + gained)
    this.#doubtedAt = now
    if (this.#doubts < 1) return false
    this.#doubts--
    return true
  }

  #ask(key: string, space: string, code: string, known: Remembered | null): Promise<Destination | null> {
    const { clock, load } = this.#options
    this.#counts.database++
    const asked: Promise<Destination | null> = load(space, code, known !== null).then(
      (destination) => {
        if (this.#loading.get(key) === asked) {
          this.#loading.delete(key)
          const home = destination === null ? this.#unknown : this.#known
          const now = clock.now()
          home.set(key, { destination, at: Math.min(now, destination?.readAt ?? now), usedAt: now })
          if (destination === null) this.#known.delete(key)
        }
        return destination
      },
      (failure: unknown) => {
        const own = this.#loading.get(key) === asked
        if (own) this.#loading.delete(key)
        if (!own || known === null || clock.now() - known.at > KEPT_MS) throw failure
        this.#failedAt = clock.now()
        return known.destination
      },
    )
    this.#loading.set(key, asked)
    return asked
  }
}

/** What is on the installation's own short host is named by its code alone, which has no colon in it. */
export function keyOf(space: string, code: string): string {
  return space === '' ? code : `${space}:${code}`
}

/** What {@link keyOf} made the key of. */
export function ofKey(key: string): { readonly space: string; readonly code: string } {
  const colon = key.indexOf(':')
  return { space: colon < 0 ? '' : key.slice(0, colon), code: key.slice(colon + 1) }
}
