/*
 * How refusals leave: the error handler, the handler of unknown routes, and what is written when there is no request to
 * answer yet.
 */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type Clock, errors, type Logger, newId, StoaError } from '@stoa/kernel'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type AnswerHeaders, writeAnswerHeaders } from './headers.ts'
import { PROBLEM_TYPE, problemOf, retryAfterOf, statusOfError } from './problem.ts'
import { fromClientError, fromThrown } from './protocol-errors.ts'
import { MUTATING_METHODS } from './route.ts'

/** Logs what the caller is not told. Overload is logged at most once per second, because a log line is work too. */
export class FailureLog {
  readonly #log: Logger
  readonly #clock: Clock
  #sheddingLoggedAt = Number.NEGATIVE_INFINITY

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  note(error: StoaError, request: FastifyRequest): void {
    const status = statusOfError(error)
    if (status < 500) return
    const log = request.ctx?.log ?? this.#log
    const bindings = {
      err: error.cause ?? error,
      code: error.code,
      context: error.context,
      method: request.method,
      url: pathOf(request.url),
    }
    if (status === 500) log.error(bindings, 'a request failed')
    else if (error.code !== errors.overloaded.code) log.warn(bindings, 'a request could not be served')
    else if (this.#clock.now() - this.#sheddingLoggedAt >= 1000) {
      this.#sheddingLoggedAt = this.#clock.now()
      log.warn(bindings, 'requests are refused: too much work')
    }
  }
}

/** The address without its query, which may hold what must not be logged. */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/** Answers with a problem. */
function sendProblem(error: StoaError, request: FastifyRequest, reply: FastifyReply): void {
  const dialect = request.routeOptions?.config?.dialect
  reply
    .code(statusOfError(error))
    .header('content-type', dialect ? `${dialect.mediaType}; charset=utf-8` : PROBLEM_TYPE)
  reply.removeHeader('etag').removeHeader('location').removeHeader('x-cache')
  const retryAfter = retryAfterOf(error)
  if (retryAfter !== null) reply.header('retry-after', String(retryAfter))
  const problem = problemOf(error, request.id)
  reply.send(JSON.stringify(dialect ? dialect.problem(problem) : problem))
}

/** Gives the application its error handler and its handler of unknown routes. */
export function useProblems(
  app: FastifyInstance,
  failures: FailureLog,
  limit: (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void,
): void {
  const answer = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = fromThrown(thrown)
    failures.note(error, request)
    sendProblem(error, request, reply)
  }
  app.setErrorHandler((thrown, request, reply) => answer(thrown, request, reply))
  app.setNotFoundHandler({ preHandler: limit }, (request, reply) => {
    const allowed = allowedMethods(app, pathOf(request.url))
    if (allowed.length === 0) return answer(new StoaError(errors.not_found), request, reply)
    reply.header('allow', allowed.join(', '))
    if (request.method === 'OPTIONS') return reply.code(204).send()
    const message = `${request.method} is not supported here. What is: ${allowed.join(', ')}.`
    return answer(new StoaError(errors.method_not_allowed, { message }), request, reply)
  })
}

function allowedMethods(app: FastifyInstance, path: string): string[] {
  const methods = ['GET', 'HEAD', ...MUTATING_METHODS] as const
  const found = methods.filter((method) => app.findRoute({ method, url: path }) !== null)
  return found.length === 0 ? [] : [...found, 'OPTIONS']
}

/**
 * Answers what Fastify refuses before a route is found, and so before any hook: a path that cannot be decoded, a
 * parameter that is too long.
 */
export function frameworkErrors(headers: AnswerHeaders) {
  return (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
    writeAnswerHeaders(headers, request, reply)
    sendProblem(fromThrown(error), request, reply)
  }
}

/** Answers on the bare socket what node:http could not read, and closes it. */
export function answerClientError(clock: Clock, thrown: Error & { code?: string }, socket: Socket): void {
  if (thrown.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable) {
    socket.destroy(thrown)
    return
  }
  const error = fromClientError(thrown)
  const status = statusOfError(error)
  const requestId = newId(clock)
  const body = JSON.stringify(problemOf(error, requestId))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'x-content-type-options: nosniff',
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
