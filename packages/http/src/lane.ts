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
 *
 * A connection that goes on is answered past Node's parser and response, too, from its third request on: see lane-wire.ts.
 * What takes time there (a find that has to wait, a bucket that is elsewhere) is begun, and gone on with when Node has read
 * the request: Node has to know of whoever waits.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ClientAddress, callerOf, type Policy } from '@stoa/limiter'
import { type Claim, pathOf, RequestHost } from './claims.ts'
import type { RouteMeter } from './guard.ts'
import { AnswerEnding, AnswerForm, type LaneReply, NodeReply, WireReply } from './lane-reply.ts'
import { type LaneRequest, type ReadRequest, RequestReader } from './lane-request.ts'
import { Wires } from './lane-wire.ts'
import type { LoadGuard } from './load.ts'

/** The short way of a route of GET. Its answers have no body, and differ in one header field. */
export interface Lane {
  /** What the path begins with, such as `/l/`. What is asked for is the rest of it, without the query. */
  readonly prefix: string
  /** The header fields that it looks at, in lower case: others may not be there. */
  readonly reads: readonly string[]
  /** Header fields of each of its answers. */
  readonly headers: Readonly<Record<string, string>>
  /** The header field that differs, such as `location`. */
  readonly field: string
  /**
   * What will be answered; null: the long way. It may be called again on the long way, so it must not count anything. Must not throw.
   *
   * @param rest as it came; or what the route claims it to be: see {@link Claim}
   * @param host of a path that the route claims, as in {@link Claim}; null for its own path
   */
  find(rest: string, host: string | null, request: LaneRequest): object | null | Promise<object | null>
  /**
   * Answers with what was found, once the caller's bucket has let it pass. When it throws before it has sent its answer,
   * the long way is taken.
   *
   * @param found as {@link Lane.find} gave it
   * @param address the caller's; behind a trusted proxy the one that the proxy names
   */
  answer(found: never, request: LaneRequest, address: string, reply: LaneReply): void
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
  readonly maxHeaderBytes: number
  readonly keepAliveTimeoutMs: number
  /** Whether a host is one where nothing is answered but what its mount gives. */
  isOfMount(host: string): boolean
  /** Whether connections go on behind each answer, as far as the server is concerned. */
  keepsAlive(): boolean
}

/** A request, whoever has read it. */
type Asked = LaneRequest & { readonly socket: Pick<Socket, 'remoteAddress'> }

/** One request for a lane. */
interface Visit {
  readonly open: ServedLane
  readonly rest: string
  readonly host: string | null
  readonly begun: number
}

interface ServedLane extends OpenLane {
  readonly form: AnswerForm
}

/** A visit on the wire that could not be answered at once, as far as it got. */
interface BegunVisit {
  readonly visit: Visit
  readonly found: object | null | Promise<object | null>
  readonly passes: boolean | Promise<boolean> | null
}

/** One request that Node has read. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Takes it the long way. */
  readonly longWay: (request: IncomingMessage, response: ServerResponse) => void
}

/** What is longer is left to Node. */
const MAX_WIRE_BYTES = 8_192

/** The lanes of an application. */
export class Lanes {
  readonly #lanes: readonly ServedLane[]
  readonly #load: LoadGuard
  readonly #addresses: ClientAddress
  readonly #proxied: boolean
  readonly #hosts: RequestHost
  readonly #isOfMount: (host: string) => boolean
  readonly #ending: AnswerEnding
  readonly #wires: Wires<BegunVisit>

