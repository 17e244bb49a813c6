import { statement, type Tx } from '@stoa/db'

/** Sets the password of a person. It rides with the commit. */
export function setPassword(tx: Tx, personId: string, hash: string, at: Date): void {
  tx.later(passwordSaving(personId, hash, at))
}
const passwordSaving = statement<[string, string, Date], never>(`
insert into stoa.passwords (person_id, hash, set_at) values ($1, $2, $3)
on conflict (person_id) do update set hash = excluded.hash, set_at = excluded.set_at`)

/** When the password of a person was set; undefined when there is none. */
export async function passwordSetAt(tx: Tx, personId: string): Promise<Date | undefined> {
  return (await tx.maybe(passwordTime(personId)))?.setAt
}
const passwordTime = statement<[string], { setAt: Date }>('select set_at from stoa.passwords where person_id = $1')

/** Writes the same password by another hash, unless it was changed since. */
export async function replaceHash(tx: Tx, personId: string, before: string, after: string): Promise<void> {
  await tx.run(hashReplacement(personId, before, after))
}
const hashReplacement = statement<[string, string, string], never>(
  'update stoa.passwords set hash = $3 where person_id = $1 and hash = $2',
)
