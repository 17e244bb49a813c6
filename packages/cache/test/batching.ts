import type { Redis } from 'ioredis'
import type { SharedRedis } from './schedule.ts'

interface Queued {
  readonly command: string
  readonly args: readonly (string | Buffer | number)[]
  resolve(answer: unknown): void
  reject(error: unknown): void
}

/** Many schedules at once on one connection: what they send at the same time goes out in one write. */
export function batching(redis: Redis): SharedRedis {
  let queue: Queued[] = []
  const flush = async () => {
    const batch = queue
    queue = []
    const pipeline = redis.pipeline()
    for (const { args, command } of batch) pipeline.callBuffer(command, ...args)
    const answers = (await pipeline.exec()) ?? []
    for (const [n, { reject, resolve }] of batch.entries()) {
      const [error, answer] = answers[n] ?? [new Error('no answer'), null]
      if (error) reject(error)
      else resolve(answer)
    }
  }
  return {
    callBuffer(command, ...args) {
      if (queue.length === 0) setImmediate(() => void flush())
      return new Promise((resolve, reject) => queue.push({ command, args, resolve, reject }))
    },
    del: (...keys) => redis.del(...keys),
    dumpBuffer: (key) => redis.dumpBuffer(key),
    restore: (key, ttl, value, replace) => redis.restore(key, ttl, value, replace),
  }
}
