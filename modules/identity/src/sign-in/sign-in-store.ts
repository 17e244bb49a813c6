import { statement, type Tx } from '@stoa/db'
import type { PersonRow } from '../people/person-store.ts'

/** Somebody who may be signing in. */
export interface SignInRow extends PersonRow {
  /** Of their password; null when they have none. */
  readonly hash: string | null
  /** When that was set. */
  readonly setAt: Date | null
  readonly deviceKnown: boolean
}

/** Who has this address, what their password is, and whether they have used this device: in one query, found or not. */
export function signInRow(tx: Tx, email: string, device: Buffer): Promise<SignInRow | undefined> {
  return tx.maybe(whoSignsIn(email, device))
}
const whoSignsIn = statement<[string, Buffer], SignInRow>(`
select id, email, email_verified_at, name, locale, suspended_at, version, people.created_at, updated_at, hash, set_at,
  exists (select from stoa.known_devices where known_devices.person_id = people.id and token_hash = $2) as device_known
from stoa.people left join stoa.passwords on passwords.person_id = people.id
where email = $1`)
