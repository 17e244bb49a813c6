import { eventually } from '../patience.ts'
import { askRedis } from './ask-redis.ts'
import type { RedisServer } from './engine.ts'
import { startRedis } from './provide.ts'

/** Starts a Redis Cluster of one node, which refuses keys of different slots in one call as every Cluster does. */
export async function startRedisCluster(): Promise<RedisServer> {
  const server = await startRedis({
    extraConfig: {
      'cluster-enabled': 'yes',
      'cluster-config-file': 'nodes.conf',
      // A node that has met no other does not know its own address, and could tell nobody.
      'cluster-announce-ip': '127.0.0.1',
    },
  })
  await askRedis(server.url, 'CLUSTER ADDSLOTSRANGE 0 16383')
  await eventually(async () => /cluster_state:ok/.test(await askRedis(server.url, 'CLUSTER INFO')))
  return server
}
