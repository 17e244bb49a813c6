/*
 * Buckets in PostgreSQL, for installations without Redis. Time is the server's. Buckets that are full are removed now
 * and then by whoever takes.
 */
import { type Bucket, type Decision, decide } from './bucket.ts'
import { portableKey } from './bucket-key.ts'
import {
  blankDecision,
  bucketName,
  checkLayers,
  type Layer,
  type LayersDecision,
  layersDecision,
  type Store,
} from './layers.ts'
import { checkWhole, refuseUnknown } from './options.ts'
import { postgresSchema, sweepFull, takeOne, takeSeveral } from './postgres-schema.ts'

/**
 * What is used of the caller's client: `pg`'s `Pool`. Not a client inside a transaction: its locks would be held until
 * the commit.
 */
export interface PostgresClient {
  query(statement: {
    readonly text: string
    readonly values?: unknown[]
    readonly name?: string
  }): Promise<{ rows: unknown[] }>
}

/** Options of {@link createPostgresStore}. */
export interface PostgresStoreOptions {
  /** Where {@link postgresSchema} was run. Default `public`. */
  readonly schema?: string
  /**
   * Whether statements are prepared by name, once per connection. Say false behind a pooler that cannot. Default true.
   */
  readonly prepares?: boolean
  /**
   * How often this process removes full buckets, in milliseconds; it reads the whole table. 1000 – 86 400 000; default
   * 60 000.
   */
  readonly sweepEveryMs?: number
  /**
   * How long a bucket stays after it is full, in milliseconds. A server whose clock goes back by less fills no bucket
   * twice. 1 – 86 400 000; default 10 000.
   */
  readonly keepMs?: number
  /** The time in milliseconds instead of the server's, for tests. */
  readonly clock?: () => number
}

/** Rows of one sweep: takes of those wait until it is done. */
const SWEPT_AT_ONCE = 10_000

/** Names of one word, for clients that write names of columns in another way. */
interface Row {
  readonly tokens: number
  readonly spent: number
  readonly seen: number
  readonly passed: boolean
  readonly extra: number
  readonly at: number
}

/** Buckets in PostgreSQL. */
export class PostgresStore implements Store {
  readonly #client: PostgresClient
  readonly #options: Required<Omit<PostgresStoreOptions, 'clock'>>
  readonly #clock: () => number | null
  readonly #one: string
  readonly #several: string
  #sweptMs = performance.now()

  constructor(
    client: PostgresClient,
    options: Required<Omit<PostgresStoreOptions, 'clock'>>,
    clock: () => number | null,
  ) {
    this.#client = client
    this.#options = options
    this.#clock = clock
    this.#one = takeOne(options.schema)
    this.#several = takeSeveral(options.schema)
  }

  /**
   * Makes the table and the function when they are missing: `postgresSchema`, run here. The login must be allowed to.
   */
  async setup(): Promise<void> {
    await this.#client.query({ text: postgresSchema(this.#options.schema) })
  }

  /**
   * Rejects with a RangeError when limits, costs or the number of layers make no sense; with another error when
   * PostgreSQL cannot be asked.
   */
  take(layers: readonly Layer[]): Promise<LayersDecision> {
    return this.#ask(layers, false)
  }

  /** Rejects as {@link take}. */
  settle(layers: readonly Layer[]): Promise<LayersDecision> {
    return this.#ask(layers, true)
  }

  /** Removes buckets that have been full for `keepMs`, 10,000 at most, which changes nothing for anybody. */
  async sweep(): Promise<void> {
    const { schema, keepMs } = this.#options
    await this.#client.query({ text: sweepFull(schema), values: [keepMs, SWEPT_AT_ONCE, this.#clock()] })
  }

  async #ask(layers: readonly Layer[], settles: boolean): Promise<LayersDecision> {
    checkLayers(layers, 0, settles)
    this.#sweepNowAndThen()
    const [only] = layers
    const rows =
      only && layers.length === 1 ? await this.#askOne(only, settles) : await this.#askSeveral(layers, settles)
    if (rows.length !== layers.length) throw new Error('PostgreSQL: the statement gave another answer than expected')
    let allowed = true
    const decisions = layers.map((layer, index) => {
      const decision = decisionOf(rows[index] as Row, layer, settles)
      if (!decision.allowed && !layer.shadow) allowed = false
      return decision
    })
    return layersDecision(layers, decisions, allowed)
  }

  #askOne(layer: Layer, settles: boolean): Promise<readonly Row[]> {
    const { capacity, refillPerSecond, cost = 1, upTo = 0 } = layer
    const values = [
      portableKey(bucketName(layer)),
      capacity,
      refillPerSecond / 1000,
      cost,
      upTo,
      settles,
      this.#clock(),
    ]
    return this.#query('limiter_take_one', this.#one, values)
  }

  #askSeveral(layers: readonly Layer[], settles: boolean): Promise<readonly Row[]> {
    return this.#query('limiter_take_several', this.#several, [
      layers.map((layer) => portableKey(bucketName(layer))),
      layers.map(({ capacity }) => capacity),
      layers.map(({ refillPerSecond }) => refillPerSecond / 1000),
      layers.map(({ cost = 1 }) => cost),
      layers.map(({ upTo = 0 }) => upTo),
      layers.map(({ shadow = false }) => shadow),
      settles,
      this.#clock(),
    ])
  }

  async #query(name: string, text: string, values: unknown[]): Promise<readonly Row[]> {
    const { prepares, schema } = this.#options
    const { rows } = await this.#client.query({ text, values, ...(prepares && { name: `${schema}.${name}` }) })
    return rows as Row[]
  }

  #sweepNowAndThen(): void {
    const nowMs = performance.now()
    if (nowMs - this.#sweptMs < this.#options.sweepEveryMs) return
    this.#sweptMs = nowMs
    // Nobody waits for it; when it fails, so does the take beside it, and the next one comes.
    this.sweep().catch(() => undefined)
  }
}

function decisionOf(row: Row, layer: Layer, settles: boolean): Decision {
  const { cost = 1, capacity, refillPerSecond, upTo } = layer
  const bucket: Bucket = {
    tokens: row.tokens,
    spentMs: row.spent,
    seenMs: row.seen,
    capacity,
    perMs: refillPerSecond / 1000,
  }
  const decision = decide(bucket, row.passed, settles ? 0 : cost, row.at, blankDecision())
  if (upTo !== undefined) decision.extra = row.extra
  return decision
}

/**
 * A store on the caller's `pg` pool, which stays the caller's to close. Run {@link postgresSchema} as a migration, or
 * call `setup()` once. The isolation level must be READ COMMITTED, as it is by default.
 *
 * @throws RangeError when an option is out of range; TypeError for an option that does not exist
 */
export function createPostgresStore(client: PostgresClient, options: PostgresStoreOptions = {}): PostgresStore {
  const { schema = 'public', prepares = true, sweepEveryMs = 60_000, keepMs = 10_000, clock, ...unknown } = options
  refuseUnknown('createPostgresStore', unknown, ['schema', 'prepares', 'sweepEveryMs', 'keepMs', 'clock'])
  postgresSchema(schema)
  checkWhole('createPostgresStore', 'sweepEveryMs', sweepEveryMs, 1000, 86_400_000)
  checkWhole('createPostgresStore', 'keepMs', keepMs, 1, 86_400_000)
  return new PostgresStore(client, { schema, prepares, sweepEveryMs, keepMs }, clock ?? (() => null))
}
