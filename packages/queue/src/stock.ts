/*
 * The jobs of one lane that this worker has claimed and not begun. One loop claims, and no faster than jobs are begun:
 *
 *   wanted = free slots + what ends within the next claim or two
 *
 * So a lane of jobs that take a second is claimed job by job, and none lies here that another worker could run; a lane
 * of jobs that take a microsecond is claimed by the hundred. A claim that brings nothing ends the round: the loop sleeps
 * until a hint, or until the poll, which is the truth.
 *
 * A claim looks from the beginning, or goes on where the one before ended. The beginning of the index is full of what
 * was claimed before and not vacuumed yet, which may be millions when somebody holds a snapshot. So a lane that is being
 * drained is claimed on, and looked at from the beginning from time to time: there may be something more urgent, another
 * tenant, a job whose transaction took long.
 */
import type { Database } from '@stoa/db'
import { Alarm, type BaseCtx, backoffMs, systemClock } from '@stoa/kernel'
import { type Barred, turnOf } from './barred.ts'
import type { NewJob } from './enqueue.ts'
import type { Promised } from './handover.ts'
import { type ClaimedRow, jobsClaimed, jobsClaimedOn, plannedByIndex, unknownReturned } from './job-store.ts'
import type { QueueSignal } from './signals.ts'

/** What a stock needs of its worker. */
export interface StockHost {
  readonly db: Database
  readonly ctx: BaseCtx
  readonly pollMs: number
  readonly maxPrefetch: number
  observe(signal: QueueSignal): void
  /** How many more jobs of the lane may start now. */
  free(): number
  /** The worker's id at present. */
  worker(): string
  /** What must not be claimed. Null: nothing of the lane. */
  barred(): Barred | null
  /** Jobs of the lane that were begun here and whose end is not written yet. */
  begun(): Iterable<string>
  /** There is something to begin. */
  arrived(): void
}

const NOBODY = '00000000-0000-0000-0000-000000000000'
/** Jobs that end within this time are claimed ahead. */
const AHEAD_MS = 20
/** A lane that is being drained is looked at from the beginning so often, and for no more than a tenth of the time. */
const LOOK_EVERY_MS = 50
const LOOK_SHARE = 10
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000
/** A claim whose answer was lost may be under way still, and be committed later. */
const UNSURE_FOR_MS = [0, 1_000, 10_000, 60_000]

/** Claimed jobs of one lane. */
export class Stock {
  readonly lane: string
  readonly #host: StockHost
  readonly #alarm = new Alarm()
  readonly #closing = new AbortController()
  #rows: ClaimedRow[] = []
  #next = 0
  /** Where the next claim's turn over the tenants begins. */
  #after = NOBODY
  #afterRank = 0
  #wasTurned = false
  #place: Place | null = null
  #lookMs = 0
  #ended = 0
  #perMs = 0
  #measuredAt = performance.now()
  #running: Promise<void> = Promise.resolve()
  #isHungry = true
  /** Nothing was there when it was looked at last, and nobody has hinted since. */
  #isIdle = false
  /** Jobs that will come here without a claim. */
  readonly #promised = new Set<string>()
  #allKept: (() => void) | null = null
  /** When to look for what it holds without knowing it. */
  #unsureAt: number[] = []

  constructor(lane: string, host: StockHost) {
    this.lane = lane
    this.#host = host
  }

  start(): void {
    this.#running = this.#claimForEver()
  }

  /** How many lie here. */
  get size(): number {
    return this.#rows.length - this.#next
  }

  /** The next one to begin. */
  take(): ClaimedRow | undefined {
    const row = this.#rows[this.#next]
    if (row) this.#next++
    return row
  }

  /** Something may be ready. */
  hint(): void {
    this.#isHungry = true
    this.#isIdle = false
    this.#alarm.ring()
  }

