/*
 * Load for a route: connections that ask for the same thing again and again, each as soon as it has its answer.
 *
 * They share the machine with what is measured, so they are as cheap as can be: the request is made beforehand, answers
 * are read from the socket without a parser. They stay open between the turns in which they ask, so that no turn begins
 * with making them.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What came of a turn. */
export interface Answered {
  /** Answers in the time that was asked for, per second. */
  readonly perSecond: number
  /** All answers: those that were asked for in time and came later, too. */
  readonly count: number
}

const OK = Buffer.from('HTTP/1.1 200')
/** An answer that takes longer than that has not come. */
const PATIENCE_MS = 10_000

/** Connections to one route. Disposing it closes them. */
export class RouteLoad implements Disposable {
  readonly #sockets: Socket[] = []
  readonly #request: Buffer
  /** How an answer ends, which nothing else in it does. */
  readonly #end: Buffer
  #asking = false
  #open = 0
  #count = 0
  #failure: Error | null = null
  #turn: PromiseWithResolvers<void> | null = null

  private constructor(url: URL, end: string) {
    this.#request = Buffer.from(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)
    this.#end = Buffer.from(end)
  }

  /** Connects. @param end how the answer ends */
  static async open(at: string, connections: number, end: string): Promise<RouteLoad> {
    const url = new URL(at)
    const load = new RouteLoad(url, end)
    for (let made = 0; made < connections; made++) load.#sockets.push(load.#connect(url))
    await Promise.all(load.#sockets.map((socket) => once(socket, 'connect')))
    return load
  }

  /** Asks for so long, and waits for the last answers. @throws Error when something else than the answer came */
  async run(seconds: number): Promise<Answered> {
    if (this.#failure !== null) throw this.#failure
    const turn = Promise.withResolvers<void>()
    this.#turn = turn
    this.#asking = true
    this.#open = this.#sockets.length
    this.#count = 0
    const begun = performance.now()
    for (const socket of this.#sockets) socket.write(this.#request)
    await Promise.race([turn.promise, new Promise((resolve) => setTimeout(resolve, seconds * 1_000))])
    const perSecond = (this.#count * 1_000) / (performance.now() - begun)
    this.#asking = false
    await turn.promise
    this.#turn = null
    return { perSecond, count: this.#count }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #connect(url: URL): Socket {
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      const answer = (buffer as Buffer).subarray(0, bytes)
      if (!answer.subarray(0, OK.length).equals(OK) || !answer.subarray(-this.#end.length).equals(this.#end)) {
        this.#fail(`another answer than expected: ${answer.toString('latin1')}`)
        return false
      }
      this.#count += 1
      if (this.#asking) socket.write(this.#request)
      else {
        this.#open -= 1
        if (this.#open === 0) this.#turn?.resolve()
      }
      return true
    }
    const onread = { buffer: Buffer.alloc(16_384), callback }
    const socket: Socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true, onread } as never)
    socket.setTimeout(PATIENCE_MS, () => {
      if (this.#turn !== null) this.#fail(`no answer within ${PATIENCE_MS} ms`)
    })
    socket.on('error', ({ message }) => this.#fail(message))
    socket.on('close', () => this.#fail('the connection was closed'))
    return socket
  }

  #fail(message: string): void {
    this.#failure ??= new Error(`a route under load: ${message}`)
    this.#turn?.reject(this.#failure)
  }
}
