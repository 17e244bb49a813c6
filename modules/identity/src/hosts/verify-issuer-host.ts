import { isError } from '@stoa/kernel'
import { nextLook } from '@stoa/module'
import { defineJob, snoozeJob } from '@stoa/queue'
import { Type } from 'typebox'
import { issuerHostErrors } from './issuer-host-errors.ts'
import { type IssuerHosts, isUnproven } from './issuer-hosts.ts'

/** `identity.verify_issuer_host`: looks for the proof of a host until it stands, less and less often. */
export function verifyIssuerHost(hosts: () => IssuerHosts) {
  return defineJob({
    name: 'identity.verify_issuer_host',
    description: 'Looks whether the TXT record stands that proves a host for the issuer.',
    input: Type.Object({ hostId: Type.String({ format: 'uuid' }) }, { additionalProperties: false }),
    unique: { key: ({ hostId }) => hostId },
    async run(ctx, { hostId }, job) {
      try {
        return { status: (await hosts().verify(ctx, hostId)).status }
      } catch (error) {
        if (isError(error, issuerHostErrors.issuer_host_not_found)) return { status: 'removed' }
        if (!isUnproven(error)) throw error
        const waitMs = nextLook(ctx.clock.now() - job.enqueuedAt.getTime())
        if (waitMs === null) return { status: 'pending' }
        throw snoozeJob(waitMs)
      }
    },
  })
}
