/*
 * A route with a lane. What the lane answers says `short` in a header, what the route answers says `long` in its body.
 */
import { errors, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { type Claim, defineRoute, type Lane, type LaneReply } from '../src/index.ts'

/** What is found behind a name. */
export interface Found {
  readonly text: string
  readonly status: number
}

/** A route with the limit of a hundred requests, and its lane. */
export function routeOf(find: Lane['find'], claims?: Claim, more: Partial<Lane> = {}) {
  return defineRoute({
    method: 'GET',
    url: '/go/:name',
    operationId: 'goThere',
    tags: ['test'],
    summary: 'Goes.',
    permission: null,
    rateLimit: { capacity: 100, refillPerSecond: 0.001 },
    schema: {
      params: Type.Object({ name: Type.String() }),
      response: { 200: { content: { 'text/plain': { schema: Type.String() } } } },
    },
    ...(claims && { claims }),
    lane: {
      prefix: '/go/',
      reads: [],
      headers: { 'x-lane': 'there' },
      field: 'x-text',
      find,
      answer: ({ status, text }: Found, _request: unknown, _address: string, reply: LaneReply) =>
        reply.send(status, text),
      ...more,
    },
    handler(_ctx, { params }, reply) {
      if (params.name === 'gone') throw new StoaError(errors.not_found)
      reply.type('text/plain')
      return `long ${params.name}`
    },
  })
}

/** Finds every name but two. */
export function found(name: string): Found | null {
  return name === 'none' || name === 'gone' ? null : { text: `short ${name}`, status: 200 }
}
