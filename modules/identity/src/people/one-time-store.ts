import { statement, type Tx } from '@stoa/db'

/** What a mailed link is for. */
export type TokenPurpose =
  | 'registration'
  | 'reset'
  | 'email'
  | 'factor'
  | 'step'
  | 'upstream'
  | 'connect'
  | 'hand_over'
  | 'arrival'

/** What is known of a link. */
export interface OneTimeRow {
  readonly purpose: TokenPurpose
  readonly personId: string | null
  readonly email: string | null
  readonly data: Readonly<Record<string, unknown>>
  readonly expiresAt: Date
}

/**
 * Adds a link. Those of the same purpose for the same person, or else for the same address, hold no longer: only the
 * newest mail works.
 */
export async function addToken(tx: Tx, hash: Buffer, token: OneTimeRow, at: Date): Promise<void> {
  const { data, email, expiresAt, personId, purpose } = token
  // Whoever knows a password must not be able to end the sign-in of its owner.
  if (purpose === 'factor' || purpose === 'step') {
    await tx.run(tokenAddition(hash, purpose, personId, email, data, expiresAt, at))
    return
  }
  if (personId !== null) tx.later(tokensOfPerson(personId, purpose))
  else if (email !== null) tx.later(tokensOfEmail(email, purpose))
  await tx.run(tokenAddition(hash, purpose, personId, email, data, expiresAt, at))
}
const tokensOfPerson = statement<[string, string], never>(
  'delete from stoa.one_time_tokens where person_id = $1 and purpose = $2',
)
const tokensOfEmail = statement<[string, string], never>(
  'delete from stoa.one_time_tokens where email = $1 and purpose = $2 and person_id is null',
)
const tokenAddition = statement<[Buffer, string, string | null, string | null, object, Date, Date], never>(`
insert into stoa.one_time_tokens (token_hash, purpose, person_id, email, data, expires_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7)`)

/** The link, if it can still be used. It is not used up. */
export function tokenOf(tx: Tx, hash: Buffer, purpose: TokenPurpose, now: Date): Promise<OneTimeRow | undefined> {
  return tx.maybe(liveToken(hash, purpose, now))
}
const liveToken = statement<[Buffer, string, Date], OneTimeRow>(`
select purpose, person_id, email, data, expires_at from stoa.one_time_tokens
where token_hash = $1 and purpose = $2 and expires_at > $3`)

/** Uses a link up: of two who try at once, one gets it. Undone with the transaction. */
export function takeToken(tx: Tx, hash: Buffer, purpose: TokenPurpose, now: Date): Promise<OneTimeRow | undefined> {
  return tx.maybe(tokenTaking(hash, purpose, now))
}
const tokenTaking = statement<[Buffer, string, Date], OneTimeRow>(`
delete from stoa.one_time_tokens where token_hash = $1 and purpose = $2 and expires_at > $3
returning purpose, person_id, email, data, expires_at`)

/** Makes all links of a person useless, whatever they are for. */
export function dropTokensOf(tx: Tx, personId: string): void {
  tx.later(allTokensOf(personId))
}
const allTokensOf = statement<[string], never>('delete from stoa.one_time_tokens where person_id = $1')
