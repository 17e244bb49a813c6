import { randomUUID } from 'node:crypto'
import { createMemoryStore, createPostgresStore, createRedisStore, type Store } from '@stoa/limiter'
import { testRedisUrl, testServerUrl } from '@stoa/testkit'
import { Redis } from 'ioredis'
import { Pool } from 'pg'

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

  postgres: async () => {
    const pool = new Pool({ connectionString: testServerUrl(), max: 20 })
    const schema = `limiter_${randomUUID().replaceAll('-', '_')}`
    await pool.query(`create schema ${schema}`)
    await createPostgresStore(pool, { schema }).setup()
    return {
      store: async (clock) => {
        await pool.query(`delete from ${schema}.limiter_buckets`)
        return createPostgresStore(pool, { schema, ...(clock && { clock }) })
      },
      async [Symbol.asyncDispose]() {
        await pool.query(`drop schema ${schema} cascade`)
        await pool.end()
      },
    }
  },

  redis: async () => {
    const redis = new Redis(testRedisUrl())
    return {
      // A bucket stays for a day here: the model's time goes by faster than the server's, and must not be overtaken by
      // it.
      store: async (clock) =>
        createRedisStore(redis, { prefix: `test:${randomUUID()}`, keepMs: 86_400_000, ...(clock && { clock }) }),
      [Symbol.asyncDispose]: async () => redis.disconnect(),
    }
  },
}
