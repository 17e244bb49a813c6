/*
 * Random schedules of everything that can happen to a few values: loads that read and return late, writes that commit,
 * roll back or crash before they drop, looks into the journal, commands to Redis that are late, lost, or done without
 * an answer, keys that Redis evicts, states that it falls back to, time that passes.
 *
 * One step at a time is chosen by a seeded generator, and between steps everything that can go on by itself does. So a
 * schedule is one interleaving, exactly, and its seed repeats it. The journal and the database are models here (a
 * number per key, and who has committed it); the cache and Redis are the real ones.
 *
 * What must hold: a read is never given a version older than the newest one that its process knew of when it asked. A
 * process knows of its own commits when they are acknowledged, and of the others' when it has looked.
 */
import { TestClock } from '@stoa/testkit'
import {
  type Cache,
  type CacheOptions,
  type CacheScope,
  createCache,
  dropFromJournal,
  type EntryOptions,
  type JournalDrops,
  type JournalSource,
  type ReadEvent,
  type RedisClient,
} from '../src/index.ts'
import { dropsName, entryNames } from '../src/keys.ts'

/** A generator of numbers (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The real Redis, as far as a schedule needs it. */
export interface SharedRedis extends RedisClient {
  del(...keys: string[]): Promise<unknown>
  dumpBuffer(key: string): Promise<Buffer | null>
  restore(key: string, ttl: number, value: Buffer, replace: 'REPLACE'): Promise<unknown>
}

/** What a schedule runs on. */
export interface ScheduleOptions {
  readonly seed: number
  /** Null: memory alone. */
  readonly redis: SharedRedis | null
  readonly prefix: string
  readonly processes: number
  readonly steps: number
  /** Changes a command on its way: to prove that a broken cache is found out. */
  readonly tamper?: (args: (string | Buffer | number)[]) => void
}

const KEYS = ['a', 'b']

/**
 * How often each thing happens, at most; each schedule draws its own weights, so that some are almost only of this, and
 * others almost only of that.
 */
const STEPS = {
  read: 6,
  write: 3,
  begin: 2,
  commit: 2,
  commitLast: 1,
  rollback: 0.5,
  acknowledge: 2,
  look: 2,
  through: 1,
  time: 1,
  crash: 0.4,
  evict: 0.4,
  replicate: 0.6,
  failOver: 0.6,
  go: 6,
  goAll: 2,
  rest: 4,
} as const
type Step = keyof typeof STEPS
const SCHEMA = '1'

/** Runs one schedule. @returns what was violated, or null */
export async function runSchedule(options: ScheduleOptions): Promise<string | null> {
  const world = new World(options)
  try {
    await world.run()
    return null
  } catch (error) {
    if (error instanceof Violation) return `seed ${options.seed}: ${error.message}\n${world.story.join('\n')}`
    throw error
  } finally {
    await world.end()
  }
}

class Violation extends Error {}

// Made once: a stack for each of them would be most of the work.
const ROLLED_BACK = new Error('rolled back')
const CRASHED = new Error('crashed')
const LOST = new Error('lost')

interface Transaction {
  readonly number: number
  readonly process: Process
  readonly key: string
  state: 'open' | 'committed' | 'ended'
  version: number
  event: ReadEvent | null
  readonly acknowledged: PromiseWithResolvers<number>
}

/** Something that waits to be let go on; `step` does it. */
interface Waiting {
  readonly what: string
  step(): void | Promise<void> | undefined
}

class Process {
  readonly name: string
  /** Per key: the newest version that it knows of. */
  readonly known = new Map<string, number>()
  /** Events that it has been shown. */
  readonly shown = new Set<ReadEvent>()
  readonly listeners = new Set<(commit: { transaction: string; events: readonly ReadEvent[] }) => void>()
  readonly looks = new Set<(events: readonly ReadEvent[], snapshot: string) => void>()
  readonly cache: Cache
  readonly drops: JournalDrops
  alive = true

  constructor(name: string, make: (process: Process) => readonly [Cache, JournalDrops]) {
    this.name = name
    const [cache, drops] = make(this)
    this.cache = cache
    this.drops = drops
  }
}

class World {
  readonly story: string[] = []
  readonly #options: ScheduleOptions
  readonly #random: () => number
  readonly #clock = new TestClock()
  readonly #scope: CacheScope
  readonly #weights: readonly (readonly [Step, number])[]
  readonly #keys: readonly string[]
  readonly #memoryBytes: number
  readonly #versions = new Map(KEYS.map((key) => [key, 0]))
  readonly #transactions: Transaction[] = []
  readonly #events: ReadEvent[] = []
  readonly #waiting = new Set<Waiting>()
  readonly #reads = new Set<Promise<void>>()
  readonly #processes: Process[] = []
  #backup: readonly (readonly [string, Buffer | null])[] | null = null
  #violation: Violation | null = null
  #drawn: Step = 'go'
  #numbers = 100
  #over = false

