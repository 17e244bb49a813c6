/*
 * What every benchmark stands on.
 *
 *   run.ts ──► bench.run(context) ──► context.postgres(), startProgram() ──► paired(): subject, peer, peer, subject, … ──► row()
 *      └──► results/<name>.json and a table
 *
 * The number that is committed is the median over paired runs: subject and peer alternate inside one run of the
 * program, on the same server, so that whatever else the machine does meets both. A ratio is the median of the pairs'
 * ratios. CPU time is counted where load is not made: what is measured runs in a program of its own (startProgram) and
 * the database in its processes; the load comes from here.
 */
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '@stoa/testkit/servers'

/** A benchmark, found by its name: `npm run bench -- journal`. */
export interface Bench {
  /** Of the file in `results/`, too. */
  readonly name: string
  run(context: BenchContext): Promise<readonly Row[]>
}

/** What a benchmark is given. */
export interface BenchContext {
  /** How many pairs to measure, from `--runs`. Default 5. */
  readonly runs: number
  /** How long one measurement lasts, from `--seconds`. Default 5. */
  readonly seconds: number
  /** Tells whoever watches what goes on. */
  say(line: string): void
  /**
   * A PostgreSQL of the benchmark's own with `fsync` and `synchronous_commit` on, stopped at the end. `settings` as in
   * postgresql.conf.
   */
  postgres(settings?: Readonly<Record<string, string>>): Promise<PostgresServer>
  /** A Redis of the benchmark's own, stopped at the end. `settings` as in redis.conf. Default: nothing on the disk. */
  redis(settings?: Readonly<Record<string, string>>): Promise<RedisServer>
}

/** One number, as it is committed. */
export interface Row {
  readonly name: string
  /** The median. */
  readonly value: number
  readonly unit: string
  /** What it is compared with; null when with nothing. */
  readonly peer: string | null
  readonly peerValue: number | null
  /** Median of subject ÷ peer over the pairs. */
  readonly ratio: number | null
  /** `value ≥ 8000`, `ratio ≤ 2`; null when it is there to be known only. */
  readonly target: string | null
  readonly met: boolean | null
}

/** What {@link row} takes: one number per run. */
export interface Measured {
  readonly name: string
  readonly unit: string
  readonly subject: readonly number[]
  /** In the same order as the subject's numbers. */
  readonly peer?: {
    readonly name: string
    readonly values: readonly number[]
    /** Subject ÷ peer of each run, where it is not that of the two numbers. Default: it is. */
    readonly ratios?: readonly number[]
  }
  readonly target?: { readonly of: 'value' | 'ratio' } & ({ readonly atLeast: number } | { readonly atMost: number })
}

/** Servers for as long as a benchmark runs. */
export function openServers(): AsyncDisposable & Pick<BenchContext, 'postgres' | 'redis'> {
  const stack = new AsyncDisposableStack()
  return {
    postgres: async (settings = {}) => stack.use(await startPostgres({ extraConfig: settings })),
    redis: async (settings = {}) => stack.use(await startRedis({ extraConfig: settings })),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/**
 * Measures both, `context.runs` times each, after one run of each that does not count. Who goes first changes from pair
 * to pair.
 *
 * @returns what they gave, pair by pair
 */
export async function paired<Subject, Peer>(
  context: BenchContext,
  contenders: { subject(): Promise<Subject>; peer(): Promise<Peer> },
): Promise<{ readonly subject: Subject[]; readonly peer: Peer[] }> {
  await contenders.subject()
  await contenders.peer()
  const measured = { subject: [] as Subject[], peer: [] as Peer[] }
  for (let run = 0; run < context.runs; run++) {
    context.say(`pair ${run + 1} of ${context.runs}`)
    if (run % 2 === 1) measured.peer.push(await contenders.peer())
    measured.subject.push(await contenders.subject())
    if (run % 2 === 0) measured.peer.push(await contenders.peer())
  }
  return measured
}

/** The row of a measurement, rounded to three or more significant digits. */
export function row({ name, peer, subject, target, unit }: Measured): Row {
  const value = median(subject)
  const peerValue = peer ? median(peer.values) : null
  const ratios = peer && (peer.ratios ?? subject.map((own, pair) => own / (peer.values[pair] ?? Number.NaN)))
  const ratio = ratios ? median(ratios) : null
  const judged = target?.of === 'ratio' ? ratio : value
  const limit = target && ('atLeast' in target ? target.atLeast : target.atMost)
  const met =
    target === undefined || limit === undefined || judged === null
      ? null
      : 'atLeast' in target
        ? judged >= limit
        : judged <= limit
  return {
    name,
    value: rounded(value),
    unit,
    peer: peer?.name ?? null,
    peerValue: peerValue === null ? null : rounded(peerValue),
    ratio: ratio === null ? null : rounded(ratio),
    target: target ? `${target.of} ${'atLeast' in target ? '≥' : '≤'} ${limit}` : null,
    met,
  }
}

/** The middle one, or the mean of the middle two. NaN for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which a share of `q` (0–1) of the values lies, between neighbours in proportion. NaN for none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort()
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

/** Three digits, and all of those before the point: more would only look exact. */
function rounded(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3))
}
