import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { IssuerHosts } from '../hosts/issuer-hosts.ts'

/** `DELETE /api/v1/issuer-hosts/{id}` */
export function removeIssuerHost(hosts: IssuerHosts) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/issuer-hosts/:id',
    operationId: 'removeIssuerHost',
    tags: ['Sign-on'],
    summary: 'Remove a host for the issuer',
    description: 'Only one where the issuer is not. Access tokens that name it are refused from now on.',
    permission: 'identity:configure',
    updates: 'if-match-when-sent',
    errors: ['issuer_host_not_found', 'issuer_host_in_use'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await hosts.remove(ctx, params.id, ifMatch)
      return null
    },
  })
}