  /** A job of the lane has ended. */
  jobEnded(): void {
    this.#ended++
    if (this.#isHungry) this.#alarm.ring()
  }

  /** Whether a job that is about to be stored is begun at once: nobody waits, and a slot is free. */
  promise({ extras, id, kind, state, tenantId }: NewJob): Promised | null {
    const isPlain = state === 'ready' && extras === null
    if (!isPlain || !this.#isIdle || this.size > 0 || this.#host.free() <= this.#promised.size) return null
    const barred = this.#host.barred()
    if (barred === null || barred.kinds.includes(kind) || barred.turns.includes(turnOf(tenantId, kind))) return null
    if (this.#closing.signal.aborted) return null
    const worker = this.#host.worker()
    this.#promised.add(id)
    return {
      worker,
      kept: (row) => {
        // Under another name it is not this worker's any more.
        if (row && worker === this.#host.worker()) {
          this.#keep([row])
          this.#host.arrived()
        }
        this.#noLongerPromised(id)
      },
      failed: () => {
        this.#unsure()
        this.#noLongerPromised(id)
        this.hint()
      },
    }
  }

  #noLongerPromised(id: string): void {
    this.#promised.delete(id)
    if (this.#promised.size === 0) this.#allKept?.()
  }

  #keep(rows: readonly ClaimedRow[]): void {
    this.#rows = [...this.#rows.slice(this.#next), ...rows]
    this.#next = 0
  }

  /** What lies here belongs to others now. */
  forget(): void {
    this.#rows = []
    this.#next = 0
  }

  /** Stops claiming, and gives what was not begun. */
  async close(): Promise<readonly ClaimedRow[]> {
    this.#closing.abort()
    this.#alarm.ring()
    await this.#running
    if (this.#promised.size > 0) await new Promise<void>((resolve) => (this.#allKept = resolve))
    const left = this.#rows.slice(this.#next)
    this.forget()
    return left
  }

  async #claimForEver(): Promise<void> {
    const { signal } = this.#closing
    for (let failures = 0; !signal.aborted; ) {
      this.#alarm.reset()
      const wanted = this.#wanted()
      if (wanted === 0 || !this.#isHungry) {
        await this.#alarm.wait(systemClock, this.#host.pollMs * (0.8 + Math.random() * 0.4))
        // Whoever waited for so long without a hint looks; whoever waits for a slot is woken by the next that is free.
        this.#isHungry = true
        continue
      }
      try {
        if (this.#unsureAt.some((at) => at <= performance.now())) await this.#returnUnknown()
        await this.#claim(wanted)
        failures = 0
      } catch (error) {
        // It may have been committed, and what it claimed is not known here.
        this.#unsure()
        this.#isHungry = true
        this.#host.observe({ kind: 'failed', what: 'claim', error })
        await systemClock.sleep(backoffMs(failures++, RETRY_MIN_MS, RETRY_MAX_MS), signal).catch(() => undefined)
      }
    }
  }

  /** How many to claim now; 0: it is not worth it yet. */
  #wanted(): number {
    this.#measure()
    const ahead = Math.min(this.#host.maxPrefetch, Math.floor(this.#perMs * AHEAD_MS))
    const enough = Math.min(this.#host.maxPrefetch, this.#host.free() - this.#promised.size + ahead)
    const wanted = enough - this.size
    return wanted > 0 && (this.size === 0 || wanted * 2 >= enough) ? wanted : 0
  }

  #measure(): void {
    const now = performance.now()
    const ms = now - this.#measuredAt
    if (ms < 1) return
    const rate = this.#ended / ms
    // Faster is believed at once, slower by halves.
    this.#perMs = Math.max(rate, (this.#perMs + rate) / 2)
    this.#ended = 0
    this.#measuredAt = now
  }

  #unsure(): void {
    const now = performance.now()
    this.#unsureAt = UNSURE_FOR_MS.map((ms) => now + ms)
  }

  async #returnUnknown(): Promise<void> {
    const { begun, ctx, db, worker } = this.#host
    const now = performance.now()
    this.#unsureAt = this.#unsureAt.filter((at) => at > now)
    // What is promised from now on would be taken for unknown.
    this.#isIdle = false
    const known = [...begun(), ...this.#promised, ...this.#rows.slice(this.#next).map((row) => row.id)]
    await db.system(ctx, (tx) => tx.run(unknownReturned(worker(), this.lane, known)))
  }

  async #claim(wanted: number): Promise<void> {
    const barred = this.#host.barred()
    // Whoever hints from now on has something that this claim may not see.
    this.#isHungry = false
    const place = this.#place
    const goesOn = place !== null && performance.now() < place.until
    const claimed = barred === null ? [] : await this.#send(wanted, barred, goesOn ? place : null)
    if (goesOn) this.#place = claimed.length === wanted ? onward(place, claimed) : null
    else this.#looked(wanted, claimed)
    // Where something was there may be more. Going on brought nothing: the beginning may.
    if (claimed.length > 0 || goesOn || (this.#wasTurned && barred !== null)) this.#isHungry = true
    this.#isIdle = !this.#isHungry
    if (claimed.length === 0) return
    this.#keep(inTurns(claimed))
    // Jobs that end at once follow each other for a while, and the next claim would leave only then: it leaves before.
    if (claimed.length === wanted) setImmediate(() => this.#host.arrived())
    else this.#host.arrived()
  }

  async #send(wanted: number, { kinds, turns }: Barred, place: Place | null): Promise<ClaimedRow[]> {
    const { ctx, db } = this.#host
    const worker = this.#host.worker()
    const query = place
      ? jobsClaimedOn(this.lane, worker, wanted, place.rank, kinds, ...columnsOf(place), turns)
      : jobsClaimed(this.lane, worker, wanted, this.#after, kinds, this.#afterRank, turns)
    const claimed: ClaimedRow[] = []
    const began = performance.now()
    await db.system(ctx, async (tx) => {
      tx.later(plannedByIndex('off'))
      tx.later(query, { seen: (_, rows) => claimed.push(...rows) })
    })
    if (!place) this.#lookMs = performance.now() - began
    return claimed
  }

  /** After a look from the beginning: where the next one begins, and whether claims can go on from here. */
  #looked(wanted: number, claimed: readonly ClaimedRow[]): void {
    const [first] = claimed
    const last = new Map<string, ClaimedRow>()
    for (const row of claimed) {
      const before = last.get(row.tenantId)
      if (!before || byAge(row, before) > 0) last.set(row.tenantId, row)
    }
    // When there were as many tenants as jobs, there may be more tenants: the next claim begins after the last of these.
    const isTurning = last.size === wanted
    this.#wasTurned = this.#after !== NOBODY
    this.#after = isTurning ? [...last.keys()].reduce((a, b) => (a > b ? a : b), NOBODY) : NOBODY
    this.#afterRank = first?.rank ?? 0
    const forMs = Math.max(LOOK_EVERY_MS, LOOK_SHARE * this.#lookMs)
    this.#place =
      first && claimed.length === wanted && !isTurning
        ? { rank: first.rank, last, until: performance.now() + forMs }
        : null
  }
}

/** Where a claim ended. */
interface Place {
  readonly rank: number
  /** Of each tenant the last job that was claimed. */
  readonly last: ReadonlyMap<string, ClaimedRow>
  /** Until when claims go on from it. */
  readonly until: number
}

function onward(place: Place, claimed: readonly ClaimedRow[]): Place {
  const last = new Map(place.last)
  for (const row of claimed) if (byAge(row, last.get(row.tenantId) as ClaimedRow) > 0) last.set(row.tenantId, row)
  return { ...place, last }
}

function columnsOf({ last }: Place): [string[], Date[], string[]] {
  const rows = [...last.values()]
  return [[...last.keys()], rows.map((row) => row.runAt), rows.map((row) => row.id)]
}

function byAge(a: ClaimedRow, b: ClaimedRow): number {
  return a.runAt.getTime() - b.runAt.getTime() || (a.id < b.id ? -1 : 1)
}

/** The most urgent first; of equal ones the tenants by turns, the oldest of each first. */
function inTurns(claimed: readonly ClaimedRow[]): ClaimedRow[] {
  if (claimed.length < 2) return [...claimed]
  const places = new Map<string, number>()
  const sorted = claimed.toSorted(byAge)
  const placed = sorted.map((row) => {
    const place = places.get(row.tenantId) ?? 0
    places.set(row.tenantId, place + 1)
    return { row, place }
  })
  if (places.size > 1) placed.sort((a, b) => a.place - b.place)
  return placed.map(({ row }) => row)
}
