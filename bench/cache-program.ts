// What is measured of the cache and its peer in a loop. A process of its own, so that each measurement begins fresh.

import { createCache } from '@stoa/cache'
import { Cacheable } from 'cacheable'
import { answer } from './process.ts'

/** Who keeps. */
export type Keeper = 'stoa' | 'cacheable'

/** What a loop of reads is. */
export interface Reading {
  readonly keeper: Keeper
  /** `hit`: everything was read before. `miss`: nothing was, and reading it takes no time. */
  readonly reads: 'hit' | 'miss'
  /** Different keys, asked in turn when they are hits. */
  readonly keys: number
  readonly seconds: number
}

/** What a loop gave. */
export interface Read {
  readonly perSecond: number
  /** Time per read, in µs. */
  readonly eachUs: number
}

/** Reads through the cache. */
type Through = (key: string) => Promise<unknown>

const TTL_MS = 3_600_000
const WARM_UP_SECONDS = 0.5
/** Reads between two looks at the clock. */
const STRIDE = 256
const SCOPE = { tenant: { id: '019b76da-a800-7000-8000-000000000001' } }

/** What is read: about what a link is. */
const load = async () => ({
  id: '019b76da-a800-7000-8000-000000000002',
  code: 'k3Xw9Qz',
  target: 'https://example.org/campaigns/2026/spring',
  title: 'Spring',
  tags: ['spring', '2026'],
  version: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
})

const keepers: Record<Keeper, () => Through> = {
  stoa() {
    const cache = createCache()
    return (key) => cache.wrap(SCOPE, key, { tags: [key], ttlMs: TTL_MS }, load)
  },
  cacheable() {
    const cache = new Cacheable({ ttl: TTL_MS })
    return (key) => cache.getOrSet(key, load, { ttl: TTL_MS })
  },
}

async function read({ keeper, reads, keys, seconds }: Reading): Promise<Read> {
  const through = keepers[keeper]()
  const names = Array.from({ length: keys }, (_, index) => `link:${index}`)
  let fresh = 0
  const nameOf = reads === 'hit' ? (turn: number) => names[turn % keys] as string : () => `new:${fresh++}`
  for (const name of names) await through(name)
  await loop(through, nameOf, WARM_UP_SECONDS)
  const begun = performance.now()
  const count = await loop(through, nameOf, seconds)
  const ms = performance.now() - begun
  return { perSecond: (count / ms) * 1e3, eachUs: (ms * 1e3) / count }
}

async function loop(through: Through, nameOf: (turn: number) => string, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1e3
  let count = 0
  while (performance.now() < end) {
    for (let turn = 0; turn < STRIDE; turn++) await through(nameOf(count++))
  }
  return count
}

answer({ read })
