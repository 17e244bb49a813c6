import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { describe, test } from 'node:test'
import { StoaError } from '@stoa/kernel'
import { DatabaseError, isConnectionLoss, publicError } from '../src/db-errors.ts'

/** A server that accepts and says nothing. */
async function listening(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer().unref()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as { port: number }).port, server }
}

describe('a lost connection', () => {
  test('is what sockets say of one that was destroyed, ended, or never made', async () => {
    const { port, server } = await listening()
    const errorOf = async (write: (socket: ReturnType<typeof connect>) => void): Promise<Error> => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      const failed = new Promise<Error>((resolve) => {
        socket.on('error', resolve)
        write(socket)
        socket.write('late', (error) => error && resolve(error))
      })
      return await failed
    }
    const destroyed = await errorOf((socket) => socket.destroy())
    const ended = await errorOf((socket) => socket.end())
    server.close()
    const [refused] = await once(connect(1, '127.0.0.1'), 'error').catch((error) => [error])
    for (const error of [destroyed, ended, refused]) assert.ok(isConnectionLoss(error), String(error))
  })

  test('leaves as unavailable, to be tried again; another failure stays what it is', () => {
    const lost = publicError(Object.assign(new Error('write'), { code: 'ERR_STREAM_DESTROYED' }))
    assert.ok(lost instanceof StoaError && lost.code === 'unavailable' && lost.retryable)
    const down = publicError(new DatabaseError('the database system is shutting down', { code: '57P03' }))
    assert.ok(down instanceof StoaError && down.code === 'unavailable')
    const mistake = new DatabaseError('division by zero', { code: '22012' })
    assert.equal(publicError(mistake), mistake)
  })
})