  /** @throws RangeError for a proxy that is neither an address nor a range; TypeError for what can be in no header */
  constructor(lanes: readonly OpenLane[], deps: LanesDeps) {
    const { hstsSeconds, isOfMount, keepAliveTimeoutMs, keepsAlive, load, maxHeaderBytes, trustedProxies } = deps
    const hsts: Record<string, string> =
      hstsSeconds > 0 ? { 'strict-transport-security': `max-age=${hstsSeconds}` } : {}
    const always = Object.entries({ 'x-content-type-options': 'nosniff', ...hsts, 'content-length': '0' })
    this.#lanes = lanes.map((open) => {
      const { field, headers } = open.lane
      return { ...open, form: new AnswerForm([...always, ...Object.entries(headers)], field) }
    })
    this.#load = load
    this.#isOfMount = isOfMount
    this.#addresses = new ClientAddress(trustedProxies)
    this.#proxied = trustedProxies.length > 0
    this.#hosts = new RequestHost(trustedProxies)
    this.#ending = new AnswerEnding(keepAliveTimeoutMs)
    const names = [...READ, ...lanes.flatMap(({ lane }) => lane.reads)]
    this.#wires = new Wires({
      reader: new RequestReader(names, Math.min(MAX_WIRE_BYTES, maxHeaderBytes)),
      areOpen: keepsAlive,
      answer: (request, socket) => this.#answerOnWire(request, socket),
    })
  }

  /** Answers on a lane, or takes the long way. */
  serve(request: IncomingMessage, response: ServerResponse, longWay: Exchange['longWay']): void {
    const exchange = { request, response, longWay }
    const begun = this.#wires.seen(request, response)
    if (begun !== null) {
      this.#goOn(begun, exchange)
      return
    }
    const visit = request.method === 'GET' ? this.#visitOf(request) : null
    if (visit === null) {
      longWay(request, response)
      return
    }
    this.#goOn({ visit, found: visit.open.lane.find(visit.rest, visit.host, request), passes: null }, exchange)
  }

  /** null: it is for no lane, or not the usual. */
  #visitOf(request: Asked): Visit | null {
    if (this.#load.overloaded !== null || !isUsual(request, this.#proxied)) return null
    const path = pathOf(request.url as string)
    const named = this.#hosts.of(request)
    if (this.#isOfMount(named)) return null
    for (const open of this.#lanes) {
      const { claims, lane } = open
      const claimed = claims?.(named, path) ?? null
      if (claimed === null && !path.startsWith(lane.prefix)) continue
      const rest = claimed ?? path.slice(lane.prefix.length)
      return { open, rest, host: claimed === null ? null : named, begun: performance.now() }
    }
    return null
  }

  #answerOnWire({ headers, url }: ReadRequest, socket: Socket): 'answered' | BegunVisit | null {
    const request = { url, headers, socket }
    const visit = this.#visitOf(request)
    if (visit === null) return null
    const { begun, host, open, rest } = visit
    const found = open.lane.find(rest, host, request)
    if (found === null || found instanceof Promise) return { visit, found: heard(found), passes: null }
    const address = this.#addressOf(request)
    const passes = open.policy?.passes(callerOf(address)) ?? true
    if (passes !== true) return { visit, found, passes: heard(passes) }
    const reply = new WireReply(socket, open.form, this.#ending)
    try {
      open.lane.answer(found as never, request, address, reply)
    } catch {
      if (reply.status === 0) return { visit, found, passes }
      socket.destroy()
    }
    open.meter.observe(reply.status, (performance.now() - begun) / 1_000)
    return 'answered'
  }

  #goOn({ found, passes, visit }: BegunVisit, exchange: Exchange): void {
    if (found instanceof Promise) this.#later(visit, found, exchange)
    else this.#pass(visit, found, passes, exchange)
  }

  #later(visit: Visit, finding: Promise<object | null>, exchange: Exchange): void {
    const { longWay, request, response } = exchange
    this.#load.running += 1
    finding
      .finally(() => {
        this.#load.running -= 1
      })
      .then(
        (found) => this.#pass(visit, found, null, exchange),
        () => longWay(request, response),
      )
  }

  #pass(visit: Visit, found: object | null, begun: BegunVisit['passes'], exchange: Exchange): void {
    const { longWay, request, response } = exchange
    if (found === null) {
      longWay(request, response)
      return
    }
    const address = this.#addressOf(request)
    const passes = begun ?? visit.open.policy?.passes(callerOf(address)) ?? true
    if (passes instanceof Promise) {
      passes.then(
        (late) => this.#end(visit, found, address, late, exchange),
        () => longWay(request, response),
      )
    } else this.#end(visit, found, address, passes, exchange)
  }

  #end({ begun, open }: Visit, found: object, address: string, allowed: boolean, exchange: Exchange): void {
    const { longWay, request, response } = exchange
    if (!allowed) {
      longWay(request, response)
      return
    }
    const reply = new NodeReply(response, open.form)
    try {
      open.lane.answer(found as never, request, address, reply)
    } catch {
      // What cannot be said in a header, for instance: the long way says what is wrong with it.
      if (response.headersSent) response.destroy()
      else longWay(request, response)
      return
    }
    open.meter.observe(reply.status, (performance.now() - begun) / 1_000)
    this.#wires.answered(request, response)
  }

  #addressOf({ headers, socket }: Asked): string {
    const peer = socket.remoteAddress ?? ''
    if (!this.#proxied) return peer
    return this.#addresses.of(peer, headers['x-forwarded-for'])
  }
}

/** A promise that may be forgotten: when Node does not read the request, nobody else would hear that it failed. */
function heard<T>(begun: T): T {
  if (begun instanceof Promise) begun.catch(() => undefined)
  return begun
}

/** The header fields that are looked at here. */
const READ = ['forwarded', 'origin', 'x-forwarded-for', 'x-forwarded-host']

/**
 * No body, no page of another origin; and no trace of a proxy that is not trusted, because the long way may have
 * something to say about that.
 */
function isUsual({ headers }: LaneRequest, proxied: boolean): boolean {
  return (
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    headers.origin === undefined &&
    (proxied || (headers['x-forwarded-for'] === undefined && headers.forwarded === undefined))
  )
}
