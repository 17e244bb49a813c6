/* For `node:http`, and everything whose request and response are its own. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from './answer.ts'
import { Gate, type GateOptions, type OriginReader, writeRateLimitFields } from './gate.ts'
import { refusalOf } from './problem.ts'

/** Asks about a request. False: it was refused, and is answered. */
export type NodeRateLimit = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>

/**
 * Limits the requests of a server of `node:http`. The answer is left in `request.rateLimit`, for {@link answerOf}.
 *
 * @throws RangeError, TypeError when the options make no sense
 */
export function nodeRateLimit(options: GateOptions<IncomingMessage>): NodeRateLimit {
  const gate = new Gate('nodeRateLimit', options, nodeOrigin)
  return (request, response) => {
    const answer = gate.check(request)
    if (answer === null) return true
    return answer instanceof Promise
      ? answer.then((late) => answerNode(late, request, response))
      : answerNode(answer, request, response)
  }
}

/** Writes the fields, and the refusal when it is one. */
export function answerNode(answer: Answer, request: IncomingMessage, response: ServerResponse): boolean {
  ;(request as { rateLimit?: Answer }).rateLimit = answer
  writeRateLimitFields(answer, (name, value) => response.setHeader(name, value))
  if (answer.allowed) return true
  const { status, body } = refusalOf(answer)
  response.statusCode = status
  response.setHeader('Content-Type', 'application/problem+json')
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.end(request.method === 'HEAD' ? undefined : body)
  return false
}

/** Where a request of `node:http` comes from. */
export const nodeOrigin: OriginReader<IncomingMessage> = {
  address: ({ socket }) => socket.remoteAddress ?? '',
  peer: ({ socket }) => socket.remoteAddress ?? '',
  forwardedFor: ({ headers }) => headers['x-forwarded-for'],
}
