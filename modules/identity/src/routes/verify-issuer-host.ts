import { defineRoute, etag, IdParams } from '@stoa/http'
import { IssuerHost } from '../hosts/issuer-host-schema.ts'
import type { IssuerHosts } from '../hosts/issuer-hosts.ts'

/** `POST /api/v1/issuer-hosts/{id}/verification` */
export function verifyIssuerHostNow(hosts: IssuerHosts) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/issuer-hosts/:id/verification',
    operationId: 'verifyIssuerHost',
    tags: ['Sign-on'],
    summary: 'Verify a host for the issuer',
    description: 'Looks now whether the TXT record stands. One that is verified already stays as it is.',
    permission: 'identity:configure',
    rateLimit: { capacity: 60, refillPerSecond: 1 },
    updates: 'if-match-when-sent',
    waits: true,
    errors: ['issuer_host_not_found', 'issuer_host_not_proven', 'issuer_host_taken'],
    schema: { params: IdParams, response: { 200: IssuerHost } },
    async handler(ctx, { ifMatch, params }, reply) {
      const host = await hosts.verify(ctx, params.id, ifMatch)
      reply.header('etag', etag(host.version))
      return host
    },
  })
}
