import { defineRoute, etag, IdParams } from '@stoa/http'
import { IssuerHost } from '../hosts/issuer-host-schema.ts'
import type { IssuerHosts } from '../hosts/issuer-hosts.ts'

/** `DELETE /api/v1/issuer-hosts/{id}/activation` */
export function deactivateIssuerHost(hosts: IssuerHosts) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/issuer-hosts/:id/activation',
    operationId: 'deactivateIssuerHost',
    tags: ['Sign-on'],
    summary: 'Move the issuer back to the installation',
    description: 'As moving it to a host: every application has to be told.',
    permission: 'identity:configure',
    updates: 'if-match-when-sent',
    errors: ['issuer_host_not_found'],
    schema: { params: IdParams, response: { 200: IssuerHost } },
    async handler(ctx, { ifMatch, params }, reply) {
      const host = await hosts.deactivate(ctx, params.id, ifMatch)
      reply.header('etag', etag(host.version))
      return host
    },
  })
}