  constructor(options: ScheduleOptions) {
    this.#options = options
    this.#random = generator(options.seed)
    this.#weights = Object.entries(STEPS).map(([step, most]) => [step as Step, most * this.#random() ** 3])
    this.#keys = KEYS.slice(0, this.#random() < 0.5 ? 1 : 2)
    this.#memoryBytes = options.redis && this.#random() < 0.3 ? 0 : 2 ** 20
    this.#scope = { tenant: { id: `t${options.seed}` } }
    for (let i = 0; i < options.processes; i++) this.#start()
  }

  async run(): Promise<void> {
    await settled()
    for (let i = 0; i < this.#options.steps; i++) await this.#step()
    await this.#calm()
    // Everybody knows everything now, so everybody is given the newest.
    for (const process of this.#alive()) this.#look(process)
    if (this.#random() < 0.3) this.#start()
    await this.#calm()
    for (const process of this.#alive()) for (const key of this.#keys) this.#read(process, key)
    await this.#calm()
  }

  async end(): Promise<void> {
    this.#over = true
    for (const waiting of [...this.#waiting]) await this.#go(waiting)
    for (const process of this.#processes) {
      await process.drops[Symbol.asyncDispose]()
      await process.cache[Symbol.asyncDispose]()
    }
  }

  async #step(): Promise<void> {
    const process = this.#pick(this.#alive())
    const key = this.#pick(this.#keys)
    const ofState = (state: Transaction['state']) => this.#transactions.filter((one) => one.state === state)
    switch (this.#draw()) {
      case 'read':
        this.#read(process, key)
        break
      case 'write': {
        const transaction = this.#begin(process, key)
        this.#commit(transaction)
        this.#acknowledge(transaction)
        break
      }
      case 'begin':
        this.#begin(process, key)
        break
      case 'commit':
        for (const transaction of ofState('open').slice(0, 1)) this.#commit(transaction)
        break
      case 'commitLast':
        for (const transaction of ofState('open').slice(-1)) this.#commit(transaction)
        break
      case 'rollback':
        for (const transaction of ofState('open').slice(0, 1)) this.#rollback(transaction)
        break
      case 'acknowledge':
        for (const transaction of ofState('committed').slice(0, 1)) this.#acknowledge(transaction)
        break
      case 'look':
        this.#look(process)
        break
      case 'through':
        this.#through(process, key)
        break
      case 'time':
        await this.#time(Math.floor(this.#random() ** 3 * 3_000))
        break
      case 'crash':
        this.#crash(process)
        break
      case 'evict':
      case 'replicate':
      case 'failOver':
        if (this.#options.redis) await this.#disturb(this.#options.redis)
        break
      case 'go':
        await this.#letOneGo()
        break
      case 'goAll':
        for (const waiting of [...this.#waiting]) await this.#go(waiting)
        break
      case 'rest':
        for (let i = 0; i < 8 && this.#waiting.size > 0; i++) {
          for (const waiting of [...this.#waiting]) await this.#go(waiting)
          await settled()
        }
    }
    await settled()
    if (this.#violation) throw this.#violation
  }

  /** What happens next, by the weights of this schedule. */
  #draw(): Step {
    let left = this.#random() * this.#weights.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [step, weight] of this.#weights) {
      left -= weight
      if (left <= 0) {
        this.#drawn = step
        return step
      }
    }
    return 'go'
  }

  // What happens

  #read(process: Process, key: string): void {
    const floor = process.known.get(key) ?? 0
    const label = `read ${this.story.length} of ${key} in ${process.name}`
    this.story.push(`${label} begins, knowing ${floor}`)
    this.#wait(
      label,
      floor,
      key,
      process.cache.wrap(this.#scope, key, this.#entry(key), () => this.#load(label, key)),
    )
  }

  #through(process: Process, key: string): void {
    const label = `write-through ${this.story.length} of ${key} in ${process.name}`
    this.story.push(`${label} begins`)
    let written = 0
    const write = async () => {
      written = await this.#begin(process, key).acknowledged.promise
      return written
    }
    const outcome = process.cache.through(this.#scope, key, this.#entry(key), write).then((version) => {
      if (version !== written) this.#violation ??= new Violation(`${label} gave ${version} instead of ${written}`)
      return version
    })
    this.#wait(label, 0, key, outcome)
  }

  #wait(label: string, floor: number, key: string, outcome: Promise<number>): void {
    const done = outcome.then(
      (version) => {
        this.story.push(`${label} gives ${version}`)
        if (version < floor) this.#violation ??= new Violation(`${label} gave ${version}, and ${floor} was known`)
        if (version > (this.#versions.get(key) ?? 0))
          this.#violation ??= new Violation(`${label} gave ${version}, which is not committed`)
      },
      (error: Error) => {
        if (!/crashed|rolled back|Aborted|took longer/.test(String(error)))
          this.#violation ??= new Violation(`${label} failed: ${error.stack}`)
      },
    )
    const tracked = done.finally(() => this.#reads.delete(tracked))
    this.#reads.add(tracked)
  }

  async #load(label: string, key: string): Promise<number> {
    await this.#hold(`${label}: its load reads`)
    const version = this.#versions.get(key) ?? 0
    this.story.push(`${label}: its load has read ${version}`)
    await this.#hold(`${label}: its load returns`)
    return version
  }

  #begin(process: Process, key: string): Transaction {
    const acknowledged = Promise.withResolvers<number>()
    acknowledged.promise.catch(() => undefined)
    const transaction: Transaction = {
      number: this.#numbers++,
      process,
      key,
      state: 'open',
      version: 0,
      event: null,
      acknowledged,
    }
    this.#transactions.push(transaction)
    this.story.push(`transaction ${transaction.number} on ${key} begins in ${process.name}`)
    return transaction
  }

  #commit(transaction: Transaction): void {
    const { key, number } = transaction
    const version = (this.#versions.get(key) ?? 0) + 1
    this.#versions.set(key, version)
    const event = {
      tenantId: this.#scope.tenant.id,
      type: 'thing.changed',
      subjects: [`thing:${key}`],
      position: `${number}.${number}`,
    }
    Object.assign(transaction, { state: 'committed', version, event })
    this.#events.push(event)
    this.story.push(`transaction ${number} commits: ${key} is ${version}`)
  }

  #rollback(transaction: Transaction): void {
    transaction.state = 'ended'
    transaction.acknowledged.reject(ROLLED_BACK)
    this.story.push(`transaction ${transaction.number} rolls back`)
  }

  /** The process learns of its own commit. */
  #acknowledge(transaction: Transaction): void {
    const { acknowledged, event, key, number, process, version } = transaction
    transaction.state = 'ended'
    if (!process.alive || event === null) {
      acknowledged.reject(CRASHED)
      return
    }
    for (const listener of process.listeners) listener({ transaction: String(number), events: [event] })
    process.known.set(key, Math.max(version, process.known.get(key) ?? 0))
    acknowledged.resolve(version)
    this.story.push(`transaction ${number} is acknowledged`)
  }

  #look(process: Process): void {
    if (!process.alive) return
    const events = this.#events.filter((event) => !process.shown.has(event))
    for (const event of events) process.shown.add(event)
    for (const look of process.looks) look(events, this.#snapshot())
    for (const event of events) {
      const { key, version } = this.#transactions.find((one) => one.event === event) as Transaction
      process.known.set(key, Math.max(version, process.known.get(key) ?? 0))
    }
    this.story.push(`${process.name} looks: ${events.map((event) => event.position).join(' ') || 'nothing new'}`)
  }

  #crash(process: Process): void {
    process.alive = false
    for (const { acknowledged, process: owner } of this.#transactions) {
      if (owner === process) acknowledged.reject(CRASHED)
    }
    // What it would do by itself it does no more.
    void process.cache[Symbol.asyncDispose]()
    this.story.push(`${process.name} crashes`)
    this.#start()
  }

  async #time(ms: number): Promise<void> {
    this.story.push(`${ms} ms pass`)
    await this.#clock.advance(ms)
  }

  /** Redis evicts a key, is copied, or falls back to the copy. */
  async #disturb(redis: SharedRedis): Promise<void> {
    const names = this.#names()
    if (this.#drawn === 'evict') {
      const name = this.#pick(names)
      await redis.del(name)
      this.story.push(`Redis evicts ${name}`)
    } else if (this.#drawn === 'replicate') {
      this.#backup = await Promise.all(names.map(async (name) => [name, await redis.dumpBuffer(name)] as const))
      this.story.push('the replica of Redis is here')
    } else if (this.#backup !== null) {
      for (const [name, value] of this.#backup) {
        if (value) await redis.restore(name, 600_000, value, 'REPLACE')
        else await redis.del(name)
      }
      this.story.push('Redis fails over')
    }
  }

  async #letOneGo(): Promise<void> {
    if (this.#waiting.size === 0) return
    await this.#go(this.#pick([...this.#waiting]))
  }

  async #go(waiting: Waiting): Promise<void> {
    this.#waiting.delete(waiting)
    await waiting.step()
  }

