import { defineRoute } from '@stoa/http'
import { IssuerHosts as Shape } from '../hosts/issuer-host-schema.ts'
import type { IssuerHosts } from '../hosts/issuer-hosts.ts'

/** `GET /api/v1/issuer-hosts` */
export function listIssuerHosts(hosts: IssuerHosts) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/issuer-hosts',
    operationId: 'listIssuerHosts',
    tags: ['Sign-on'],
    summary: 'List the hosts for the issuer',
    description: 'And where the issuer is now.',
    permission: 'identity:configure',
    schema: { response: { 200: Shape } },
    handler: (ctx) => hosts.list(ctx),
  })
}
