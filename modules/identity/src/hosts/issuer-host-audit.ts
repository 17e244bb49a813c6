/*
 * Whether the hosts of issuers are their tenants': for `stoa doctor`. Both are written by one transaction, so they differ
 * only when somebody has written into the tables by hand, or a node of an older version gave a host to another room.
 */
import type { Database } from '@stoa/db'
import type { BaseCtx } from '@stoa/kernel'
import type { Examination } from '@stoa/module'
import { hostsOverAll } from './issuer-host-store.ts'
import { HOST_ROOM } from './issuer-places.ts'

/** Hosts that are named. */
const NAMED = 5

/** What is wrong with the hosts of issuers, over all tenants; nothing is said when there are none. */
export async function examineIssuerHosts(db: Database, ctx: BaseCtx): Promise<readonly Examination[]> {
  const { active, strays } = await db.systemRead(ctx, (tx) => hostsOverAll(tx, HOST_ROOM))
  if (strays.length > 0) {
    const names = `${strays.slice(0, NAMED).join(', ')}${strays.length > NAMED ? ' and others' : ''}`
    const text = `These hosts of issuers are not their tenants’, as far as the list of hosts says: ${names}.`
    const advice = 'Was a part of the database restored, or written by hand? Remove the host, and prove it again.'
    return [{ ok: false, text, advice }]
  }
  if (active === 0) return []
  return [{ ok: true, text: `${active} of the issuers are at a host of the organisation’s own.` }]
}
