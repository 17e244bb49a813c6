/*
 * Links that are mailed. Each has a purpose, is used once and is short-lived; a newer one of the same purpose makes the
 * older ones useless. Opening a link (GET) never uses it up, because programs that look into mail open every link:
 * only sending its form does.
 */
import type { Tx } from '@stoa/db'
import type { Clock } from '@stoa/kernel'
import { StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { addToken, type OneTimeRow, type TokenPurpose, takeToken, tokenOf } from './one-time-store.ts'
import { hashOf, mintToken, tokenHash } from './secret-token.ts'

const MINUTE_MS = 60_000

/** For how long a link works. The shorter, the less a mailbox that is read later gives away. */
const LASTS_MS: Readonly<Record<TokenPurpose, number>> = {
  registration: 24 * 60 * MINUTE_MS,
  reset: 60 * MINUTE_MS,
  email: 60 * MINUTE_MS,
  factor: 10 * MINUTE_MS,
  step: 10 * MINUTE_MS,
  upstream: 10 * MINUTE_MS,
  connect: 15 * MINUTE_MS,
  hand_over: 10 * MINUTE_MS,
  arrival: MINUTE_MS,
}

/** Whom a link is for. */
export interface OneTimeInput {
  readonly purpose: TokenPurpose
  readonly personId: string | null
  readonly email: string | null
  readonly data?: Readonly<Record<string, unknown>>
}

/** Makes a link's token, in the caller's transaction of the system role. It is given out here and never again. */
export async function issueToken(tx: Tx, clock: Clock, input: OneTimeInput): Promise<string> {
  const token = mintToken()
  const now = clock.now()
  const expiresAt = new Date(now + LASTS_MS[input.purpose])
  await addToken(tx, hashOf(token), { data: {}, ...input, expiresAt }, new Date(now))
  return token
}

/** What a link is for, without using it. @throws StoaError `link_spent` */
export async function peekToken(tx: Tx, clock: Clock, purpose: TokenPurpose, token: string): Promise<OneTimeRow> {
  const hash = tokenHash(token)
  const row = hash === null ? undefined : await tokenOf(tx, hash, purpose, new Date(clock.now()))
  return known(row)
}

/** Uses a link up, with the caller's transaction. @throws StoaError `link_spent` */
export async function spendToken(tx: Tx, clock: Clock, purpose: TokenPurpose, token: string): Promise<OneTimeRow> {
  const hash = tokenHash(token)
  const row = hash === null ? undefined : await takeToken(tx, hash, purpose, new Date(clock.now()))
  return known(row)
}

function known(row: OneTimeRow | undefined): OneTimeRow {
  if (row === undefined) throw new StoaError(identityErrors.link_spent)
  return row
}
