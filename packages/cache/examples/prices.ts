// A cache in front of something slow. Two callers at once cost one load, a change drops what depends on it, and a load
// that began before the change keeps nothing.
import assert from 'node:assert/strict'
import { createCache } from '@stoa/cache'

const prices = new Map([['pen', 120]])
let loads = 0

const cache = createCache({ memoryBytes: 8 * 2 ** 20 })
const shop = { tenant: { id: 'shop' } }

const priceOf = (item: string) =>
  cache.wrap(shop, `price ${item}`, { tags: [`item:${item}`], ttlMs: 60_000 }, async () => {
    loads++
    return prices.get(item) ?? null
  })

async function setPrice(item: string, cents: number) {
  prices.set(item, cents)
  await cache.drop(shop, [`item:${item}`])
}

assert.deepEqual(await Promise.all([priceOf('pen'), priceOf('pen'), priceOf('pen')]), [120, 120, 120])
assert.equal(loads, 1)
await setPrice('pen', 150)
assert.equal(await priceOf('pen'), 150)
assert.deepEqual(cache.outcomes, { hit: 0, miss: 4, stale: 0, bypass: 0 })
await cache[Symbol.asyncDispose]()
console.log('ok')