  /** Lets everything go on until nobody waits. */
  async #calm(): Promise<void> {
    this.#endTransactions()
    for (let i = 0; this.#reads.size > 0 || this.#waiting.size > 0; i++) {
      if (i > 1_000) throw new Violation('it does not come to rest')
      this.#endTransactions()
      for (const waiting of [...this.#waiting]) await this.#go(waiting)
      await settled()
      if (this.#violation) throw this.#violation
      if (this.#waiting.size === 0) await this.#clock.advance(50)
    }
    if (this.#violation) throw this.#violation
  }

  #endTransactions(): void {
    for (const transaction of this.#transactions) {
      if (transaction.state === 'open') this.#rollback(transaction)
      if (transaction.state === 'committed') this.#acknowledge(transaction)
    }
  }

  // What it is made of

  #start(): void {
    const process = new Process(`p${this.#processes.length}`, (self) => {
      const options: CacheOptions = {
        schema: SCHEMA,
        memoryBytes: this.#memoryBytes,
        // What is left in Redis at the end goes by itself.
        maxTtlMs: 10_000,
        redis: {
          prefix: this.#options.prefix,
          timeoutMs: 500,
          failures: 1_000,
          restMs: 50,
          leaseWaitMs: 200,
          leaseMs: 300,
        },
      }
      const client = this.#client(self)
      const cache = createCache(options, { clock: this.#clock, random: this.#random, ...(client && { redis: client }) })
      return [cache, dropFromJournal(cache, this.#journal(self))]
    })
    this.#processes.push(process)
    // Before it has looked and repeated what Redis may have missed, it believes the database alone.
    for (const [key, version] of this.#versions) process.known.set(key, version)
    this.story.push(`${process.name} starts`)
    if (this.#random() < 0.7) this.#look(process)
  }

  #client(process: Process): RedisClient | null {
    const { redis, tamper } = this.#options
    if (redis === null) return null
    return {
      callBuffer: async (command, ...args) => {
        const label = `${process.name}: ${command} ${this.story.length}`
        const done = Promise.withResolvers<void>()
        try {
          await this.#hold(`${label} is sent`, done.promise)
          if (!process.alive || (!this.#over && this.#random() < 0.04)) throw LOST
          tamper?.(args)
          const answer = await redis.callBuffer(command, ...args)
          // Whoever let it go has waited for its answer, which is on its way back now.
          done.resolve()
          await this.#hold(`${label} is answered`)
          if (!this.#over && this.#random() < 0.04) throw LOST
          return answer
        } finally {
          done.resolve()
        }
      },
    }
  }

  #journal(process: Process): JournalSource {
    const xmin = this.#xmin()
    const look = async () => this.#look(process)
    const nothing = { [Symbol.asyncDispose]: async () => undefined }
    for (const event of this.#events) if (Number.parseInt(event.position, 10) < xmin) process.shown.add(event)
    return {
      committed(listener) {
        process.listeners.add(listener)
        return { [Symbol.dispose]: () => void process.listeners.delete(listener) }
      },
      watch(_options, handle) {
        process.looks.add(handle)
        return { ready: Promise.resolve(`${xmin}:${xmin}:`), look, ...nothing }
      },
    }
  }

  #xmin(): number {
    const open = this.#transactions.filter(({ state }) => state === 'open').map(({ number }) => number)
    return Math.min(this.#numbers, ...open)
  }

  #snapshot(): string {
    const open = this.#transactions.filter(({ state }) => state === 'open').map(({ number }) => number)
    return `${this.#xmin()}:${this.#numbers}:${open.join(',')}`
  }

  /** @param until what whoever lets it go waits for */
  #hold(what: string, until?: Promise<void>): Promise<void> {
    if (this.#over) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.add({
        what,
        step: () => {
          if (!this.#over) this.story.push(what)
          resolve()
          return until
        },
      })
    })
  }

  #entry(key: string): EntryOptions<number> {
    const tags = [`thing:${key}`]
    return {
      // Half of the keys are known by their value alone, as a short link is.
      tags: key === 'a' ? tags : () => tags,
      ttlMs: 1_000,
      staleMs: 1_000,
    }
  }

  #names(): string[] {
    const { prefix } = this.#options
    const { id } = this.#scope.tenant
    const names = KEYS.map((key) => entryNames(prefix, SCHEMA, id, 0, key))
    return [...names.flatMap(({ entry, lease }) => [entry, lease]), dropsName(prefix, id)]
  }

  #alive(): Process[] {
    return this.#processes.filter(({ alive }) => alive)
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
