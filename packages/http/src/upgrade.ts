/*
 * A connection that becomes something else (RFC 9110, section 7.8): a WebSocket. Node hands such a request over with its
 * bare socket. It goes through the application like any other one, so that the same guard stands before it and a refusal
 * is an answer with a problem; only then its route takes the socket.
 *
 * Who asks for an upgrade that no route takes (`Upgrade: h2c`, which some clients offer by default) is answered as if it
 * had not asked.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errors, StoaError } from '@stoa/kernel'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Credentials, Principal } from './auth.ts'
import type { Route } from './route.ts'

/** Who is at the other end of a connection that stays open. */
export interface Caller {
  /** null: nobody known. Only an upgrade can come so far without credentials. */
  readonly principal: Principal | null
  /** What was shown, to ask the schemes again later. */
  readonly credentials: Credentials
}

/** A connection that was handed over. Whoever gets it answers and closes it. */
export interface UpgradedConnection extends Caller {
  readonly raw: IncomingMessage
  readonly socket: Socket
  /** What came behind the request already. */
  readonly head: Buffer
}

interface Waiting {
  readonly socket: Socket
  readonly head: Buffer
  readonly response: ServerResponse
}

/** The upgrades of an application. */
export class Upgrades {
  readonly #urls: ReadonlySet<string>
  readonly #origins: readonly string[]
  readonly #waiting = new WeakMap<IncomingMessage, Waiting>()

  /** @param origins of browsers that are let in beside the host's own; `*` for any */
  constructor(routes: readonly Route[], origins: readonly string[]) {
    this.#urls = new Set(routes.filter((route) => route.upgrade !== undefined).map((route) => route.url))
    this.#origins = origins
  }

  /** Whether a request is handed over by its socket. */
  readonly wanted = (raw: IncomingMessage): boolean => {
    const { method, url = '', headers } = raw
    const query = url.indexOf('?')
    const path = query < 0 ? url : url.slice(0, query)
    return method === 'GET' && this.#urls.has(path) && headers.upgrade?.toLowerCase() === 'websocket'
  }

  /** Leads upgrades through the application. */
  use(app: FastifyInstance, Response: typeof ServerResponse): void {
    if (this.#urls.size === 0) return
    app.server.on('upgrade', (raw: IncomingMessage, socket: Socket, head: Buffer) => {
      const response = new Response(raw)
      // Nobody else listens on a socket that left its parser.
      socket.on('error', () => socket.destroy())
      response.shouldKeepAlive = false
      if (!assigned(response, socket)) return
      response.once('finish', () => socket.end())
      this.#waiting.set(raw, { socket, head, response })
      app.routing(raw, response)
    })
  }

  /** Whether the request came as an upgrade. */
  has(request: FastifyRequest): boolean {
    return this.#waiting.has(request.raw)
  }

  /**
   * Hands the connection to its route. @throws StoaError `forbidden` when a page of another origin asks: a browser lets
   * every page open a WebSocket to everywhere
   */
  hand(route: Route, request: FastifyRequest, reply: FastifyReply): void {
    const waiting = this.#waiting.get(request.raw)
    if (waiting === undefined) throw new TypeError('this request is no upgrade')
    if (!this.#isAllowed(request)) {
      throw new StoaError(errors.forbidden, { message: 'Pages of this origin are not let in.' })
    }
    this.#waiting.delete(request.raw)
    reply.hijack()
    request.meter?.observe(101, reply.elapsedTime / 1000)
    const { response, socket, head } = waiting
    response.removeAllListeners('finish')
    response.detachSocket(socket)
    const { principal } = request.ctx
    route.upgrade?.(request.ctx, { raw: request.raw, socket, head, principal, credentials: credentialsOf(request) })
  }

  #isAllowed({ headers, host }: FastifyRequest): boolean {
    const { origin } = headers
    if (origin === undefined || this.#origins.includes('*') || this.#origins.includes(origin)) return true
    return URL.canParse(origin) && new URL(origin).host === host
  }
}

/** What a caller showed: the headers that schemes look at, and nothing that would keep the request in memory. */
export function credentialsOf({ headers, ip }: FastifyRequest): Credentials {
  const { authorization, 'x-api-key': key } = headers
  const shown = { ...(authorization !== undefined && { authorization }), ...(key && { 'x-api-key': key }) }
  return { ip, headers: shown, again: true }
}

/** Node tells of an upgrade at once, also while an answer is under way that the client has not waited for: it is cut off. */
function assigned(response: ServerResponse, socket: Socket): boolean {
  try {
    response.assignSocket(socket)
    return true
  } catch {
    socket.destroy()
    return false
  }
}
