import { isError } from '@stoa/kernel'
import { nextLook } from '@stoa/module'
import { defineJob, snoozeJob } from '@stoa/queue'
import { Type } from 'typebox'
import { isUnproven, type LinkDomains } from '../domains/link-domains.ts'
import { linkErrors } from '../errors.ts'

/** `links.verify_domain`: looks for the proof of a host until it stands, less and less often. */
export function verifyDomainJob(domains: () => LinkDomains) {
  return defineJob({
    name: 'links.verify_domain',
    description: 'Looks whether the TXT record stands that proves a host for short links.',
    input: Type.Object({ domainId: Type.String({ format: 'uuid' }) }, { additionalProperties: false }),
    unique: { key: ({ domainId }) => domainId },
    async run(ctx, { domainId }, job) {
      try {
        return { status: (await domains().verifyDomain(ctx, { id: domainId })).status }
      } catch (error) {
        if (isError(error, linkErrors.link_domain_not_found)) return { status: 'removed' }
        if (!isUnproven(error)) throw error
        const waitMs = nextLook(ctx.clock.now() - job.enqueuedAt.getTime())
        if (waitMs === null) return { status: 'pending' }
        throw snoozeJob(waitMs)
      }
    },
  })
}
