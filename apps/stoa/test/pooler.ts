/*
 * A pooler in transaction mode that does not keep prepared statements apart, as PgBouncer before 1.21 is: all of its
 * clients share one connection to the server, which is handed on after each transaction. It knows of the protocol
 * (PostgreSQL manual, 55.7) what that takes, and nothing of passwords.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Its address, in the place of the server's. */
export interface Pooler extends AsyncDisposable {
  readonly url: string
}

interface Message {
  /** Its letter; empty for the first message of a client, which has none. */
  readonly type: string
  readonly bytes: Buffer
}

/** Query and Sync: what comes before is answered, with ReadyForQuery at its end. */
const ASKING = ['Q', 'S']
const READY = 'Z'
const BACKEND_KEY = 'K'
const GOODBYE = 'X'
/** The process id and the secret of a connection, as a pooler makes them up. */
const OWN_KEY = Buffer.from([0x4b, 0, 0, 0, 12, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1])

/** Starts one in front of a server that asks for no password. */
export async function startPooler(serverUrl: string): Promise<Pooler> {
  const { hostname, port } = new URL(serverUrl)
  const clients = new Set<Socket>()
  let backend: SharedBackend | null = null
  const server = createServer((client) => {
    clients.add(client)
    client.on('error', () => undefined)
    client.once('close', () => clients.delete(client))
    let asked: Buffer[] = []
    cut(client, true, async ({ bytes, type }) => {
      if (type === '') {
        backend ??= new SharedBackend(connect(Number(port), hostname), bytes)
        client.write(await backend.greeting)
      } else if (type !== GOODBYE) {
        asked.push(bytes)
        if (!ASKING.includes(type)) return
        backend?.ask(client, Buffer.concat(asked))
        asked = []
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
      backend?.socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The connection to the server: one client has it from the first question of a transaction to the last answer. */
class SharedBackend {
  readonly socket: Socket
  /** What a client is told when it begins. */
  readonly greeting: Promise<Buffer>
  readonly #questions: { readonly client: Socket; readonly bytes: Buffer }[] = []
  #holder: Socket | null = null
  #isAnswering = true

  constructor(socket: Socket, startup: Buffer) {
    this.socket = socket
    const begun = Promise.withResolvers<Buffer>()
    this.greeting = begun.promise
    const said: Buffer[] = []
    socket.on('error', begun.reject)
    cut(socket, false, ({ bytes, type }) => {
      this.#holder?.write(bytes)
      if (this.#holder === null) said.push(type === BACKEND_KEY ? OWN_KEY : bytes)
      if (type !== READY) return
      begun.resolve(Buffer.concat(said))
      this.#isAnswering = false
      const isIdle = bytes.at(-1) === 'I'.charCodeAt(0)
      if (isIdle) this.#holder = null
      this.#next()
    })
    socket.write(startup)
  }

  ask(client: Socket, bytes: Buffer): void {
    this.#questions.push({ client, bytes })
    this.#next()
  }

  #next(): void {
    if (this.#isAnswering) return
    const index = this.#questions.findIndex(({ client }) => this.#holder === null || client === this.#holder)
    const [question] = index < 0 ? [] : this.#questions.splice(index, 1)
    if (question === undefined) return
    this.#holder = question.client
    this.#isAnswering = true
    this.socket.write(question.bytes)
  }
}

/** Cuts what comes into messages. */
function cut(socket: Socket, startsUntyped: boolean, take: (message: Message) => void): void {
  let held: Buffer = Buffer.alloc(0)
  let isUntyped = startsUntyped
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    for (;;) {
      const before = isUntyped ? 0 : 1
      const length = held.length < before + 4 ? Number.POSITIVE_INFINITY : before + held.readInt32BE(before)
      if (held.length < length) return
      const bytes = held.subarray(0, length)
      held = held.subarray(length)
      const type = isUntyped ? '' : String.fromCharCode(bytes[0] as number)
      isUntyped = false
      take({ type, bytes })
    }
  })
}
