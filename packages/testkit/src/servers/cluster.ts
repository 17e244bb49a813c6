import { eventually } from '../patience.ts'
import { askRedis } from './ask-redis.ts'
import type { RedisOptions, RedisServer } from './engine.ts'
import { startRedis } from './provide.ts'

/**
 * Starts a Redis Cluster of one node, which refuses keys of different slots in one call as every Cluster does.
 *
 * @throws Error when it does not start, or becomes no Cluster; then nothing is left of it
 */
export async function startRedisCluster(options: RedisOptions = {}): Promise<RedisServer> {
  await using starting = new AsyncDisposableStack()
  const server = starting.use(
    await startRedis({
      ...options,
      extraConfig: {
        'cluster-enabled': 'yes',
        'cluster-config-file': 'nodes.conf',
        // A node that has met no other does not know its own address, and could tell nobody.
        'cluster-announce-ip': '127.0.0.1',
        ...options.extraConfig,
      },
    }),
  )
  const answer = await askRedis(server.url, 'CLUSTER ADDSLOTSRANGE 0 16383')
  if (!answer.startsWith('+OK')) throw new Error(`the Cluster did not come about: ${answer.trim()}`)
  await eventually(async () => /cluster_state:ok/.test(await askRedis(server.url, 'CLUSTER INFO')))
  starting.move()
  return server
}
