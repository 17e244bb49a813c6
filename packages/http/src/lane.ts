/*
 * A lane beside the routes, for the one answer of a route that is given so often that the long way is too dear for it:
 * no route table, no hooks, no validation, no serialiser.
 *
 *   request ─▶ a lane of this path? ─▶ find ─▶ the caller's bucket ─▶ answer
 *                     │ no               │ nothing      │ empty
 *                     └──────────────────┴──────────────┴─▶ the long way, as if there was no lane
 *
 * Whatever is not the usual takes the long way: another method, a body, a page of another origin, overload, an empty
 * bucket, a find that fails. So a lane says nothing that its route does not say, and refuses nobody. It takes from the
 * route's bucket, and counts among its requests; its answers carry neither a request id nor how the bucket stands. With
 * traces, or with a log line for each request, there are no lanes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ClientAddress, callerOf, type Policy } from '@stoa/limiter'
import { type Claim, pathOf, RequestHost } from './claims.ts'
import type { RouteMeter } from './guard.ts'
import type { LoadGuard } from './load.ts'

/** The short way of a route of GET. */
export interface Lane {
  /** What the path begins with, such as `/l/`. What is asked for is the rest of it, without the query. */
  readonly prefix: string
  /**
   * What will be answered; null: the long way. It may be called again on the long way, so it must not count anything. Must not throw.
   *
   * @param rest as it came; or what the route claims it to be: see {@link Claim}
   * @param host of a path that the route claims, as in {@link Claim}; null for its own path
   */
  find(rest: string, host: string | null, request: IncomingMessage): object | null | Promise<object | null>
  /**
   * Answers with what was found, once the caller's bucket has let it pass; the headers of every answer are the lane's to
   * write. When it throws before that, the long way is taken.
   *
   * @param found as {@link Lane.find} gave it
   * @param headers that every answer of a lane carries: names and values in turn, to be added to
   * @param address the caller's; behind a trusted proxy the one that the proxy names
   */
  answer(
    found: never,
    request: IncomingMessage,
    response: ServerResponse,
    headers: readonly string[],
    address: string,
  ): void
}

/** A lane, ready to be served. */
export interface OpenLane {
  readonly lane: Lane
  readonly claims: Claim | null
  /** The route's own. */
  readonly policy: Policy | null
  readonly meter: RouteMeter
}

/** What lanes share. */
export interface LanesDeps {
  readonly load: LoadGuard
  readonly trustedProxies: readonly string[]
  readonly hstsSeconds: number
  /** Whether a host is one where nothing is answered but what its mount gives. */
  isOfMount(host: string): boolean
}

/** One request. */
interface Visit {
  readonly open: OpenLane
  readonly rest: string
  readonly host: string | null
  readonly begun: number
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Takes it the long way. */
  readonly longWay: (request: IncomingMessage, response: ServerResponse) => void
}

/** The lanes of an application. */
export class Lanes {
  readonly #lanes: readonly OpenLane[]
  readonly #load: LoadGuard
  readonly #addresses: ClientAddress
  readonly #proxied: boolean
  readonly #hosts: RequestHost
  readonly #headers: readonly string[]
  readonly #isOfMount: (host: string) => boolean

  /** @throws RangeError for a proxy that is neither an address nor a range */
  constructor(lanes: readonly OpenLane[], { hstsSeconds, isOfMount, load, trustedProxies }: LanesDeps) {
    this.#lanes = lanes
    this.#load = load
    this.#isOfMount = isOfMount
    this.#addresses = new ClientAddress(trustedProxies)
    this.#proxied = trustedProxies.length > 0
    this.#hosts = new RequestHost(trustedProxies)
    const hsts = hstsSeconds > 0 ? ['strict-transport-security', `max-age=${hstsSeconds}`] : []
    this.#headers = Object.freeze(['x-content-type-options', 'nosniff', ...hsts])
  }

  /** Answers on a lane, or takes the long way. */
  serve(request: IncomingMessage, response: ServerResponse, longWay: Visit['longWay']): void {
    const visit = request.method === 'GET' ? this.#visitOf(request, response, longWay) : null
    if (visit === null || this.#load.overloaded !== null || !isUsual(request, this.#proxied)) {
      longWay(request, response)
      return
    }
    const found = visit.open.lane.find(visit.rest, visit.host, request)
    if (found instanceof Promise) this.#later(visit, found)
    else this.#pass(visit, found)
  }

  #visitOf(request: IncomingMessage, response: ServerResponse, longWay: Visit['longWay']): Visit | null {
    const path = pathOf(request.url as string)
    const named = this.#hosts.of(request)
    if (this.#isOfMount(named)) return null
    for (const open of this.#lanes) {
      const { claims, lane } = open
      const claimed = claims?.(named, path) ?? null
      if (claimed === null && !path.startsWith(lane.prefix)) continue
      const rest = claimed ?? path.slice(lane.prefix.length)
      return { open, rest, host: claimed === null ? null : named, begun: performance.now(), request, response, longWay }
    }
    return null
  }

  #later(visit: Visit, finding: Promise<object | null>): void {
    const { longWay, request, response } = visit
    this.#load.running += 1
    finding
      .finally(() => {
        this.#load.running -= 1
      })
      .then(
        (found) => this.#pass(visit, found),
        () => longWay(request, response),
      )
  }

  #pass(visit: Visit, found: object | null): void {
    const { longWay, open, request, response } = visit
    if (found === null) {
      longWay(request, response)
      return
    }
    const address = this.#addressOf(request)
    const passes = open.policy?.passes(callerOf(address)) ?? true
    if (passes instanceof Promise) {
      passes.then(
        (late) => this.#end(visit, found, address, late),
        () => longWay(request, response),
      )
    } else this.#end(visit, found, address, passes)
  }

  #end({ begun, longWay, open, request, response }: Visit, found: object, address: string, allowed: boolean): void {
    if (!allowed) {
      longWay(request, response)
      return
    }
    try {
      open.lane.answer(found as never, request, response, this.#headers, address)
    } catch {
      // What cannot be said in a header, for instance: the long way says what is wrong with it.
      if (response.headersSent) response.destroy()
      else longWay(request, response)
      return
    }
    open.meter.observe(response.statusCode, (performance.now() - begun) / 1_000)
  }

  #addressOf(request: IncomingMessage): string {
    const peer = request.socket.remoteAddress ?? ''
    return this.#proxied ? this.#addresses.of(peer, request.headers['x-forwarded-for']) : peer
  }
}

/**
 * No body, no page of another origin; and no trace of a proxy that is not trusted, because the long way may have
 * something to say about that.
 */
function isUsual({ headers }: IncomingMessage, proxied: boolean): boolean {
  return (
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    headers.origin === undefined &&
    (proxied || (headers['x-forwarded-for'] === undefined && headers.forwarded === undefined))
  )
}
