import { defineRoute, etag, IdParams } from '@stoa/http'
import { IssuerHost } from '../hosts/issuer-host-schema.ts'
import type { IssuerHosts } from '../hosts/issuer-hosts.ts'

/** `GET /api/v1/issuer-hosts/{id}` */
export function getIssuerHost(hosts: IssuerHosts) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/issuer-hosts/:id',
    operationId: 'getIssuerHost',
    tags: ['Sign-on'],
    summary: 'Get a host for the issuer',
    description:
      'Its state, and the TXT record that proves it, which follows from organisation and host and so stays the same. A host that was `verified` is `pending` again when another organisation has proven it.',
    permission: 'identity:configure',
    errors: ['issuer_host_not_found'],
    schema: { params: IdParams, response: { 200: IssuerHost } },
    async handler(ctx, { params }, reply) {
      const host = await hosts.get(ctx, params.id)
      reply.header('etag', etag(host.version))
      return host
    },
  })
}
