import { errors, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { defineRoute } from '../route.ts'

const LIMIT = { capacity: 200, refillPerSecond: 20 }

/** `GET /tls/ask`. @param serves whether a host is one of ours */
export function askForCertificate(serves: (host: string) => boolean) {
  return defineRoute({
    method: 'GET',
    url: '/tls/ask',
    operationId: 'askForCertificate',
    tags: ['Hosts'],
    summary: 'Ask whether a host gets a certificate',
    description:
      'For the proxy in front, which gets certificates by itself when a host is asked for (`on_demand_tls` of Caddy): 200 for a host that is ours or a tenant’s and proven, 404 for every other one.',
    permission: null,
    rateLimit: LIMIT,
    errors: ['not_found'],
    schema: {
      querystring: Type.Object({
        domain: Type.String({ minLength: 1, maxLength: 253, description: 'The host.', examples: ['id.example.com'] }),
      }),
      response: { 200: { description: 'It gets one.', content: { 'text/plain': { schema: Type.String() } } } },
    },
    handler(_ctx, { query }, reply) {
      const host = query.domain.toLowerCase()
      if (!serves(host.endsWith('.') ? host.slice(0, -1) : host)) throw new StoaError(errors.not_found)
      reply.type('text/plain')
      return 'yes'
    },
  })
}
