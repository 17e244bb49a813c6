/* For Hono 4, on Node or anywhere else that has `node:crypto` and `node:net`. */
import { Gate, type GateOptions, writeRateLimitFields } from './gate.ts'
import { refusalOf } from './problem.ts'

/** What is used of Hono's context. */
export interface HonoContextLike {
  readonly req: { header(name: string): string | undefined }
  readonly env: unknown
  header(name: string, value: string): unknown
  set(key: string, value: unknown): void
}

/** Options of {@link honoRateLimit}. */
export interface HonoRateLimitOptions<C> extends GateOptions<C> {
  /**
   * Who is at the other end of the connection, where that is not found by itself: it is with `@hono/node-server`.
   * Default: `context.env.incoming.socket.remoteAddress`.
   */
  readonly peer?: (context: C) => string
}

/** A middleware. */
export type HonoRateLimit<C> = (context: C, next: () => Promise<void>) => Promise<Response | undefined>

/**
 * Limits requests. The answer is `context.get('rateLimit')`.
 *
 * @throws RangeError, TypeError when the options make no sense
 */
export function honoRateLimit<C extends HonoContextLike = HonoContextLike>(
  options: HonoRateLimitOptions<C>,
): HonoRateLimit<C> {
  const { peer = peerOf, ...others } = options
  const forwardedFor = ({ req }: C) => req.header('x-forwarded-for')
  const gate = new Gate<C>('honoRateLimit', others, { address: peer, peer, forwardedFor })
  return async (context, next) => {
    const answer = await gate.check(context)
    if (answer === null) {
      await next()
      return undefined
    }
    context.set('rateLimit', answer)
    if (!answer.allowed) {
      const { status, body } = refusalOf(answer)
      const headers = new Headers({ 'Content-Type': 'application/problem+json' })
      writeRateLimitFields(answer, (name, value) => headers.set(name, value))
      return new Response(body, { status, headers })
    }
    await next()
    // Afterwards, because a handler that makes its own Response would leave them out.
    writeRateLimitFields(answer, (name, value) => context.header(name, value))
    return undefined
  }
}

function peerOf({ env }: HonoContextLike): string {
  const { incoming } = (env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  const address = incoming?.socket?.remoteAddress
  if (address === undefined) {
    throw new TypeError("honoRateLimit: the client's address is not known here: give the option 'peer' or 'key'")
  }
  return address
}
