import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Systems give out ports from 32768 (Linux) or 49152 (others) on, to connections and to whoever listens on port 0.
 * Below that nobody is given one by chance: the port of a server stays its own while the server is restarted. Redis
 * Cluster takes a second one, 10000 above the first.
 */
const FIRST = 10_000
const LAST = 22_000
const ATTEMPTS = 100

/** A TCP port of 127.0.0.1 that was free a moment ago: whoever binds it must be ready to try again. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST)
    if (await isFree(port)) return port
  }
  throw new Error(`none of ${ATTEMPTS} ports from ${FIRST} to ${LAST} is free`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
