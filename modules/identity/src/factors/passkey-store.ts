import { statement, type Tx } from '@stoa/db'

/** A passkey of a person. */
export interface PasskeyRow {
  readonly id: string
  readonly personId: string
  /** As the browser names it, base64url. */
  readonly credentialId: string
  readonly publicKey: Buffer
  /** Grows with each use where the authenticator counts; a copy would fall behind. */
  readonly counter: number
  readonly transports: readonly string[]
  readonly name: string
  /** It is kept in more than one device. */
  readonly backedUp: boolean
  readonly usedAt: Date | null
  readonly createdAt: Date
}

const columns = 'id, person_id, credential_id, public_key, counter, transports, name, backed_up, used_at, created_at'

/** Adds a passkey; false when there is one of this credential. */
export async function addPasskey(tx: Tx, passkey: PasskeyRow): Promise<boolean> {
  const { backedUp, counter, createdAt, credentialId, id, name, personId, publicKey, transports } = passkey
  const query = passkeyAddition(id, personId, credentialId, publicKey, counter, transports, name, backedUp, createdAt)
  return (await tx.run(query)) === 1
}
const passkeyAddition = statement<
  [string, string, string, Buffer, number, readonly string[], string, boolean, Date],
  never
>(`
insert into stoa.passkeys (id, person_id, credential_id, public_key, counter, transports, name, backed_up, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (credential_id) do nothing`)

/** The passkeys of a person, oldest first. */
export function passkeysOf(tx: Tx, personId: string): Promise<PasskeyRow[]> {
  return tx.many(passkeysOfPerson(personId))
}
const passkeysOfPerson = statement<[string], PasskeyRow>(
  `select ${columns} from stoa.passkeys where person_id = $1 order by created_at, id`,
)

/** The passkey of a credential, or undefined. */
export function passkeyOf(tx: Tx, credentialId: string): Promise<PasskeyRow | undefined> {
  return tx.maybe(passkeyOfCredential(credentialId))
}
const passkeyOfCredential = statement<[string], PasskeyRow>(
  `select ${columns} from stoa.passkeys where credential_id = $1`,
)

/** Notes a use. */
export function usePasskey(tx: Tx, id: string, counter: number, at: Date): void {
  tx.later(passkeyUse(id, counter, at))
}
const passkeyUse = statement<[string, number, Date], never>(
  'update stoa.passkeys set counter = greatest(counter, $2), used_at = $3 where id = $1',
)

/** Takes a passkey of a person away; false when there is no such. */
export async function removePasskey(tx: Tx, personId: string, id: string): Promise<boolean> {
  return (await tx.run(passkeyRemoval(personId, id))) === 1
}
const passkeyRemoval = statement<[string, string], never>('delete from stoa.passkeys where person_id = $1 and id = $2')

/** Uses a challenge up; false when it was used before. Its memory goes when the challenge is too old anyway. */
export async function spendChallenge(tx: Tx, hash: Buffer, expiresAt: Date, at: Date): Promise<boolean> {
  return (await tx.run(challengeSpending(hash, expiresAt, at))) === 1
}
const challengeSpending = statement<[Buffer, Date, Date], never>(`
insert into stoa.one_time_tokens (token_hash, purpose, expires_at, created_at) values ($1, 'spent', $2, $3)
on conflict (token_hash) do nothing`)
