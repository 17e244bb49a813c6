import { TestClock } from '@stoa/testkit'
import {
  type Cache,
  type CacheDeps,
  type CacheOptions,
  type CacheScope,
  type CacheSignal,
  createCache,
} from '../src/index.ts'

export const acme: CacheScope = { tenant: { id: 'acme' } }
export const globex: CacheScope = { tenant: { id: 'globex' } }

export const minute = { tags: ['thing:1'], ttlMs: 60_000 }

/** A cache whose time stands still, and what it told. */
export function setup(options: CacheOptions = {}, deps: CacheDeps = {}) {
  const clock = new TestClock()
  const observed: CacheSignal[] = []
  const cache = createCache(options, { clock, random: () => 0, observe: (signal) => observed.push(signal), ...deps })
  const told = (kind: CacheSignal['kind']) => observed.filter((signal) => signal.kind === kind)
  return { cache, clock, observed, told }
}

/** A load that answers what it is told to, when it is told to. */
export class Source<T> {
  value: T
  /** How often it was asked. */
  loads = 0
  signals: AbortSignal[] = []
  #held: PromiseWithResolvers<void> | null = null

  constructor(value: T) {
    this.value = value
  }

  /** Reads at once, answers after {@link release} when it is held. */
  readonly load = async ({ signal }: { readonly signal: AbortSignal }): Promise<T> => {
    this.loads++
    this.signals.push(signal)
    const { value } = this
    await this.#held?.promise
    return value
  }

  /** Loads that begin from now on have read, and do not answer. */
  hold(): void {
    this.#held = Promise.withResolvers()
  }

  /** Those that are held answer. */
  release(): void {
    this.#held?.resolve()
    this.#held = null
  }
}

/** Every promise that can go on by itself has. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Asks for one key, again and again. */
export function asker(cache: Cache, scope: CacheScope = acme, options = minute) {
  return <T>(source: Source<T>, key = 'key') => cache.wrap(scope, key, options, source.load)
}
