import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Passes when the port (0: any) can be listened on now. Asked before anything else is opened, so that a start in vain
 * changes nothing.
 *
 * @throws the error of listening: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND
 */
export async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer()
  server.listen({ host, port, exclusive: true })
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}
