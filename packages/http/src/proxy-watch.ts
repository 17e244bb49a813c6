/*
 * A proxy in front that is not trusted is a quiet mistake: every visitor has the proxy's address, all of them share one
 * bucket, and the busiest locks the others out. It shows in the headers that proxies add, so it is said, once: a caller
 * without any proxy may write them, too.
 */
import type { FastifyRequest } from 'fastify'

/** Where the mistake shows. */
export interface UnreadForwarding {
  /** Whose header is not read. */
  readonly peer: string
  readonly header: 'x-forwarded-for' | 'forwarded'
}

/**
 * Looks at each request until one names its sender in a header that is not read.
 *
 * @param onUnread called once, with the first one
 */
export function watchForProxies(onUnread: (seen: UnreadForwarding) => void): (request: FastifyRequest) => void {
  let told = false
  return function look(request) {
    if (told) return
    const header = unreadHeader(request)
    if (header === null) return
    told = true
    onUnread({ peer: request.socket.remoteAddress ?? 'unknown', header })
  }
}

function unreadHeader(request: FastifyRequest): UnreadForwarding['header'] | null {
  const { headers } = request
  // Beyond its own address, `ips` has those that a trusted peer names.
  if (headers['x-forwarded-for'] !== undefined) return (request.ips?.length ?? 1) > 1 ? null : 'x-forwarded-for'
  return headers.forwarded === undefined ? null : 'forwarded'
}
