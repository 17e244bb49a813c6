/*
 * What REDIS_URL can say:
 *
 *   redis://[[user]:password@]host[:port][/database]                   one server
 *   redis+sentinel://[[user]:password@]host[:port],…/name[/database]   whichever server these Sentinels name under that name
 *   redis+cluster://[[user]:password@]host[:port],…                    a Cluster, by some of its nodes
 *
 * `rediss` in place of `redis` is TLS, to the Sentinels too. User and password are those of the servers; Sentinels that
 * ask for some get `?sentinelUser=` and `?sentinelPassword=`.
 */

/** A host, and the port there. */
interface RedisNode {
  readonly host: string
  readonly port: number
}

interface Credentials {
  readonly username?: string
  readonly password?: string
}

/** Where Redis is. */
export type RedisAddress =
  | { readonly kind: 'server'; readonly url: string }
  | {
      readonly kind: 'sentinel'
      readonly sentinels: readonly RedisNode[]
      readonly name: string
      readonly database: number
      readonly tls: boolean
      readonly credentials: Credentials
      readonly sentinelCredentials: Credentials
    }
  | {
      readonly kind: 'cluster'
      readonly nodes: readonly RedisNode[]
      readonly tls: boolean
      readonly credentials: Credentials
    }

/** What every address of Redis begins with. */
export const REDIS_SCHEME = /^rediss?(\+sentinel|\+cluster)?:\/\/./

const SEVERAL = /^redis(s?)\+(sentinel|cluster):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(\?[^#]*)?$/
const PORTS = { sentinel: 26_379, cluster: 6_379 }

/** Reads an address of Redis; null when it means nothing. */
export function redisAddress(url: string): RedisAddress | null {
  if (/^rediss?:/.test(url)) return URL.canParse(url) ? { kind: 'server', url } : null
  const [, secure, kind, user = '', hosts = '', path = '', query = ''] = SEVERAL.exec(url) ?? []
  if (kind !== 'sentinel' && kind !== 'cluster') return null
  const nodes = hosts.split(',').map((host) => nodeOf(host, PORTS[kind]))
  const credentials = credentialsOf(user)
  if (credentials === null || !nodes.every((node) => node !== null)) return null
  const shared = { tls: secure === 's', credentials }
  const asked = new URLSearchParams(query)
  if (kind === 'cluster') return path === '' && asked.size === 0 ? { kind, nodes, ...shared } : null
  const [, name, database = '0'] = /^([\w.-]+)(?:\/(\d{1,5}))?$/.exec(path) ?? []
  if (name === undefined || [...asked.keys()].some((key) => !/^sentinel(User|Password)$/.test(key))) return null
  const sentinelCredentials = some(asked.get('sentinelUser'), asked.get('sentinelPassword'))
  return { kind, sentinels: nodes, name, database: Number(database), ...shared, sentinelCredentials }
}

/** Where Redis is, in words that hold no password. */
export function redisPlace(url: string): string {
  const address = redisAddress(url)
  if (address === null) return 'REDIS_URL'
  if (address.kind === 'server') return `${new URL(url).host || 'localhost'}${new URL(url).pathname}`
  const several = (nodes: readonly RedisNode[]) =>
    nodes.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(', ')
  return address.kind === 'cluster'
    ? `the Cluster of ${several(address.nodes)}`
    : `${address.name} of the Sentinels ${several(address.sentinels)}`
}

function nodeOf(text: string, port: number): RedisNode | null {
  if (text === '' || /\s/.test(text) || !URL.canParse(`redis://${text}`)) return null
  const url = new URL(`redis://${text}`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return host === '' ? null : { host, port: url.port === '' ? port : Number(url.port) }
}

function credentialsOf(text: string): Credentials | null {
  const colon = text.indexOf(':')
  try {
    const [user, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
    return some(decodeURIComponent(user), decodeURIComponent(password))
  } catch {
    return null
  }
}

function some(username: string | null, password: string | null): Credentials {
  return { ...(username && { username }), ...(password && { password }) }
}
