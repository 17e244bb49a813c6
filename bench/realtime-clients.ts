// Clients of the realtime benchmark: many bare WebSockets in one process, which speak what the server of either
// contender expects and nothing more, so that both meet the same load.

import { WebSocket } from 'ws'
import { answer } from './process.ts'

/** Who is at the other end. */
export type Kind = 'stoa' | 'socket.io'

/** Clients to be connected. */
export interface Crowd {
  readonly kind: Kind
  /** Where to connect: the first one; and after each end the next one. */
  readonly urls: readonly string[]
  readonly count: number
  /** Whether they follow the channel; else they are there and do nothing. */
  readonly follows: boolean
}

/** What came since the last `begin`. */
export interface Received {
  /** Milliseconds from sending to receiving, of each delivery. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly deliveries: number
  /** Pairs of client and event that never came, and that came again. */
  readonly lost: number
  readonly repeated: number
}

const BATCH = 200
const PATIENCE_MS = 60_000
/**
 * A source address has 28,000 ports; loopback has addresses enough. The first clients name none: for one that is named, the kernel looks for
 * a port that nobody has anywhere, which takes it longer with each connection that there was in the last minute.
 */
const CLIENTS_PER_ADDRESS = 10_000

const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n)

class Client {
  readonly #crowd: Crowd
  readonly #localAddress: string | undefined
  readonly seen = new Map<number, number>()
  ready = Promise.withResolvers<void>()
  #ws: WebSocket | null = null
  #position: string | undefined
  #attempts = 0
  #over = false

  constructor(crowd: Crowd, index: number) {
    this.#crowd = crowd
    const group = Math.floor(index / CLIENTS_PER_ADDRESS)
    if (group > 0) this.#localAddress = `127.0.0.${1 + group}`
    this.connect()
  }

  connect(): void {
    const { kind, urls } = this.#crowd
    const base = (urls[this.#attempts % urls.length] as string).replace('http', 'ws')
    this.#attempts += 1
    const path = kind === 'stoa' ? '/api/v1/realtime' : '/socket.io/?EIO=4&transport=websocket'
    const ws = new WebSocket(`${base}${path}`, {
      perMessageDeflate: false,
      headers: { authorization: 'Bearer bench' },
      ...(this.#localAddress && { localAddress: this.#localAddress }),
    } as never)
    this.#ws = ws
    ws.on('message', (data: Buffer) => (kind === 'stoa' ? this.#hearStoa(ws, data) : this.#hearPeer(ws, data)))
    ws.on('error', () => undefined)
    ws.on('close', () => {
      if (this.#over) return
      setTimeout(() => this.connect(), Math.random() * 500)
    })
  }

  /** Cuts the connection, as a network does. It comes back by itself. */
  drop(): void {
    this.ready = Promise.withResolvers()
    this.#ws?.terminate()
  }

  end(): void {
    this.#over = true
    this.#ws?.terminate()
  }

  #hearStoa(ws: WebSocket, data: Buffer): void {
    const message = JSON.parse(String(data))
    if (message.type === 'events') {
      for (const { data: event, position } of message.events) {
        this.#position = position
        this.#take(event)
      }
    } else if (message.type === 'welcome') {
      if (!this.#crowd.follows) this.ready.resolve()
      else ws.send(JSON.stringify({ type: 'subscribe', channel: 'bench', position: this.#position }))
    } else if (message.type === 'subscribed') {
      this.#position ??= message.position
      this.ready.resolve()
    }
  }

  #hearPeer(ws: WebSocket, data: Buffer): void {
    const text = String(data)
    if (text.startsWith('42')) this.#take(JSON.parse(text.slice(2))[1])
    else if (text === '2') ws.send('3')
    else if (text.startsWith('0')) ws.send('40')
    else if (text.startsWith('40')) {
      if (!this.#crowd.follows) this.ready.resolve()
      else ws.send('42["follow"]')
    } else if (text.startsWith('41')) ws.close()
    if (text === '42["followed",0]') this.ready.resolve()
  }

  #take(event: { readonly n?: number; readonly sentUs?: number }): void {
    const { n, sentUs } = event
    if (n === undefined || sentUs === undefined) return
    latencies.push((nowUs() - sentUs) / 1_000)
    this.seen.set(n, (this.seen.get(n) ?? 0) + 1)
  }
}

let clients: Client[] = []
let followers: Client[] = []
let latencies: number[] = []

function quantileOf(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

answer({
  async connect(crowd: Crowd) {
    for (let index = 0; index < crowd.count; index += BATCH) {
      const batch = Array.from(
        { length: Math.min(BATCH, crowd.count - index) },
        (_, at) => new Client(crowd, index + at),
      )
      await Promise.all(batch.map(({ ready }) => ready.promise))
      clients.push(...batch)
      if (crowd.follows) followers.push(...batch)
    }
  },
  begin() {
    latencies = []
    for (const { seen } of followers) seen.clear()
  },
  /** Every client, one after the other, over so many milliseconds. */
  async drop({ overMs }: { overMs: number }) {
    const pauseMs = overMs / Math.max(1, followers.length / 50)
    for (const [index, client] of followers.entries()) {
      client.drop()
      if (index % 50 === 49) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    await Promise.all(followers.map(({ ready }) => ready.promise))
  },
  /** Waits until each has had `events` of them, or until nothing has come for a while. */
  async received({ events, quietMs }: { events: number; quietMs: number }): Promise<Received> {
    const end = Date.now() + PATIENCE_MS
    let [count, since] = [-1, Date.now()]
    while (Date.now() < end && followers.some(({ seen }) => seen.size < events) && Date.now() - since < quietMs) {
      if (latencies.length !== count) [count, since] = [latencies.length, Date.now()]
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const sorted = Float64Array.from(latencies).sort()
    const times = Array.from(sorted)
    return {
      p50Ms: quantileOf(times, 0.5),
      p99Ms: quantileOf(times, 0.99),
      deliveries: times.length,
      lost: followers.reduce((sum, { seen }) => sum + events - seen.size, 0),
      repeated: followers.reduce((sum, { seen }) => sum + [...seen.values()].reduce((more, n) => more + n - 1, 0), 0),
    }
  },
  end() {
    for (const client of clients) client.end()
    clients = []
    followers = []
  },
})
