import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { domainToASCII } from 'node:url'
import type { SMTPServerOptions } from 'smtp-server'

/** What an SMTP server took. */
export interface Taken {
  readonly from: string
  readonly to: readonly string[]
  readonly content: Buffer
}

/** A refusal: the answer of the server, or nothing when it agrees. */
type Answer = string | undefined

/** What the server says; each may be changed while it runs. */
interface Manners {
  /** Says nothing to those who connect, not even hello. */
  hangs?: boolean | undefined
  onConnect?: (() => Answer) | undefined
  onSender?: ((address: string) => Answer) | undefined
  onReceiver?: ((address: string) => Answer) | undefined
  onMessage?: ((content: Buffer) => Answer) | undefined
}

/** A real SMTP server in this process, on a free port. */
export interface TestSmtpServer extends AsyncDisposable {
  readonly port: number
  readonly taken: readonly Taken[]
  /** Connections that were made so far. */
  readonly connections: number
  readonly manners: Manners
  /** Ends every open connection without a word. */
  dropConnections(): void
}

/** Starts one. @param options of `smtp-server`, over those that it has here */
export async function startSmtpServer(options: SMTPServerOptions = {}): Promise<TestSmtpServer> {
  // Loaded here, because most tests need none.
  const { SMTPServer } = await import('smtp-server')
  const taken: Taken[] = []
  const manners: Manners = {}
  let connections = 0
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    disableReverseLookup: true,
    closeTimeout: 100,
    onConnect(_session, done) {
      connections++
      if (manners.hangs) return
      done(refusal(manners.onConnect?.()))
    },
    onMailFrom: ({ address }, _session, done) => done(refusal(manners.onSender?.(address))),
    onRcptTo: ({ address }, _session, done) => done(refusal(manners.onReceiver?.(address))),
    onData(stream, { envelope }, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const content = Buffer.concat(chunks)
        const answer = manners.onMessage?.(content)
        if (answer !== undefined) return done(refusal(answer))
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address
        taken.push({ from, to: envelope.rcptTo.map(({ address }) => asSent(address)), content })
        done(null, `2.0.0 Ok: queued as Q${taken.length}`)
      })
    },
    ...options,
  })
  server.on('error', () => undefined)
  const listening = server.listen(0, '127.0.0.1') as Server
  await once(listening, 'listening')
  return {
    port: (listening.address() as AddressInfo).port,
    taken,
    manners,
    get connections() {
      return connections
    },
    dropConnections() {
      for (const connection of [...server.connections]) {
        ;(connection as unknown as { _socket: { destroy(): void } })._socket.destroy()
      }
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(resolve))
    },
  }
}

/** smtp-server shows domains in letters; Punycode is what was sent. */
const asSent = (address: string) => address.replace(/@.*$/, (domain) => `@${domainToASCII(domain.slice(1))}`)

/** `450 4.2.0 greylisted` as the error that smtp-server sends so. */
function refusal(answer: Answer): Error | null {
  if (answer === undefined) return null
  const [, code, text] = /^(\d{3}) (.*)$/.exec(answer) ?? []
  return Object.assign(new Error(text), { responseCode: Number(code) })
}
