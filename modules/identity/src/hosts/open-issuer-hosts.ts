import type { BaseCtx } from '@stoa/kernel'
import { type Columns, domainProof } from '@stoa/module'
import type { JobDefinition } from '@stoa/queue'
import type { IdentityConfig } from '../config.ts'
import { isIssuerHostEvent } from './issuer-host-events.ts'
import { IssuerHosts } from './issuer-hosts.ts'
import { HOST_ROOM, IssuerPlaces } from './issuer-places.ts'
import { verifyIssuerHost } from './verify-issuer-host.ts'

/** Hosts for issuers, put together. */
export interface OpenIssuerHosts extends AsyncDisposable {
  readonly verbs: IssuerHosts
  readonly places: IssuerPlaces
  readonly job: JobDefinition
  ready(): Promise<void>
}

/** Puts them together. @param ctx of the system */
export function openIssuerHosts(columns: Columns, config: IdentityConfig, ctx: BaseCtx): OpenIssuerHosts {
  const { db, hosts: tenantHosts, journal, publicUrl, queue, secret } = columns
  const places = new IssuerPlaces({ db, ctx, hosts: tenantHosts, publicUrl })
  const watch = journal.watch({ name: 'identity-issuer-hosts' }, (events) => {
    for (const event of events) if (isIssuerHostEvent(event)) places.served.changed(String(event.data.host))
    places.served.refresh()
  })
  const job = verifyIssuerHost(() => verbs)
  const verbs = new IssuerHosts({
    ...{ db, journal, places, tenantHosts, most: config.issuerHostsPerTenant },
    proof: domainProof({ purpose: 'stoa-identity', key: secret('identity.hosts'), txtRecords: config.txtRecords }),
    proves: config.issuerHostProof === 'dns',
    allowLocal: config.allowPrivateApplications,
    verifyLater: async (own, tx, hostId) => void (await queue.enqueueOnce(own, tx, job, { hostId })),
  })
  tenantHosts.open({
    name: HOST_ROOM,
    serves: (host) => places.served.has(host),
    proves: (tenantId, host) => verbs.canProve(tenantId, host),
    lose: (own, tx, id) => verbs.lose(own, tx, id),
  })
  return {
    ...{ verbs, places, job },
    async ready() {
      await watch.ready
      await places.load()
    },
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  }
}
