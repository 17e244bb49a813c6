/*
 * The cache that processes share. It may be slow, gone or wrong: it is asked within a time limit, nothing of it reaches
 * a caller as an error, and what it has is believed only when this process knows nothing that speaks against it.
 */
import { randomBytes, randomInt } from 'node:crypto'
import type { CacheClock } from './clock.ts'
import { type CodecLimits, decodeEntry, type EntryHead, encodeEntry, Undecodable } from './codec.ts'
import { CLOSED } from './errors.ts'
import { dropsName, type EntryNames } from './keys.ts'
import type { ResolvedOptions } from './options.ts'
import { type RedisClient, RedisLine } from './redis-line.ts'
import { ASK, ASKED, CLEAR, DROP, RELEASE, STORE } from './redis-scripts.ts'
import type { CacheSignal } from './signals.ts'
import { type Ticket, UnconfirmedDrops } from './unconfirmed-drops.ts'
import type { Content } from './value.ts'

/** The right to store what is loaded next. */
export interface Turn {
  readonly epoch: string
  readonly since: string
  /** Of the entry, and of the lease. */
  readonly id: string
}

/** What Redis has of a key. */
export type Asked =
  | {
      readonly kind: 'held'
      readonly value: unknown
      readonly head: EntryHead
      readonly ageMs: number
      readonly id: string
    }
  /** Nothing: the caller loads. `turn` is null when nothing can be stored. */
  | { readonly kind: 'turn'; readonly turn: Turn | null }
  /** Another process is loading; only told to who does not wait. */
  | { readonly kind: 'busy' }

/** What {@link RedisLevel.ask} is asked. */
export interface Question {
  readonly tenantId: string
  readonly names: EntryNames
  /** As far as they are known before. */
  readonly tags: readonly string[]
  /** The id of the entry that the caller has already: it wants another one, and does not wait. Else null. */
  readonly known: string | null
  /** Called each time before Redis is asked. */
  asking(): void
  readonly believes: Believes
}

/** What an entry is asked about before it is believed. */
export type Believes = (tenantId: string, head: EntryHead) => boolean

const WAIT_MIN_MS = 5
const WAIT_MAX_MS = 50
/** Entries of a key that are not believed, one after the other, before the caller loads without storing. */
const DISBELIEVED_AT_MOST = 3
const TAGS_AT_ONCE = 500
const EPOCHS = 2 ** 47
/** The text of a value may be longer than the value in memory. */
const TEXT_SHARE = 4

/** The entries in Redis. */
export class RedisLevel implements AsyncDisposable {
  readonly #line: RedisLine
  readonly #options: ResolvedOptions
  readonly #clock: CacheClock
  readonly #observe: (signal: CacheSignal) => void
  readonly #unconfirmed = new UnconfirmedDrops()
  readonly #codec: CodecLimits
  readonly #dropsLifeMs: number
  readonly #instance = randomBytes(6).toString('base64url')
  readonly #closing = new AbortController()
  readonly #working = new Set<Promise<unknown>>()
  #ids = 0
  #epochs = randomInt(1, EPOCHS)
  #blindSince = 0
  #blindUntil = 0
  #repairing = false

