import { defineRoute, etag, IdParams } from '@stoa/http'
import { IssuerHost } from '../hosts/issuer-host-schema.ts'
import type { IssuerHosts } from '../hosts/issuer-hosts.ts'

/** `POST /api/v1/issuer-hosts/{id}/activation` */
export function activateIssuerHost(hosts: IssuerHosts) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/issuer-hosts/:id/activation',
    operationId: 'activateIssuerHost',
    tags: ['Sign-on'],
    summary: 'Move the issuer to a host',
    description:
      'From now on the issuer is there, and answers nowhere else: every application has to be told of its new name, and other providers of the new `redirectUri`. Access tokens that were given out before hold until they end; refresh tokens are good at the new place.',
    permission: 'identity:configure',
    updates: 'if-match-when-sent',
    errors: ['issuer_host_not_found', 'issuer_host_not_proven'],
    schema: { params: IdParams, response: { 200: IssuerHost } },
    async handler(ctx, { ifMatch, params }, reply) {
      const host = await hosts.activate(ctx, params.id, ifMatch)
      reply.header('etag', etag(host.version))
      return host
    },
  })
}
