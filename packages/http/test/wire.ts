/*
 * HTTP by hand, for what a polite client cannot send or does not show.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { inTime } from '@stoa/testkit'

/** One connection. */
export interface Wire extends Disposable {
  readonly socket: Socket
  /** What came so far. */
  readonly received: string
  write(text: string): void
  /** Resolves with what came so far as soon as it matches. @throws Error when the connection ends before */
  until(pattern: RegExp): Promise<string>
  /** Resolves with all that came when the other side has closed. */
  readonly closed: Promise<string>
}

/** Connects to an origin: `http://127.0.0.1:3000`. */
export async function openWire(origin: string): Promise<Wire> {
  const { hostname, port } = new URL(origin)
  const socket = connect({ port: Number(port), host: hostname, noDelay: true })
  let received = ''
  let ended = false
  const changed = new EventTarget()
  const tell = () => changed.dispatchEvent(new Event('change'))
  socket.setEncoding('latin1').on('data', (text) => {
    received += text
    tell()
  })
  // A connection that is cut is what some tests wait for.
  socket.on('error', () => undefined)
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      ended = true
      tell()
      resolve(received)
    })
  })
  await once(socket, 'connect')
  return {
    socket,
    get received() {
      return received
    },
    write: (text) => void socket.write(text, 'latin1'),
    async until(pattern) {
      while (!pattern.test(received)) {
        if (ended) throw new Error(`the connection ended before ${pattern} came: ${received}`)
        const change = new Promise((resolve) => changed.addEventListener('change', resolve, { once: true }))
        await inTime(change, `what matches ${pattern}`)
      }
      return received
    },
    closed,
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/** The status and the body of the last answer in what came. */
export function lastAnswer(received: string): {
  readonly status: number
  readonly head: string
  readonly body: string
} {
  const text = received.slice(received.lastIndexOf('HTTP/1.1 '))
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  return { status: Number(head.slice(9, 12)), head: head.toLowerCase(), body }
}
