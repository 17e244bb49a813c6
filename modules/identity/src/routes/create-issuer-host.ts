import { defineRoute, etag } from '@stoa/http'
import { IssuerHost, NewIssuerHost } from '../hosts/issuer-host-schema.ts'
import type { IssuerHosts } from '../hosts/issuer-hosts.ts'

/** `POST /api/v1/issuer-hosts` */
export function createIssuerHost(hosts: IssuerHosts) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/issuer-hosts',
    operationId: 'createIssuerHost',
    tags: ['Sign-on'],
    summary: 'Add a host for the issuer',
    description:
      'The host has to lead here, and to be proven: the answer says which TXT record has to stand in DNS. It is looked for in the background for three days. The issuer stays where it is until the host is activated.',
    permission: 'identity:configure',
    errors: ['issuer_host_invalid', 'issuer_host_taken', 'issuer_host_limit'],
    schema: { body: NewIssuerHost, response: { 201: IssuerHost } },
    async handler(ctx, { body }, reply) {
      const host = await hosts.add(ctx, body)
      reply.header('location', `/api/v1/issuer-hosts/${host.id}`)
      reply.header('etag', etag(host.version))
      return host
    },
  })
}
