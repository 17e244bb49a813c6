import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Installation, Up } from './program.ts'

/** A request that the program has begun to handle, and whose body it waits for. */
export interface OpenRequest {
  /** Sends the body. @returns the answer, and the id of the link that it made */
  finish(): Promise<{ readonly status: number; readonly connection: string | undefined; readonly id: string }>
  /** Resolves when the connection is cut instead. */
  readonly cut: Promise<unknown>
}

const BODY = JSON.stringify({ target: 'https://example.com/in-flight' })

/**
 * Begins to create a link. By `Expect: 100-continue` the program itself says that it has the request (RFC 9110,
 * 10.1.1).
 */
export async function openRequest({ url }: Up, { key }: Installation): Promise<OpenRequest> {
  const sent = request(`${url}/api/v1/links`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(BODY),
      expect: '100-continue',
    },
  })
  const cut = new Promise((resolve) => sent.on('error', resolve))
  sent.flushHeaders()
  await once(sent, 'continue')
  return {
    cut,
    async finish() {
      sent.end(BODY)
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      const { id } = JSON.parse(await text(answer)) as { id: string }
      return { status: answer.statusCode as number, connection: answer.headers.connection, id }
    },
  }
}

/** Whether nobody listens there. */
export async function closed(url: string): Promise<boolean> {
  return await fetch(`${url}/health/live`).then(
    () => false,
    () => true,
  )
}
