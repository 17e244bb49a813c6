import { statement, type Tx } from '@stoa/db'

/** Which factors a person has. */
export interface FactorsRow {
  readonly totp: boolean
  readonly recoveryCodes: number
  readonly passkeys: number
}

/** Which factors a person has. */
export function factorsRow(tx: Tx, personId: string): Promise<FactorsRow> {
  return tx.one(factorsOfPerson(personId))
}
const factorsOfPerson = statement<[string], FactorsRow>(`
select exists (select from stoa.totp_secrets where person_id = $1) as totp,
  (select count(*) from stoa.recovery_codes where person_id = $1) as recovery_codes,
  (select count(*) from stoa.passkeys where person_id = $1) as passkeys`)

/** The secret of a person's app, sealed, and the last step that was taken. */
export interface TotpRow {
  readonly sealedSecret: Buffer
  readonly lastStep: number
}

/** The secret of a person's app, or undefined. */
export function totpOf(tx: Tx, personId: string): Promise<TotpRow | undefined> {
  return tx.maybe(totpOfPerson(personId))
}
const totpOfPerson = statement<[string], TotpRow>(
  'select sealed_secret, last_step from stoa.totp_secrets where person_id = $1',
)

/** Sets the secret of a person's app, in the place of another. */
export async function saveTotp(tx: Tx, personId: string, { lastStep, sealedSecret }: TotpRow, at: Date): Promise<void> {
  await tx.run(totpSaving(personId, sealedSecret, lastStep, at))
}
const totpSaving = statement<[string, Buffer, number, Date], never>(`
insert into stoa.totp_secrets (person_id, sealed_secret, last_step, created_at) values ($1, $2, $3, $4)
on conflict (person_id) do update set sealed_secret = excluded.sealed_secret, last_step = excluded.last_step, created_at = excluded.created_at`)

/** Takes the code of a step: of two who show it at once, one does. */
export async function takeStep(tx: Tx, personId: string, step: number): Promise<boolean> {
  return (await tx.run(stepTaking(personId, step))) === 1
}
const stepTaking = statement<[string, number], never>(
  'update stoa.totp_secrets set last_step = $2 where person_id = $1 and last_step < $2',
)

/** Takes the app of a person away, and with it the codes that stand in for it. False when there was none. */
export async function removeTotp(tx: Tx, personId: string): Promise<boolean> {
  tx.later(codesRemoval(personId))
  return (await tx.run(totpRemoval(personId))) === 1
}
const totpRemoval = statement<[string], never>('delete from stoa.totp_secrets where person_id = $1')
const codesRemoval = statement<[string], never>('delete from stoa.recovery_codes where person_id = $1')

/** Sets the recovery codes of a person, in the place of all others. */
export function saveCodes(tx: Tx, personId: string, hashes: readonly Buffer[]): void {
  tx.later(codesRemoval(personId))
  for (const hash of hashes) tx.later(codeAddition(personId, hash))
}
const codeAddition = statement<[string, Buffer], never>(
  'insert into stoa.recovery_codes (person_id, code_hash) values ($1, $2)',
)

/** Uses a recovery code up: of two who show it at once, one does. */
export async function takeCode(tx: Tx, personId: string, hash: Buffer): Promise<boolean> {
  return (await tx.run(codeTaking(personId, hash))) === 1
}
const codeTaking = statement<[string, Buffer], never>(
  'delete from stoa.recovery_codes where person_id = $1 and code_hash = $2',
)

/** Whether somebody has signed in with a device. */
export async function isKnownDevice(tx: Tx, personId: string, hash: Buffer): Promise<boolean> {
  return (await tx.one(deviceKnown(personId, hash))).known
}
const deviceKnown = statement<[string, Buffer], { known: boolean }>(
  'select exists (select from stoa.known_devices where person_id = $1 and token_hash = $2) as known',
)
