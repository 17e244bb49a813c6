/*
 * Buckets in Redis or Valkey, one server or a Cluster. Time is the server's, so the clocks of the nodes do not matter.
 *
 * Takes that are asked for in the same turn of the event loop go out as one call: with many callers a take costs the
 * client and the server a fraction of a command of its own, and a single one waits for nobody. Takes of one bucket stand
 * together in it: the server reads and writes that once, and says once how it stood. With many buckets there are two
 * calls: the first leaves as soon as it is worth one and the server has nothing to do, so that both work at the same
 * time instead of by turns. Takes of one bucket are no work for the server, and stay one call: two would be two more
 * writes and reads. The script is called by its hash, and sent again when the server does not know it (a restart, a
 * failover, SCRIPT FLUSH).
 *
 * A Cluster runs a script on the keys of one slot. So the keys of a store share a slot by their hash tag, unless
 * `slotOf` spreads them; then the layers of one take must agree.
 */
import { portableKey } from './bucket-key.ts'
import { bucketName, checkLayers, type Layer, type LayersDecision, type Store } from './layers.ts'
import { checkWhole, refuseUnknown } from './options.ts'
import { type Asked, deliver } from './redis-answer.ts'
import { AGAIN, LAYER_PARAMETERS, RUN, SETTLES, TAKE_SCRIPT, TAKE_SCRIPT_SHA } from './redis-script.ts'

/** What is used of the caller's client: ioredis's `Redis` or `Cluster`. */
export interface RedisClient {
  evalsha(sha: string, keyCount: number, ...args: (string | number)[]): Promise<unknown>
  eval(script: string, keyCount: number, ...args: (string | number)[]): Promise<unknown>
  /**
   * Where the connection stands. While it is being made again, a take fails at once instead of waiting in the client's
   * memory.
   */
  readonly status?: string
}

/** Options of {@link createRedisStore}. */
export interface RedisStoreOptions {
  /**
   * Begins every key. Programs that share a server need different ones. 1–64 characters of `A–Z a–z 0–9 : . _ -`.
   * Default `limiter`.
   */
  readonly prefix?: string
  /**
   * On a Cluster: which keys go together. Keys with the same answer share a slot, and the layers of one take must have
   * the same answer: by tenant, say. The policy is `Layer.policy`, by which a limiter tells its buckets apart. Default:
   * all keys share one slot, which is right for every take and uses one node of the Cluster.
   */
  readonly slotOf?: (key: string, policy?: string) => string
  /**
   * How long a bucket stays after it is full, in milliseconds. A server whose clock goes back by less fills no bucket
   * twice. Costs memory for idle callers. 1 – 86 400 000; default 10 000.
   */
  readonly keepMs?: number
  /** The time in milliseconds instead of the server's, for tests. */
  readonly clock?: () => number
}

/** Buckets and takes of one call; more begin another. A script holds up everybody else on the server as long as it runs. */
const MAX_KEYS_PER_CALL = 256
const MAX_TAKES_PER_CALL = 1024
/** So many buckets are worth a call of their own while none is under way. */
const KEYS_FOR_AN_IDLE_SERVER = 24
const LOST = new Set(['reconnecting', 'close', 'end'])

interface Waiting extends Asked {
  readonly settles: boolean
  readonly reject: (error: unknown) => void
}

/** One call in the making. */
interface Call {
  readonly keys: string[]
  /** Capacity and tokens per ms, limit after limit. */
  readonly limits: number[]
  readonly takes: number[]
  /** In the order of `takes`: who waits for a take, or for all those that one number stands for. */
  readonly waiting: [Waiting, ...Waiting[]][]
  /** Takes that others of the same bucket can stand beside, by key: what came after something else must stay after it. */
  readonly open: Map<string, Together>
  /** The open take that was asked for last. One busy caller asks for it again and again. */
  last: Together | null
  count: number
}

