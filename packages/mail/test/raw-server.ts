import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A server that says what a test wants, line by line. */
export interface RawServer extends AsyncDisposable {
  readonly port: number
  /** Sockets that are open now. */
  readonly open: ReadonlySet<Socket>
}

/**
 * @param greet called when somebody connects
 * @param answer called with each line of the client, without its end
 */
export async function startRawServer(
  greet: (socket: Socket) => void,
  answer: (line: string, socket: Socket) => void = () => undefined,
): Promise<RawServer> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => undefined)
    let rest = ''
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) answer(line, socket)
    })
    greet(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    open,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
