import type { BaseCtx } from '@stoa/kernel'
import { type Columns, domainProof } from '@stoa/module'
import type { JobDefinition } from '@stoa/queue'
import type { LinksConfig } from '../config.ts'
import { verifyDomainJob } from '../jobs/verify-domain.ts'
import { LinkDomains, type LinkDomainsDeps } from './link-domains.ts'

type Given = Pick<LinkDomainsDeps, 'hosts' | 'targetRules' | 'blocked'> & { readonly ctx: BaseCtx }

/** The verbs of hosts, and the job that looks for their proofs. */
export function openDomains(
  { db, journal, queue, secret }: Columns,
  config: LinksConfig,
  given: Given,
): { readonly verbs: LinkDomains; readonly job: JobDefinition } {
  const job = verifyDomainJob(() => verbs)
  const verbs = new LinkDomains({
    ...{ ...given, db, journal },
    proof: domainProof({ purpose: 'stoa-links', key: secret('links.domains'), txtRecords: config.txtRecords }),
    proves: config.domainProof === 'dns',
    most: config.domainsPerTenant,
    async verifyLater(ctx, tx, domainId) {
      await queue.enqueueOnce(ctx, tx, job, { domainId })
    },
  })
  return { verbs, job }
}
