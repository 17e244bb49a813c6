import { isError } from '@stoa/kernel'
import { defineJob, snoozeJob } from '@stoa/queue'
import { Type } from 'typebox'
import { isUnproven, type LinkDomains } from '../domains/link-domains.ts'
import { linkErrors } from '../errors.ts'

/** For so long it is looked whether the record stands; after that by whoever asks. */
const LOOKED_FOR_MS = 3 * 86_400_000
const LEAST_WAIT_MS = 15_000
const MOST_WAIT_MS = 3_600_000

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
        const age = ctx.clock.now() - job.enqueuedAt.getTime()
        if (!isUnproven(error)) throw error
        if (age >= LOOKED_FOR_MS) return { status: 'pending' }
        throw snoozeJob(Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, age / 5)))
      }
    },
  })
}
