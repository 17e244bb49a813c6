/*
 * Metrics whose hot path is an addition. A prom-client child hashes its labels at every call (about a microsecond);
 * here a child is looked up once, kept by its owner, and costs what `+=` costs. prom-client's registry reads them at
 * scrape time through `get()`.
 *
 * A label that takes values without end (a path, an id) would fill the memory of this process and of Prometheus. So a
 * metric holds at most `maxSeries` children; what comes after shares one child whose every label is `other`.
 */

/** How many label combinations a metric keeps apart. */
const MAX_SERIES = 2000

/** One printed value. */
export interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** What prom-client's registry asks a metric for. */
export interface Collected {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: readonly Sample[]
  readonly aggregator: 'sum'
}

/** Children of a metric by their label values. */
class Family<Child> {
  readonly #children = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly child: Child }>()
  readonly #labelNames: readonly string[]
  readonly #make: () => Child
  readonly #maxSeries: number

  constructor(labelNames: readonly string[], make: () => Child, maxSeries: number) {
    this.#labelNames = labelNames
    this.#make = make
    this.#maxSeries = maxSeries
    // Without labels there is one series, and it is there from the start: a rate needs the zero.
    if (labelNames.length === 0) this.child([])
  }

  child(values: readonly (string | number)[]): Child {
    if (values.length !== this.#labelNames.length) {
      throw new TypeError(
        `expected values for the labels ${this.#labelNames.join(', ') || '(none)'}, got ${values.length}`,
      )
    }
    const id = values.join('\u0000')
    const known = this.#children.get(id)
    if (known) return known.child
    if (this.#children.size >= this.#maxSeries && values.some((value) => value !== 'other')) {
      return this.child(values.map(() => 'other'))
    }
    const labels = Object.fromEntries(this.#labelNames.map((name, index) => [name, String(values[index])]))
    const child = this.#make()
    this.#children.set(id, { labels, child })
    return child
  }

  samples(of: (child: Child, labels: Readonly<Record<string, string>>) => readonly Sample[]): Sample[] {
    return [...this.#children.values()].flatMap(({ labels, child }) => of(child, labels))
  }
}

/** A number that only grows. */
export interface CounterChild {
  /** Adds `by`, default 1; negative and non-finite amounts are ignored. */
  inc(by?: number): void
}

/** A number that goes up and down. */
export interface GaugeChild {
  set(value: number): void
  /** Adds `by`, default 1. */
  inc(by?: number): void
  /** Takes `by` away, default 1. */
  dec(by?: number): void
}

/** A distribution. */
export interface HistogramChild {
  /** Counts one value; one that is not a number is ignored. */
  observe(value: number): void
}

/** Name and meaning of a metric. */
export interface MetricSpec {
  /** Prometheus name: `stoa_links_redirects_total`. */
  readonly name: string
  readonly help: string
  /** Names of the labels, in the order in which their values are given. Default none. */
  readonly labels?: readonly string[]
  /** Label combinations kept apart; the rest is counted under `other`. At least 1; default 2000. */
  readonly maxSeries?: number
}

/** A counter may be brought up to date at scrape time. */
export interface CounterSpec extends MetricSpec {
  /** Called at each scrape before the values are read. May be slow, may fail: then the last values stand. */
  readonly collect?: (counter: Counter) => void | Promise<void>
}

/** A gauge may be asked at scrape time instead of being set. */
export interface GaugeSpec extends MetricSpec {
  /** Called at each scrape before the values are read. May be slow, may fail: then the last values stand. */
  readonly collect?: (gauge: Gauge) => void | Promise<void>
}

/** A histogram's buckets. */
export interface HistogramSpec extends MetricSpec {
  /** Upper bounds, ascending, inclusive, without +Inf. Default: 1 ms to 10 s, in seconds. */
  readonly buckets?: readonly number[]
}

/** Upper bounds in seconds for what a server does. */
export const SECONDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/

function checkSpec(spec: MetricSpec): { labels: readonly string[]; maxSeries: number } {
  const { name, labels = [], maxSeries = MAX_SERIES } = spec
  if (!METRIC_NAME.test(name)) throw new TypeError(`'${name}' is not the name of a metric`)
  for (const label of labels) {
    if (!LABEL_NAME.test(label) || label === 'le')
      throw new TypeError(`'${label}' is not the name of a label (${name})`)
  }
  if (!(maxSeries >= 1)) throw new RangeError(`maxSeries must be at least 1 (${name})`)
  return { labels, maxSeries }
}

/** One metric that cannot be read must not take the whole page with it. */
async function quietly<M>(collect: ((metric: M) => void | Promise<void>) | undefined, metric: M): Promise<void> {
  try {
    await collect?.(metric)
  } catch {
    // The last values stand.
  }
}

/** A counter; see {@link CounterChild}. */
export class Counter {
  readonly name: string
  readonly help: string
  readonly type = 'counter'
  readonly #family: Family<CounterCell>
  readonly #collect: CounterSpec['collect']

  constructor(spec: CounterSpec) {
    const { labels, maxSeries } = checkSpec(spec)
    this.name = spec.name
    this.help = spec.help
    this.#collect = spec.collect
    this.#family = new Family(labels, () => new CounterCell(), maxSeries)
  }

  /** The child for these label values, in the order of the labels. Keep it: finding it is the costly part. */
  labels(...values: (string | number)[]): CounterChild {
    return this.#family.child(values)
  }

  /** For a counter without labels. */
  inc(by = 1): void {
    this.#family.child([]).inc(by)
  }

  async get(): Promise<Collected> {
    await quietly(this.#collect, this)
    const values = this.#family.samples((cell, labels) => [{ labels, value: cell.value }])
    return { name: this.name, help: this.help, type: this.type, values, aggregator: 'sum' }
  }
}

class CounterCell implements CounterChild {
  value = 0

  inc(by = 1): void {
    if (by >= 0 && by < Number.POSITIVE_INFINITY) this.value += by
  }
}

/** A gauge; see {@link GaugeChild}. */
export class Gauge {
  readonly name: string
  readonly help: string
  readonly type = 'gauge'
  readonly #family: Family<GaugeCell>
  readonly #collect: GaugeSpec['collect']

  constructor(spec: GaugeSpec) {
    const { labels, maxSeries } = checkSpec(spec)
    this.name = spec.name
    this.help = spec.help
    this.#collect = spec.collect
    this.#family = new Family(labels, () => new GaugeCell(), maxSeries)
  }

  /** The child for these label values, in the order of the labels. Keep it: finding it is the costly part. */
  labels(...values: (string | number)[]): GaugeChild {
    return this.#family.child(values)
  }

  /** For a gauge without labels. */
  set(value: number): void {
    this.#family.child([]).set(value)
  }

  /** For a gauge without labels. */
  inc(by = 1): void {
    this.#family.child([]).inc(by)
  }

  /** For a gauge without labels. */
  dec(by = 1): void {
    this.#family.child([]).inc(-by)
  }

  async get(): Promise<Collected> {
    await quietly(this.#collect, this)
    const values = this.#family.samples((cell, labels) => [{ labels, value: cell.value }])
    return { name: this.name, help: this.help, type: this.type, values, aggregator: 'sum' }
  }
}

class GaugeCell implements GaugeChild {
  value = 0

  set(value: number): void {
    this.value = value
  }

  inc(by = 1): void {
    this.value += by
  }

  dec(by = 1): void {
    this.value -= by
  }
}

/** A histogram; see {@link HistogramChild}. */
export class Histogram {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly #family: Family<HistogramCell>
  readonly #bounds: readonly number[]

  constructor(spec: HistogramSpec) {
    const { labels, maxSeries } = checkSpec(spec)
    this.name = spec.name
    this.help = spec.help
    const bounds = [...(spec.buckets ?? SECONDS)]
    if (
      bounds.length === 0 ||
      bounds.some((bound, index) => !Number.isFinite(bound) || bound <= (bounds[index - 1] ?? -Infinity))
    ) {
      throw new RangeError(`the buckets of ${spec.name} must be finite and ascending`)
    }
    this.#bounds = bounds
    this.#family = new Family(labels, () => new HistogramCell(bounds), maxSeries)
  }

  /** The child for these label values, in the order of the labels. Keep it: finding it is the costly part. */
  labels(...values: (string | number)[]): HistogramChild {
    return this.#family.child(values)
  }

  /** For a histogram without labels. */
  observe(value: number): void {
    this.#family.child([]).observe(value)
  }

  async get(): Promise<Collected> {
    const values = this.#family.samples((cell, labels) => this.#samplesOf(cell, labels))
    return { name: this.name, help: this.help, type: this.type, values, aggregator: 'sum' }
  }

  #samplesOf(cell: HistogramCell, labels: Readonly<Record<string, string>>): Sample[] {
    let seen = 0
    const buckets = this.#bounds.map((bound, index) => {
      seen += cell.counts[index] ?? 0
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le: bound }, value: seen }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_bucket`, labels: { ...labels, le: '+Inf' }, value: cell.count },
      { metricName: `${this.name}_sum`, labels, value: cell.sum },
      { metricName: `${this.name}_count`, labels, value: cell.count },
    ]
  }
}

class HistogramCell implements HistogramChild {
  readonly #bounds: readonly number[]
  readonly counts: Float64Array
  sum = 0
  count = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.counts = new Float64Array(bounds.length)
  }

  observe(value: number): void {
    if (!Number.isFinite(value)) return
    this.sum += value
    this.count += 1
    const bounds = this.#bounds
    for (let index = 0; index < bounds.length; index++) {
      if (value <= (bounds[index] ?? 0)) {
        this.counts[index] = (this.counts[index] ?? 0) + 1
        return
      }
    }
  }
}