/** Takes of one bucket at cost 1, by one limit. Its name is kept: whoever takes may use his layer again for another one. */
interface Together {
  /** Their place in `takes`. */
  readonly at: number
  readonly limit: number
  readonly key: string
  readonly policy: string | undefined
  readonly waiting: [Waiting, ...Waiting[]]
}

/** Buckets in Redis. */
export class RedisStore implements Store {
  readonly #client: RedisClient
  readonly #prefix: string
  /** What begins the keys of every take when they share a slot. */
  readonly #start: string
  readonly #slotOf: ((key: string, policy?: string) => string) | null
  readonly #keepMs: number
  readonly #clock: (() => number) | null
  /** By slot. */
  #calls = new Map<string, Call>()
  /** Calls without an answer. */
  #underWay = 0
  readonly #flush = (): void => {
    const calls = this.#calls
    this.#calls = new Map()
    for (const call of calls.values()) this.#send(call)
  }

  constructor(
    client: RedisClient,
    options: Required<Pick<RedisStoreOptions, 'prefix' | 'keepMs'>> & RedisStoreOptions,
  ) {
    this.#client = client
    this.#prefix = options.prefix
    this.#start = `{${options.prefix}}:`
    this.#slotOf = options.slotOf ?? null
    this.#keepMs = options.keepMs
    this.#clock = options.clock ?? null
  }

  /** @throws RangeError when limits, costs or the number of layers make no sense; rejects when Redis cannot be asked */
  take(layers: readonly Layer[]): Promise<LayersDecision> {
    return this.#ask(layers, false)
  }

  /** @throws RangeError when limits, costs or the number of layers make no sense; rejects when Redis cannot be asked */
  settle(layers: readonly Layer[]): Promise<LayersDecision> {
    return this.#ask(layers, true)
  }

  #ask(layers: readonly Layer[], settles: boolean): Promise<LayersDecision> {
    checkLayers(layers, 0, settles)
    const slot = this.#slot(layers)
    const { status } = this.#client
    if (status !== undefined && LOST.has(status))
      return Promise.reject(new Error(`Redis: the connection is lost (${status})`))
    return new Promise((resolve, reject) => {
      if (this.#calls.size === 0) setImmediate(this.#flush)
      let call = this.#calls.get(slot)
      if (call === undefined) {
        call = { keys: [], limits: [], takes: [], waiting: [], open: new Map(), last: null, count: 0 }
        this.#calls.set(slot, call)
      }
      append(call, slot, { layers, settles, resolve, reject })
      call.count += 1
      const begins = this.#underWay === 0 && call.keys.length >= KEYS_FOR_AN_IDLE_SERVER
      if (call.keys.length < MAX_KEYS_PER_CALL && call.count < MAX_TAKES_PER_CALL && !begins) return
      this.#calls.delete(slot)
      this.#send(call)
    })
  }

  /** What begins the keys of a take: a hash tag is never empty, because an empty one counts as none. */
  #slot(layers: readonly Layer[]): string {
    if (this.#slotOf === null) return this.#start
    const [first, ...others] = layers.map((layer) => this.#slotOf?.(layer.key, layer.policy) ?? '')
    for (const other of others) {
      if (other !== first)
        throw new RangeError(`slotOf gives the layers of one take different slots: '${first}', '${other}'`)
    }
    return `${this.#prefix}{_${portableKey(first ?? '').replaceAll('}', '_')}}:`
  }

  async #send(call: Call): Promise<void> {
    const { keys, limits, takes, waiting } = call
    const parameters = [...keys, this.#clock?.() ?? '', this.#keepMs, limits.length / 2, ...limits, ...runsOf(takes)]
    this.#underWay += 1
    try {
      deliver(waiting, await this.#run(keys.length, parameters))
    } catch (error) {
      for (const together of waiting) for (const { reject } of together) reject(error)
    } finally {
      this.#underWay -= 1
    }
  }

  async #run(keyCount: number, parameters: (string | number)[]): Promise<unknown> {
    try {
      return await this.#client.evalsha(TAKE_SCRIPT_SHA, keyCount, ...parameters)
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      return await this.#client.eval(TAKE_SCRIPT, keyCount, ...parameters)
    }
  }
}

