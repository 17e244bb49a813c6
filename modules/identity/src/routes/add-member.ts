import { defineRoute, etag } from '@stoa/http'
import { Member, NewMember } from '../access/schema.ts'
import { shownMember } from '../members/members.ts'
import type { Provisioning } from '../members/provisioning.ts'

const DESCRIPTION = `Without asking them. Somebody who is not known yet sets a password by the link that resets one; that proves the address, too.
The organisation sees the name that it gives, whatever they call themselves elsewhere. An invitation asks first: \`POST /api/v1/invitations\`.`

/** `POST /api/v1/members` */
export function addMember(provisioning: Provisioning) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/members',
    operationId: 'addMember',
    tags: ['Members'],
    summary: 'Add a member',
    description: DESCRIPTION,
    permission: 'identity:manage',
    // People are not the tenant's: what is written of them is no part of a transaction of the tenant.
    waits: true,
    rateLimit: { capacity: 100, refillPerSecond: 5 },
    errors: ['email_invalid', 'role_unknown', 'already_member'],
    schema: { body: NewMember, response: { 201: Member } },
    async handler(ctx, { body }, reply) {
      const member = shownMember(await provisioning.add(ctx, body, 'identity:manage'))
      reply.header('location', `/api/v1/members/${member.id}`)
      reply.header('etag', etag(member.version))
      return member
    },
  })
}
