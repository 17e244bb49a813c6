/*
 * The context of a request. It is made for every request, and most requests neither log nor wait for an abort, nor tell
 * the journal where they came from, so the bound logger, the abort signal and the place come into being when first asked
 * for. The logger and the place are objects of their own, so that a copy of the context keeps them and does no more.
 */
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Actor, BaseCtx, Clock, Ctx, Logger, Place, Proof, ResourceGrants, Tenant } from '@stoa/kernel'
import type { FastifyRequest } from 'fastify'
import type { Principal } from './auth.ts'
import { addressPrefix, deviceLabel } from './place.ts'

const ANONYMOUS: Actor = Object.freeze({ type: 'anonymous', id: 'anonymous' })
const NO_PERMISSIONS: ReadonlySet<string> = new Set()

/** A logger that adds its bindings when the first line is written. */
class LazyLogger implements Logger {
  readonly #base: Logger
  readonly #ctx: RequestCtx
  #bound: Logger | null = null

  constructor(base: Logger, ctx: RequestCtx) {
    this.#base = base
    this.#ctx = ctx
  }

  get #log(): Logger {
    if (this.#bound) return this.#bound
    const { requestId, traceId, actor, tenant } = this.#ctx
    this.#bound = this.#base.child({
      requestId,
      ...(traceId !== null && { traceId }),
      ...(tenant !== undefined && { tenant: tenant.slug, actor: `${actor.type}:${actor.id}` }),
    })
    return this.#bound
  }

  debug(bindings: object, message: string): void {
    this.#log.debug(bindings, message)
  }
  info(bindings: object, message: string): void {
    this.#log.info(bindings, message)
  }
  warn(bindings: object, message: string): void {
    this.#log.warn(bindings, message)
  }
  error(bindings: object, message: string): void {
    this.#log.error(bindings, message)
  }
  fatal(bindings: object, message: string): void {
    this.#log.fatal(bindings, message)
  }
  child(bindings: object): Logger {
    return this.#log.child(bindings)
  }
}

/** What a request says of itself. Its address is the caller's: behind a trusted proxy the one that the proxy names. */
type Described = Pick<FastifyRequest, 'id' | 'ip' | 'headers'>

/** Where a request came from, looked at by who wants to know. */
class RequestPlace implements Place {
  readonly #request: Described

  constructor(request: Described) {
    this.#request = request
  }

  get addressPrefix(): string {
    return addressPrefix(this.#request.ip)
  }

  get device(): string {
    return deviceLabel(this.#request.headers['user-agent'])
  }
}

/** The context of a request; inside a tenant once the guard has let it pass. */
export class RequestCtx implements BaseCtx {
  actor: Actor = ANONYMOUS
  owner: Actor | undefined = undefined
  proof: Proof | undefined = undefined
  permissions: ReadonlySet<string> = NO_PERMISSIONS
  grants: ResourceGrants | undefined = undefined
  tenant: Tenant | undefined = undefined
  /** Who is asking, as a scheme knows them; null for nobody known. */
  principal: Principal | null = null
  readonly log: Logger
  readonly traceId: string | null
  readonly requestId: string
  readonly clock: Clock
  readonly #request: Described
  readonly #response: ServerResponse
  #signal: AbortSignal | null = null

  constructor(base: Logger, clock: Clock, request: Described, traceId: string | null, response: ServerResponse) {
    this.log = new LazyLogger(base, this)
    this.clock = clock
    this.requestId = request.id
    this.traceId = traceId
    this.#request = request
    this.#response = response
  }

  /** Aborts when the caller goes away before the answer is written. */
  get signal(): AbortSignal {
    this.#signal ??= signalOf(this.#response)
    return this.#signal
  }

  get place(): Place {
    return new RequestPlace(this.#request)
  }

  /** Enters the tenant of who is asking. */
  identify(principal: Principal): void {
    this.actor = principal.actor
    this.tenant = principal.tenant
    this.permissions = principal.permissions
    this.grants = principal.grants
    this.owner = principal.owner
    this.proof = principal.proof
    this.principal = principal
  }
}

/**
 * Has each connection remember whose it is. Node asks the system for the address when somebody first wants it, and one that
 * was cut has none any more: who hangs up at once would have acted from nowhere.
 */
export function rememberAddresses(server: Server): void {
  server.on('connection', (socket: Socket) => socket.remoteAddress)
}

/** A request's context inside a tenant. Call it after the guard. */
export function inTenant(ctx: RequestCtx): Ctx {
  if (ctx.tenant === undefined) throw new TypeError('a request outside of any tenant reached a route that needs one')
  return ctx as RequestCtx & { readonly tenant: Tenant }
}

function signalOf(response: ServerResponse): AbortSignal {
  const abort = new AbortController()
  if (response.closed) abort.abort(gone())
  else response.once('close', () => response.writableFinished || abort.abort(gone()))
  return abort.signal
}

function gone(): Error {
  return new DOMException('the caller went away', 'AbortError')
}