function append(call: Call, start: string, waiting: Waiting): void {
  const { layers, settles } = waiting
  const [only] = layers
  if (only && layers.length === 1 && !settles && (only.cost ?? 1) === 1 && only.upTo === undefined && !only.shadow) {
    appendOne(call, start, only, waiting)
    return
  }
  call.open.clear()
  call.last = null
  call.waiting.push([waiting])
  call.takes.push(-layers.length - (settles ? SETTLES : 0))
  for (const layer of layers) {
    const { cost = 1, upTo = 0, shadow } = layer
    call.keys.push(start + portableKey(bucketName(layer)))
    call.takes.push(limitOf(call, layer), cost, upTo, shadow ? 1 : 0)
  }
}

function appendOne(call: Call, start: string, layer: Layer, one: Waiting): void {
  const { keys, last, open, takes, waiting } = call
  const limit = limitOf(call, layer)
  if (last !== null && last.key === layer.key && last.policy === layer.policy && last.limit === limit) {
    join(call, last, one)
    return
  }
  const key = start + portableKey(bucketName(layer))
  const together = open.get(key)
  if (together !== undefined && together.limit === limit) {
    join(call, together, one)
    return
  }
  const alone: [Waiting] = [one]
  call.last = { at: takes.length, limit, key: layer.key, policy: layer.policy, waiting: alone }
  open.set(key, call.last)
  keys.push(key)
  takes.push(limit)
  waiting.push(alone)
}

function join(call: Call, together: Together, one: Waiting): void {
  call.takes[together.at] = (call.takes[together.at] as number) + AGAIN
  together.waiting.push(one)
  call.last = together
}

/** The takes as the script is told them: the same number again and again is one, because each costs both sides. */
function runsOf(takes: readonly number[]): number[] {
  const runs: number[] = []
  for (let at = 0, last = 0; at < takes.length; ) {
    const head = takes[at] as number
    const size = head > 0 ? 1 : 1 + LAYER_PARAMETERS * (-head % SETTLES)
    if (head <= 0) runs.push(...takes.slice(at, at + size))
    else if (head === last) runs.push((runs.pop() as number) + RUN)
    else runs.push(head)
    last = head
    at += size
  }
  return runs
}

/** The place of a limit in the call, from 1. Calls have few different ones. */
function limitOf({ limits }: Call, { capacity, refillPerSecond }: Layer): number {
  const perMs = refillPerSecond / 1000
  for (let at = 0; at < limits.length; at += 2) {
    if (limits[at] === capacity && limits[at + 1] === perMs) return at / 2 + 1
  }
  return limits.push(capacity, perMs) / 2
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

const PREFIX = /^[A-Za-z0-9:._-]{1,64}$/

/**
 * A store on the caller's ioredis client, which stays the caller's to close. Give the client `maxRetriesPerRequest: 0`
 * or `enableOfflineQueue: false` when nothing else uses it: a take that waits for a connection is worth nothing when it
 * comes.
 *
 * @throws RangeError when an option is out of range; TypeError for an option that does not exist
 */
export function createRedisStore(client: RedisClient, options: RedisStoreOptions = {}): RedisStore {
  const { prefix = 'limiter', keepMs = 10_000, slotOf, clock, ...unknown } = options
  refuseUnknown('createRedisStore', unknown, ['prefix', 'slotOf', 'keepMs', 'clock'])
  checkWhole('createRedisStore', 'keepMs', keepMs, 1, 86_400_000)
  if (!PREFIX.test(prefix)) throw new RangeError(`createRedisStore: prefix must match ${PREFIX} (got '${prefix}')`)
  return new RedisStore(client, { prefix, keepMs, ...(slotOf && { slotOf }), ...(clock && { clock }) })
}
