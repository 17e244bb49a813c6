import { type Columns, domainProof } from '@stoa/module'
import type { JobDefinition } from '@stoa/queue'
import type { LinksConfig } from '../config.ts'
import { verifyDomainJob } from '../jobs/verify-domain.ts'
import { LinkDomains, type LinkDomainsDeps } from './link-domains.ts'
import { HOST_ROOM } from './short-hosts.ts'

type Given = Pick<LinkDomainsDeps, 'hosts' | 'targetRules' | 'blocked'>

/** The verbs of hosts, and the job that looks for their proofs. */
export function openDomains(
  { db, hosts: tenantHosts, journal, queue, secret }: Columns,
  config: LinksConfig,
  given: Given,
): { readonly verbs: LinkDomains; readonly job: JobDefinition } {
  const job = verifyDomainJob(() => verbs)
  const verbs = new LinkDomains({
    ...{ ...given, db, journal, tenantHosts },
    proof: domainProof({ purpose: 'stoa-links', key: secret('links.domains'), txtRecords: config.txtRecords }),
    proves: config.domainProof === 'dns',
    most: config.domainsPerTenant,
    async verifyLater(ctx, tx, domainId) {
      await queue.enqueueOnce(ctx, tx, job, { domainId })
    },
  })
  const shortHost = config.shortHost?.replace(/:\d+$/, '')
  tenantHosts.open({
    name: HOST_ROOM,
    serves: (host) => given.hosts.has(host),
    owns: (host) => host === shortHost,
    proves: (tenantId, host) => verbs.canProve(tenantId, host),
    lose: (ctx, tx, id) => verbs.loseDomain(ctx, tx, id),
  })
  return { verbs, job }
}
