/** Options of {@link createCache}. */
export interface CacheOptions {
  /**
   * What the memory of this process may hold, in bytes: values, keys and tags, as estimated. More is fewer loads. 0
   * keeps nothing in memory. 0 – 2^40; default 64 MiB.
   */
  readonly memoryBytes?: number
  /**
   * The largest value that is stored, as estimated in memory, in bytes. A larger one is given to its caller and loaded
   * each time. 1 KiB – 256 MiB; default 1 MiB.
   */
  readonly maxValueBytes?: number
  /**
   * The longest life of an entry (`ttlMs` + `staleMs`), in milliseconds; a longer one is an error. 1 s – 30 days;
   * default 24 h.
   */
  readonly maxTtlMs?: number
  /** How long a load may take, in milliseconds. 1 ms – 1 h; default 30 s. */
  readonly loadTimeoutMs?: number
  /**
   * The version of the program's data, part of every key in Redis: a program with another one sees none of these
   * entries. Letters, digits and `._-`, 1–64. Default `1`.
   */
  readonly schema?: string
  /**
   * How eagerly a value is loaded anew before its time ends (β of XFetch): the probability grows with the time that
   * loading takes. 0 never; above 1 earlier. 0 – 10; default 1.
   */
  readonly earlyRefresh?: number
  /** How Redis is used, when there is one. */
  readonly redis?: RedisLevelOptions
}

/** How Redis is used. */
export interface RedisLevelOptions {
  /** In front of every key, one per installation. Default `stoa:cache:`. */
  readonly prefix?: string
  /** How long a command may take before the value is loaded instead, in milliseconds. 1 – 10 000; default 50. */
  readonly timeoutMs?: number
  /** Failures in a row after which Redis is left alone. 1 – 1 000; default 5. */
  readonly failures?: number
  /** How long it is left alone before it is tried by one command, in milliseconds. 10 – 600 000; default 1 000. */
  readonly restMs?: number
  /**
   * How long one process may be the only one that loads a key, in milliseconds. 0: every process loads for itself. 0 –
   * 600 000; default 10 000.
   */
  readonly leaseMs?: number
  /**
   * How long a caller waits for another process to load before it loads itself, in milliseconds. 0 – 600 000; default 1
   * 000.
   */
  readonly leaseWaitMs?: number
  /** Values with a longer text are compressed, in bytes. 0 – 2^30; default 4 096. */
  readonly compressOverBytes?: number
  /**
   * How many dropped tags Redis remembers per tenant, about 100 bytes each. With fewer, slow loads are refused more
   * often. 100 – 10 000 000; default 10 000.
   */
  readonly maxDrops?: number
}

/** Complete and checked. */
export type ResolvedOptions = Required<Omit<CacheOptions, 'redis'>> & { readonly redis: Required<RedisLevelOptions> }

type Ranges<T> = { readonly [K in keyof T]: readonly [standard: number, min: number, max: number] }

const CACHE_RANGES = {
  memoryBytes: [64 * 2 ** 20, 0, 2 ** 40],
  maxValueBytes: [2 ** 20, 2 ** 10, 2 ** 28],
  maxTtlMs: [86_400_000, 1_000, 30 * 86_400_000],
  loadTimeoutMs: [30_000, 1, 3_600_000],
  earlyRefresh: [1, 0, 10],
} as const

const REDIS_RANGES = {
  timeoutMs: [50, 1, 10_000],
  failures: [5, 1, 1_000],
  restMs: [1_000, 10, 600_000],
  leaseMs: [10_000, 0, 600_000],
  leaseWaitMs: [1_000, 0, 600_000],
  compressOverBytes: [4_096, 0, 2 ** 30],
  maxDrops: [10_000, 100, 10_000_000],
} as const

/**
 * The complete options.
 *
 * @throws TypeError for an option that does not exist or is of the wrong type, RangeError for one out of range
 */
export function resolveOptions(input: CacheOptions): ResolvedOptions {
  const { schema = '1', redis = {}, ...numbers } = input
  const { prefix = 'stoa:cache:', ...redisNumbers } = redis
  if (typeof schema !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(schema)) {
    throw new TypeError('createCache: schema must be 1 to 64 letters, digits and ._-')
  }
  if (typeof prefix !== 'string' || !/^[^{}\s]{0,100}$/.test(prefix)) {
    throw new TypeError('createCache: redis.prefix must be at most 100 characters without braces and spaces')
  }
  return Object.freeze({
    ...resolveNumbers('', CACHE_RANGES, numbers),
    schema,
    redis: Object.freeze({ ...resolveNumbers('redis.', REDIS_RANGES, redisNumbers), prefix }),
  })
}

function resolveNumbers<K extends string>(
  path: string,
  ranges: Ranges<Record<K, number>>,
  given: Readonly<Partial<Record<NoInfer<K>, number>>>,
): Record<K, number> {
  const names = Object.keys(ranges) as K[]
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(ranges, name)) continue
    throw new TypeError(
      `createCache: unknown option '${path}${name}'; there are ${names.map((one) => path + one).join(', ')}`,
    )
  }
  const resolved = {} as Record<K, number>
  for (const name of names) {
    const [standard, min, max] = ranges[name]
    const value = given[name] ?? standard
    if (
      !(
        typeof value === 'number' &&
        value >= min &&
        value <= max &&
        (name === 'earlyRefresh' || Number.isInteger(value))
      )
    ) {
      throw new RangeError(`createCache: ${path}${name} must be from ${min} to ${max} (got ${String(value)})`)
    }
    resolved[name] = value
  }
  return resolved
}