  constructor(
    client: RedisClient,
    options: ResolvedOptions,
    clock: CacheClock,
    observe: (signal: CacheSignal) => void,
  ) {
    this.#line = new RedisLine(client, options.redis, clock, observe)
    this.#options = options
    this.#clock = clock
    this.#observe = observe
    this.#codec = {
      compressOverBytes: options.redis.compressOverBytes,
      maxBytes: options.maxValueBytes * TEXT_SHARE,
    }
    // Longer than any entry: a set of drops that expires voids entries that are gone anyway.
    this.#dropsLifeMs = 2 * options.maxTtlMs
  }

  /**
   * Asks for an entry. When there is none, the caller gets the turn to load, or waits while another process has it.
   */
  async ask(question: Question): Promise<Asked> {
    const { asking, believes, known, names, tags, tenantId } = question
    const { leaseMs, leaseWaitMs } = this.#options.redis
    const since = this.#clock.now()
    let except = known
    let disbelieved = 0
    for (let waitMs = WAIT_MIN_MS; disbelieved <= DISBELIEVED_AT_MOST; ) {
      asking()
      const moment = this.#unconfirmed.now
      const waited = this.#clock.now() - since
      const patient = known !== null || (waited >= 0 && waited < leaseWaitMs)
      const id = this.#newId()
      const [kind, ...details] = await this.#askOnce(names, id, patient ? leaseMs : 0, except, tags)
      if (kind === ASKED.held) {
        const held = await this.#read(tenantId, details, moment, believes)
        if (held) return held
        except = String(details[1])
        disbelieved++
      } else if (kind === ASKED.busy) {
        if (known !== null) return { kind: 'busy' }
        await this.#pause(waitMs * (0.5 + Math.random() / 2))
        waitMs = Math.min(WAIT_MAX_MS, waitMs * 2)
      } else {
        return { kind: 'turn', turn: kind === ASKED.turn ? turnOf(details, id) : null }
      }
    }
    return { kind: 'turn', turn: null }
  }

  /** The right to store what a write, which begins after this, brings; null when Redis does not give it. */
  async turn(names: EntryNames): Promise<Turn | null> {
    const id = this.#newId()
    // No entry has this name, so none is in the way.
    const [kind, ...details] = await this.#askOnce({ ...names, entry: `${names.entry}!` }, id, 0, null, [])
    return kind === ASKED.turn ? turnOf(details, id) : null
  }

  /**
   * Stores what was loaded in its turn, unless it was dropped meanwhile, and gives the lease back. It goes on after it
   * returns.
   */
  store(names: EntryNames, turn: Turn, value: unknown, content: Content, head: EntryHead): void {
    this.#work(this.#store(names, turn, value, content, head))
  }

  /** Gives the lease back without storing anything. `isVoid`: what was stored before goes too. */
  release(names: EntryNames, turn: Turn, isVoid: boolean): void {
    this.#work(this.#run(RELEASE, [names.entry, names.lease], [turn.id, isVoid ? 1 : 0]))
  }

  /**
   * Drops tags for all processes. What fails is tried again until it succeeds; until then this process does not believe
   * what Redis has of them.
   *
   * With a turn: the turn that a write's new value can be stored by, when nobody else dropped any of the tags since the
   * turn was given; else null.
   */
  async drop(tenantId: string, tags: readonly string[] | null, turn: Turn | null = null): Promise<Turn | null> {
    const ticket = { tenantId, tags }
    this.#unconfirmed.begin(ticket)
    const { next } = await this.#send(ticket, turn)
    void this.#repair()
    return next
  }

  /** Resolves when everything that was begun has been sent or given up. */
  async settled(): Promise<void> {
    while (this.#working.size > 0) await Promise.allSettled(this.#working)
  }

  /** Waits for what was begun, each within its time limit. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(CLOSED)
    await this.settled()
    this.#line.close()
  }

  /** Another one each time, and with all likelihood none of another process. */
  #newEpoch(): number {
    return -this.#epochs++
  }

  #newId(): string {
    return `${this.#instance}${(this.#ids++).toString(36)}`
  }

  /** Nothing when Redis does not answer in time, or is not to be asked. */
  async #askOnce(
    names: EntryNames,
    id: string,
    leaseMs: number,
    except: string | null,
    tags: readonly string[],
  ): Promise<readonly unknown[]> {
    if (this.#isBlind()) return []
    const keys = [names.entry, names.drops, names.lease]
    const args = [this.#newEpoch(), this.#dropsLifeMs, id, leaseMs, except ?? '', ...tags]
    // A turn that comes too late is nobody's: its lease would only hold others up.
    const giveBack = (answer: unknown) => {
      const [kind] = answer as unknown[]
      if (kind === ASKED.turn && leaseMs > 0) this.#line.tell(RELEASE, [names.entry, names.lease], [id, 0])
    }
    const reply = await this.#run(ASK, keys, args, giveBack)
    return (reply as unknown[] | null) ?? []
  }

  async #read(
    tenantId: string,
    [leftMs, id, bytes]: readonly unknown[],
    moment: number,
    believes: Believes,
  ): Promise<(Asked & { kind: 'held' }) | null> {
    try {
      const { head, value } = await decodeEntry(bytes as Buffer, this.#codec)
      if (this.#unconfirmed.doubts(tenantId, head.tags, moment) || !believes(tenantId, head)) return null
      const ageMs = Math.max(0, head.freshMs + head.staleMs - (leftMs as number))
      return { kind: 'held', value, head, ageMs, id: String(id) }
    } catch (error) {
      if (!(error instanceof Undecodable)) throw error
      this.#observe({ kind: 'undecodable', error })
      return null
    }
  }

  async #store(names: EntryNames, turn: Turn, value: unknown, content: Content, head: EntryHead): Promise<void> {
    const bytes = await encodeEntry(value, content.json, head, this.#codec)
    const lifeMs = Math.ceil(head.freshMs + head.staleMs)
    if (bytes === null) return this.release(names, turn, true)
    const keys = [names.entry, names.drops, names.lease]
    const args = [turn.epoch, turn.since, turn.id, lifeMs, this.#dropsLifeMs, bytes, ...head.tags]
    const stored = await this.#run(STORE, keys, args)
    if (stored === 0) this.#observe({ kind: 'refused', by: 'redis' })
    else if (stored === -1) this.#observe({ kind: 'redis_failed', error: new Error('Redis has no room') })
  }

  async #send(ticket: Ticket, turn: Turn | null): Promise<{ readonly confirmed: boolean; readonly next: Turn | null }> {
    const { tags, tenantId } = ticket
    try {
      if (tags === null) await this.#line.run(CLEAR, [this.#dropsOf(tenantId)], [])
      const next = tags && (await this.#dropTags(tenantId, tags, turn))
      this.#unconfirmed.confirm(ticket)
      return { confirmed: true, next }
    } catch {
      this.#unconfirmed.fail(ticket)
      return { confirmed: false, next: null }
    }
  }

  async #dropTags(tenantId: string, tags: readonly string[], turn: Turn | null): Promise<Turn | null> {
    const since = tags.length <= TAGS_AT_ONCE ? (turn?.since ?? '') : ''
    let reply: readonly unknown[] = []
    for (let at = 0; at < tags.length; at += TAGS_AT_ONCE) {
      reply = await this.#runDrop(tenantId, since, tags.slice(at, at + TAGS_AT_ONCE))
    }
    const [epoch, now, clean] = reply
    return turn !== null && clean === 1 && String(epoch) === turn.epoch ? { ...turn, since: String(now) } : null
  }

  async #runDrop(tenantId: string, since: string, tags: readonly string[]): Promise<readonly unknown[]> {
    const { maxDrops } = this.#options.redis
    const args = [this.#newEpoch(), this.#dropsLifeMs, maxDrops, since, ...tags]
    return (await this.#line.run(DROP, [this.#dropsOf(tenantId)], args)) as readonly unknown[]
  }

  #dropsOf(tenantId: string): string {
    return dropsName(this.#options.redis.prefix, tenantId)
  }

  /** Sends failed drops again, now and then, until none is left. */
  async #repair(): Promise<void> {
    if (this.#repairing || this.#unconfirmed.failed === 0) return
    this.#repairing = true
    this.#observe({ kind: 'drops_pending', tags: this.#unconfirmed.failed })
    while (this.#unconfirmed.failed > 0 && !this.#closing.signal.aborted) {
      await this.#pause(this.#options.redis.restMs)
      if (this.#closing.signal.aborted) break
      // After a failure it pauses: a command that is not sent at all fails at once, and would be tried without end.
      for (let ticket = this.#unconfirmed.takeFailed(); ticket; ticket = this.#unconfirmed.takeFailed()) {
        const { confirmed } = await this.#send(ticket, null)
        if (!confirmed) break
      }
    }
    this.#repairing = false
  }

  /**
   * Whether there were so many failed drops that nothing from before can be believed; what is stored then has expired
   * after the longest life.
   */
  #isBlind(): boolean {
    const now = this.#clock.now()
    if (this.#unconfirmed.takeOverflow()) {
      this.#blindSince = now
      this.#blindUntil = now + this.#options.maxTtlMs
    }
    return now < this.#blindUntil && now >= this.#blindSince
  }

  /** The answer, or null when there is none in time. */
  async #run(...command: Parameters<RedisLine['run']>): Promise<unknown> {
    try {
      return await this.#line.run(...command)
    } catch {
      return null
    }
  }

  async #pause(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#closing.signal).catch(() => undefined)
  }

  #work(work: Promise<unknown>): void {
    const tracked = work.catch(() => undefined).finally(() => this.#working.delete(tracked))
    this.#working.add(tracked)
  }
}

function turnOf([epoch, since]: readonly unknown[], id: string): Turn {
  return { epoch: String(epoch), since: String(since), id }
}
