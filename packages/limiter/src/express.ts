/* For Express 4 and 5: a middleware, for the whole application or for a route. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer } from './answer.ts'
import { Gate, type GateOptions } from './gate.ts'
import { answerNode, nodeOrigin } from './node-http.ts'

/** What is used of Express's request. */
export interface ExpressRequestLike extends IncomingMessage {
  /** The client's address by Express's setting `trust proxy`. */
  readonly ip?: string | undefined
}

/** A middleware. */
export type ExpressRateLimit<R> = (request: R, response: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Limits requests. Each middleware has a bucket per caller; `request.rateLimit` is the answer, for {@link answerOf}.
 *
 * @throws RangeError, TypeError when the options make no sense
 */
export function expressRateLimit<R extends ExpressRequestLike = ExpressRequestLike>(
  options: GateOptions<R>,
): ExpressRateLimit<R> {
  const address = (request: R) => request.ip ?? nodeOrigin.address(request)
  const gate = new Gate<R>('expressRateLimit', options, { ...nodeOrigin, address })
  return function rateLimit(request, response, next) {
    let answer: Answer | Promise<Answer> | null
    try {
      answer = gate.check(request)
    } catch (error) {
      next(error)
      return
    }
    if (answer === null) next()
    else if (answer instanceof Promise) {
      answer.then((late) => answerNode(late, request, response)).then((passes) => passes && next(), next)
    } else if (answerNode(answer, request, response)) next()
  }
}
