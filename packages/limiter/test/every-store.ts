import { randomUUID } from 'node:crypto'
import { createMemoryStore, createRedisStore, type Store } from '@stoa/limiter'
import { testRedisUrl } from '@stoa/testkit'
import { Redis } from 'ioredis'

/** A way to make empty stores of one kind. */
export interface StoreSource extends AsyncDisposable {
  /** Without a clock: the store's own time. */
  store(clock?: () => number): Promise<Store>
}

/** Every kind of store, by its name. */
export const everyStore: Readonly<Record<string, () => Promise<StoreSource>>> = {
  memory: async () => ({
    store: async (clock) => createMemoryStore(clock && { clock }),
    [Symbol.asyncDispose]: async () => undefined,
  }),

  redis: async () => {
    const redis = new Redis(testRedisUrl())
    return {
      // A bucket stays for a day here: the model's time goes by faster than the server's, and must not be overtaken by it.
      store: async (clock) =>
        createRedisStore(redis, { prefix: `test:${randomUUID()}`, keepMs: 86_400_000, ...(clock && { clock }) }),
      [Symbol.asyncDispose]: async () => redis.disconnect(),
    }
  },
}
