/*
 * Visitors of short links: connections that ask for one address after the other, each as soon as it has its answer.
 *
 * They share the machine with what is measured, so they are as cheap as can be: requests are made beforehand, answers
 * are read from the socket without a parser. A redirect has no body, so its end is the first empty line.
 */
import { connect, type Socket } from 'node:net'
import { quantile } from './harness.ts'

/** What visitors do. */
export interface Visiting {
  readonly url: string
  readonly connections: number
  /** How long they come. Default: as long as `visits` take. */
  readonly seconds?: number
  /** How many visits they make at most. Default: as many as they can. */
  readonly visits?: number
  /** What is asked: whole requests, as they go over the wire. */
  readonly requests: readonly Buffer[]
  /** Which of them come one after the other; from the beginning again at its end. */
  readonly order: Uint32Array
  /** Called once, when so many seconds have gone by. */
  readonly midway?: { readonly afterSeconds: number; readonly act: () => Promise<void> }
}

/** What came of it. */
export interface Visited {
  /** Redirects that were answered in the measured time, per second. */
  readonly perSecond: number
  /** Redirects that were answered in all: those that were asked for in time and answered later, too. */
  readonly redirected: number
  /** Any other answer, or none. */
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const REDIRECT = Buffer.from('HTTP/1.1 302')
const END = Buffer.from('\r\n\r\n')
/** An answer that takes longer than that has not come. */
const PATIENCE_MS = 10_000

/** Lets visitors come. */
export async function visit(visiting: Visiting): Promise<Visited> {
  const crowd = new Crowd(visiting)
  const { midway } = visiting
  const acting = midway ? pause(midway.afterSeconds * 1_000).then(() => midway.act()) : null
  const visited = await crowd.run()
  await acting
  return visited
}

class Crowd {
  readonly #visiting: Visiting
  readonly #latencies: number[] = []
  #next = 0
  #redirected = 0
  #failed = 0
  #over = false

  constructor(visiting: Visiting) {
    this.#visiting = visiting
  }

  async run(): Promise<Visited> {
    const { connections, seconds } = this.#visiting
    const begun = performance.now()
    const all = Promise.all(Array.from({ length: connections }, () => this.#visitor()))
    await (seconds === undefined ? all : Promise.race([all, pause(seconds * 1_000)]))
    const [inTime, ms] = [this.#redirected, performance.now() - begun]
    this.#over = true
    await all
    return {
      perSecond: (inTime * 1_000) / ms,
      redirected: this.#redirected,
      failed: this.#failed,
      p50Ms: quantile(this.#latencies, 0.5),
      p99Ms: quantile(this.#latencies, 0.99),
    }
  }

  /** One connection, until the time is over; a new one in the place of one that broke. */
  async #visitor(): Promise<void> {
    while (!this.#over) if (!(await this.#connection())) this.#failed++
  }

  /** @returns whether each of its requests was answered by a redirect */
  #connection(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const { hostname, port } = new URL(this.#visiting.url)
    let asked = 0
    let sound = true
    const ask = (): void => {
      const { order, requests, visits = Number.POSITIVE_INFINITY } = this.#visiting
      if (this.#next >= visits) this.#over = true
      if (this.#over) {
        socket.end()
        return
      }
      asked = performance.now()
      socket.write(requests[order[this.#next++ % order.length] as number] as Buffer)
    }
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      const answer = (buffer as Buffer).subarray(0, bytes)
      if (!answer.subarray(0, REDIRECT.length).equals(REDIRECT) || !answer.subarray(-END.length).equals(END)) {
        sound = false
        socket.destroy()
        return true
      }
      this.#redirected++
      this.#latencies.push(performance.now() - asked)
      ask()
      return true
    }
    const onread = { buffer: Buffer.alloc(16_384), callback }
    const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true, onread } as never, ask)
    socket.setTimeout(PATIENCE_MS, () => {
      sound = false
      socket.destroy()
    })
    socket.on('error', () => {
      sound = false
    })
    socket.once('close', () => resolve(sound && this.#over))
    return promise
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
