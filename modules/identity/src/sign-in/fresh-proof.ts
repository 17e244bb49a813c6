/*
 * What is sensitive asks for a fresh proof of who somebody is, by means of their own: what another provider vouches for in
 * one organisation does not count. On pages the session says it; at the API both do, the token (whoever has found one
 * does not profit from a proof that came later) and the session that it is from.
 */
import type { Database } from '@stoa/db'
import { type Ctx, isError, StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { type SessionRow, sessionProvenSince } from './session-store.ts'

/** For how long a proof is fresh. */
const FRESH_MS = 600_000

/** What a refusal for want of a fresh proof asks for (RFC 9470, 3). */
const FRESH_CHALLENGE = `Bearer error="insufficient_user_authentication", max_age="${FRESH_MS / 1_000}"`

/** Whether the proof of a session is fresh. */
export function isFreshProof({ authTime, boundTenantId }: SessionRow, nowMs: number): boolean {
  return boundTenantId === null && nowMs - authTime.getTime() <= FRESH_MS
}

/** What a route does that asks for a fresh proof: a refusal for want of one says how it is shown. */
export async function challenged<T>(
  reply: { header(name: string, value: string): unknown },
  work: Promise<T>,
): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (isError(error, identityErrors.proof_required)) reply.header('www-authenticate', FRESH_CHALLENGE)
    throw error
  }
}

/** The person who asks, with a fresh proof. @throws StoaError `person_required`, `proof_required` */
export async function freshPerson(ctx: Ctx, db: Database): Promise<string> {
  const { actor, owner = actor, proof } = ctx
  if (owner.type !== 'person') throw new StoaError(identityErrors.person_required)
  const since = new Date(ctx.clock.now() - FRESH_MS)
  const isFresh =
    actor.type === 'person' &&
    proof !== undefined &&
    proof.atMs >= since.getTime() &&
    (await db.systemRead(ctx, (tx) => sessionProvenSince(tx, proof.sessionId, actor.id, since)))
  if (!isFresh) throw new StoaError(identityErrors.proof_required)
  return actor.id
}
