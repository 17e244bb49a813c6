import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Logger } from '@stoa/kernel'
import type { Health } from '@stoa/telemetry'
import type { FastifyInstance } from 'fastify'

/** What a drain needs. */
export interface DrainDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly health?: Health
  /** See {@link HttpDeps.onDrain}. */
  readonly onDrain?: () => void
}

/**
 * Connections on which the client has said nothing yet: browsers open some ahead, and so do pools of clients. Node takes
 * them for busy, and would wait for their first request until the drain's time is over.
 */
export class SilentConnections {
  readonly #open = new Set<Socket>()
  #closing = false

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      if (this.#closing) {
        socket.destroy()
        return
      }
      this.#open.add(socket)
      socket.once('close', () => this.#open.delete(socket))
    })
  }

  /** Closes them, and whoever still comes. */
  close(): void {
    this.#closing = true
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy()
  }
}

/**
 * Stops an application in order: not ready from now on, and answers close their connections; after `drainDelayMs` no
 * new connections; requests that are running may finish within `drainTimeoutMs`, then their connections are cut. Never
 * throws.
 */
export async function drain(
  app: FastifyInstance,
  silent: SilentConnections,
  limits: { readonly drainDelayMs: number; readonly drainTimeoutMs: number },
  deps: DrainDeps,
): Promise<void> {
  deps.health?.drain()
  if (limits.drainDelayMs > 0 && app.server.listening) await deps.clock.sleep(limits.drainDelayMs)
  try {
    deps.onDrain?.()
  } catch (err) {
    deps.log.error({ err }, 'connections that stay open could not be told of the end')
  }
  const done = new AbortController()
  const deadline = deps.clock.sleep(limits.drainTimeoutMs, done.signal).then(
    () => {
      deps.log.warn(
        { drainTimeoutMs: limits.drainTimeoutMs },
        'requests did not finish in time: their connections are cut',
      )
      app.server.closeAllConnections()
    },
    () => undefined,
  )
  try {
    silent.close()
    await app.close()
  } catch (err) {
    deps.log.error({ err }, 'the HTTP server did not close cleanly')
  } finally {
    done.abort()
    await deadline
  }
}
