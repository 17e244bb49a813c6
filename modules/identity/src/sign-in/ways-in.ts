import { statement, type Tx } from '@stoa/db'
import { StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { lockedPerson } from '../people/person-store.ts'

const waysIn = statement<[personId: string], { count: number }>(`
select (select count(*) from stoa.passwords where person_id = $1)
  + (select count(*) from stoa.passkeys where person_id = $1)
  + (select count(*) from stoa.linked_accounts account
      join stoa.identity_providers provider on provider.tenant_id = account.tenant_id and provider.id = account.provider_id
      where person_id = $1 and enabled) as count`)

/**
 * Takes away what a person signs in by, unless nothing else is left: a password, a passkey, an account elsewhere (with a provider that is open). Of two
 * that go at the same moment, the second one is counted after the first. In a transaction of the system role.
 *
 * @param take false: there was no such thing
 * @throws StoaError `last_way_in`
 */
export async function takeWayIn(tx: Tx, personId: string, take: () => Promise<boolean>): Promise<boolean> {
  await lockedPerson(tx, personId)
  if (!(await take())) return false
  if ((await tx.one(waysIn(personId))).count === 0) throw new StoaError(identityErrors.last_way_in)
  return true
}
