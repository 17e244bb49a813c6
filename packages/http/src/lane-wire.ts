/*
 * Connections on which lanes answer without Node's parser and response, which cost more than all that a lane does. node:http
 * goes on owning every connection: it closes those that idle, those that are too slow with a request, all of them in a
 * drain. So its parser reads the first requests of each, and is then at rest between two requests, which is how Node knows
 * a connection that idles. From there on each chunk is looked at here before it gets to Node:
 *
 *   Node reads ──a lane has answered──▶ looked at, unsure ──one whole request: handed to Node──▶ Node answers
 *       ▲                                     │ anything else                                         │ answered, and nothing
 *       │                                     ▼                                                       ▼ came meanwhile
 *       └──────────────── for good ───────────┴──── anything else ────────────────────── looked at, sure ◀─┐
 *                                                                                             │ a lane has it: answered here
 *                                                                                             ├────────────┘
 *                                                                                             └ it has not: handed to Node
 *
 * The danger is to take for a request what is part of another one: the body of a POST that the client of a client wrote.
 * So a connection is looked at as long as it is certain that Node's parser has read whole requests and nothing else:
 *
 * - What is answered or kept an eye on is a chunk that is exactly one request, by a strict reading (lane-request.ts).
 * - It is unsure what the parser has read when the first look is taken. When it is handed such a chunk and gives exactly one
 *   request without a body for it, it stands behind the empty line at the chunk's end, whatever it had before.
 * - What Node has stopped reading stays Node's: once somebody else listens, it would not begin again.
 * - While Node answers, its own listener is back. A byte that comes meanwhile is a byte that nobody here has seen, and
 *   the connection is Node's for good; so it is with a client that sends more than it reads, an upgrade, a body, a
 *   request in two chunks, a drain. All of this is of the public interface of sockets and streams.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { ReadRequest, RequestReader } from './lane-request.ts'

/** The lanes, as a connection sees them. */
export interface WireLanes<Begun> {
  readonly reader: RequestReader
  /** Whether answers may leave here now. */
  readonly areOpen: () => boolean
  /** Answers at once; or says what it has begun, to be gone on with when Node has read the request; null: nothing. */
  readonly answer: (request: ReadRequest, socket: Socket) => 'answered' | Begun | null
}

/** A chunk in the hands of Node's parser. It has one empty line, at its end, so it gives one request at most. */
interface Handed<Begun> {
  readonly begun: Begun | null
  seen: { readonly request: IncomingMessage; readonly response: ServerResponse } | null
}

type Listener = (chunk: Buffer) => void

/** The connections of a server. */
export class Wires<Begun> {
  readonly #lanes: WireLanes<Begun>
  /** Those that were looked at, and are not begun with again. */
  readonly #known = new WeakSet<Socket>()
  #handed: Handed<Begun> | null = null

  constructor(lanes: WireLanes<Begun>) {
    this.#lanes = lanes
  }

  /** To be told of each request that Node has read, first thing. Gives what a lane has begun for it. */
  seen(request: IncomingMessage, response: ServerResponse): Begun | null {
    const handed = this.#handed
    if (handed === null) return null
    handed.seen = { request, response }
    return handed.begun
  }

  /** To be told when a lane has answered by Node's response. */
  answered({ socket }: IncomingMessage, response: ServerResponse): void {
    if (!response.shouldKeepAlive || this.#known.has(socket) || !(socket instanceof Socket)) return
    this.#known.add(socket)
    response.once('close', () => this.#look(socket))
  }

  /** Gives a chunk to Node's parser, and tells what it made of it. */
  hand(node: Listener, chunk: Buffer, begun: Begun | null): Handed<Begun>['seen'] {
    const handed: Handed<Begun> = { begun, seen: null }
    this.#handed = handed
    try {
      node(chunk)
    } finally {
      this.#handed = null
    }
    return handed.seen
  }

  #look(socket: Socket): void {
    const [node, ...others] = socket.listeners('data') as Listener[]
    if (node === undefined || others.length > 0 || !socket.writable || socket.isPaused()) return
    new Wire(socket, node, this.#lanes, this).look()
  }
}

/** One connection. */
class Wire<Begun> {
  readonly #socket: Socket
  readonly #node: Listener
  readonly #lanes: WireLanes<Begun>
  readonly #wires: Wires<Begun>
  #sure = false

  constructor(socket: Socket, node: Listener, lanes: WireLanes<Begun>, wires: Wires<Begun>) {
    this.#socket = socket
    this.#node = node
    this.#lanes = lanes
    this.#wires = wires
  }

  /** Each chunk comes here first. A listener of ours has Node read into buffers again, and not into its parser. */
  look(): void {
    this.#socket.on('data', this.#take)
    this.#socket.removeListener('data', this.#node)
  }

  /** Node's listener has to be there before it gets a chunk: an upgrade takes it away. */
  #leave(): void {
    this.#socket.on('data', this.#node)
    this.#socket.removeListener('data', this.#take)
  }

  readonly #take = (chunk: Buffer): void => {
    const socket = this.#socket
    const { answer, areOpen, reader } = this.#lanes
    const mayStay = socket.writable && !socket.writableNeedDrain && areOpen()
    const request = mayStay ? reader.read(chunk) : null
    const begun = request !== null && this.#sure ? answer(request, socket) : null
    if (begun === 'answered') return
    this.#leave()
    if (request === null) this.#node(chunk)
    else this.#hand(chunk, begun)
  }

  #hand(chunk: Buffer, begun: Begun | null): void {
    const socket = this.#socket
    const given = socket.bytesRead - socket.readableLength
    const seen = this.#wires.hand(this.#node, chunk, begun)
    if (seen === null || goesOn(seen.request)) return
    const { response } = seen
    response.once('close', () => {
      if (!response.writableFinished || !socket.writable || socket.bytesRead !== given) return
      this.#sure = true
      this.look()
    })
  }
}

/** Whether something comes behind the head of a request. */
function goesOn({ headers }: IncomingMessage): boolean {
  return (
    headers['content-length'] !== undefined ||
    headers['transfer-encoding'] !== undefined ||
    headers.upgrade !== undefined
  )
}
