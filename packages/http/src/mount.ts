/*
 * A whole protocol below one path that is not ours to declare route by route: an OpenID provider, its pages. It gets the
 * bare request and answers by itself; what stands before every route stands before it too.
 *
 *   request ─▶ request id, headers, address ─▶ overloaded? ─▶ the address's bucket ─▶ the body's length ─▶ handle
 *
 * Nothing of the body is read here. It is no part of the API's document. The headers of the answers of the API are set
 * beforehand (nothing may run, be framed, be sniffed or be kept); a mount that shows pages says otherwise for itself.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BaseCtx, errors, StoaError } from '@stoa/kernel'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Claims, HostClaim } from './claims.ts'
import type { LoadGuard } from './load.ts'
import { PROBLEM_TYPE, problemOf, retryAfterOf, statusOfError } from './problem.ts'
import type { RateLimit } from './route.ts'

/** Everything that a mount is told of a request beside the request itself. */
export interface MountCall {
  /** Nobody's: no tenant and no permission. Its log is bound to the request. */
  readonly ctx: BaseCtx
  /** The caller's address; behind a trusted proxy the one that the proxy names. */
  readonly ip: string
  /** Host and port as the caller named them; behind a trusted proxy as the proxy names them. */
  readonly host: string
  /** Behind a trusted proxy as the proxy says. */
  readonly protocol: 'http' | 'https'
  /** What stands before the path because the host is the mount's: see {@link Mount.hosts}; null: it came by its own path. */
  readonly base: string | null
}

/** Requests of a mount that take from another bucket of their address than the rest of it. */
export interface MountLane {
  /** Names the bucket, among those of the mount. */
  readonly name: string
  readonly rateLimit: RateLimit
  /** Whether it is of these. @param path without its query, with the prefix */
  takes(path: string): boolean
}

/** What answers everything below a path. */
export interface Mount {
  /** Where it begins, with a slash at both ends: `/t/`. */
  readonly prefix: string
  /** The bucket of each address for all of it. Default: what holds for callers without credentials. */
  readonly rateLimit?: RateLimit
  /** Other buckets for some of it: the first one that takes a request. Default: none. */
  readonly lanes?: readonly MountLane[]
  /** The largest body, in bytes: 413 beyond. Default: the assembly's. */
  readonly bodyLimitBytes?: number
  /** Hosts that are the mount's, with every path, each at a path below the prefix. Default: none. */
  readonly hosts?: HostClaim
  /**
   * Answers. When it throws, the answer is a problem if nothing was sent yet; else the connection is cut.
   *
   * @param request its address is as it came, with the prefix
   */
  handle(request: IncomingMessage, response: ServerResponse, call: MountCall): Promise<void> | void
}

/** What serving a mount takes. */
export interface MountingDeps {
  readonly load: LoadGuard
  readonly bodyLimitBytes: number
  readonly claims: Claims
  readonly guard: onRequestHookHandler
  /** Logs what the caller is not told. */
  readonly failed: (error: StoaError, request: FastifyRequest) => void
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const PREFIX = /^\/([a-zA-Z0-9._~-]+\/)+$/

/** @throws TypeError when one does not begin and end with a slash, or lies inside another */
export function checkMounts(mounts: readonly Mount[]): void {
  for (const mount of mounts) {
    if (!PREFIX.test(mount.prefix)) throw new TypeError(`the mount '${mount.prefix}' is not a path like '/t/'`)
    const other = mounts.find((one) => one !== mount && one.prefix.startsWith(mount.prefix))
    if (other) throw new TypeError(`the mounts '${mount.prefix}' and '${other.prefix}' collide`)
  }
}

/** Registers a mount behind its guard. */
export function serveMount(app: FastifyInstance, mount: Mount, deps: MountingDeps): void {
  const limit = mount.bodyLimitBytes ?? deps.bodyLimitBytes
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _body, done) => done(null))
    scope.route({
      method: METHODS,
      url: `${mount.prefix}*`,
      config: { permission: null, mount: true },
      onRequest: deps.guard,
      handler(request, reply) {
        if (Number(request.headers['content-length'] ?? 0) > limit) throw new StoaError(errors.payload_too_large)
        answer(mount, limit, request, reply, deps)
      },
    })
  })
}

function answer(
  mount: Mount,
  limit: number,
  request: FastifyRequest,
  reply: FastifyReply,
  { claims, failed, load }: MountingDeps,
): void {
  const { raw } = reply
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value)
  if (raw.hasHeader('access-control-allow-origin')) raw.setHeader('vary', 'Origin')
  reply.hijack()
  raw.on('error', () => raw.destroy())
  load.running += 1
  raw.once('close', () => {
    load.running -= 1
  })
  const refuse = (thrown: unknown): void => refuseRaw(thrown, request, raw, failed)
  if (request.headers['transfer-encoding'] !== undefined) limitBody(request.raw, limit, refuse)
  const { ctx, host, ip, protocol } = request
  try {
    const base = claims.baseBefore(request.raw)
    Promise.resolve(mount.handle(request.raw, raw, { ctx, ip, host, protocol, base })).catch(refuse)
  } catch (error) {
    refuse(error)
  }
}

/** A body whose length is not said beforehand is counted as it comes. */
function limitBody(request: IncomingMessage, limit: number, refuse: (error: Error) => void): void {
  let bytes = 0
  const push = request.push.bind(request)
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    bytes += chunk?.length ?? 0
    if (bytes <= limit) return push(chunk, encoding)
    request.push = push
    refuse(new StoaError(errors.payload_too_large))
    request.destroy()
    return false
  }
}

function refuseRaw(
  thrown: unknown,
  request: FastifyRequest,
  response: ServerResponse,
  failed: MountingDeps['failed'],
): void {
  const error = thrown instanceof StoaError ? thrown : new StoaError(errors.internal, { cause: thrown })
  failed(error, request)
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const body = JSON.stringify(problemOf(error, request.id))
  for (const name of ['etag', 'location', 'set-cookie', 'content-encoding', 'transfer-encoding']) {
    response.removeHeader(name)
  }
  response.shouldKeepAlive = false
  const retryAfter = retryAfterOf(error)
  response.writeHead(statusOfError(error), {
    'content-type': PROBLEM_TYPE,
    ...(retryAfter !== null && { 'retry-after': String(retryAfter) }),
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
