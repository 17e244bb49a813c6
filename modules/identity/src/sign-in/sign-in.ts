/*
 * Signing in by a password.
 *
 *   look up (one query, the same for everybody) ─▶ may they try? ─▶ Argon2id, of nobody's hash where there is none
 *     ─▶ wrong: one answer, whatever was wrong
 *     ─▶ right, a second factor is set up: a token that is good for showing it, and no session yet
 *     ─▶ right: a session, the device is remembered, an event; a mail when the device is new
 *
 * Hashing takes long, and somebody may set another password meanwhile and sign out everywhere: what is written by the old
 * one is written while the person is held, after a look at whether it is still the one.
 *
 * Nothing that takes time differs between an account that is there and one that is not, and nothing is written before
 * the answer to a wrong password; the event of a refusal is written behind it.
 */
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, type Logger, StoaError, tenantCtx } from '@stoa/kernel'
import type { PasswordHasher } from '@stoa/module'
import { identityErrors } from '../errors.ts'
import { signedIn, signInRefused } from '../events.ts'
import type { AccountMail } from '../people/account-mail.ts'
import { normalisedEmail } from '../people/email.ts'
import { normalisedPassword } from '../people/password-rules.ts'
import { passwordSetAt, replaceHash } from '../people/password-store.ts'
import { heldPerson, type PersonRow } from '../people/person-store.ts'
import { hashOf, mintToken, tokenHash } from '../people/secret-token.ts'
import type { Attempts } from './attempts.ts'
import { deviceCount, rememberDevice, type SessionRow } from './session-store.ts'
import type { Proof, Sessions } from './sessions.ts'
import { type SignInRow, signInRow } from './sign-in-store.ts'
import type { Visitor } from './visitor.ts'

/** What signing in stands on. */
export interface SignInDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly log: Logger
  readonly attempts: Attempts
  readonly hasher: PasswordHasher
  readonly sessions: Sessions
  readonly mail: AccountMail
  /** The second step of a person who has set one up; null for who has not. */
  readonly secondStep: (ctx: Ctx, person: PersonRow, proof: Proof, still: Still) => Promise<string | null>
}

/** Looks again, in the transaction that writes what a proof gives, whether it still holds. @throws StoaError when not */
export type Still = (tx: Tx) => Promise<void>

const ALWAYS: Still = async () => undefined

/** What somebody says to sign in. */
export interface Credentials {
  readonly email: string
  readonly password: string
}

/** A session that has begun. */
export interface Begun {
  readonly kind: 'session'
  readonly session: SessionRow
  /** For the cookie. */
  readonly token: string
  /** For the cookie of the device. */
  readonly deviceToken: string
}

/** What came of it: a session, or that a second factor has to be shown with this token. */
export type SignInOutcome = Begun | { readonly kind: 'factor'; readonly token: string }

const NO_DEVICE = Buffer.alloc(0)
/**
 * Whoever holds a session has one bucket for all browsers: another cookie is no other bucket, and the owner's sign-in is
 * not held up by it.
 */
const WITHIN_SESSION = Buffer.from('session')

/** Signs people in. */
export class SignIn {
  readonly #deps: SignInDeps

  constructor(deps: SignInDeps) {
    this.#deps = deps
  }

  /**
   * Checks a password.
   *
   * @throws StoaError `sign_in_refused`, `too_many_attempts`, `person_suspended` (to whom the password is known)
   */
  async withPassword(ctx: Ctx, given: Credentials, visitor: Visitor): Promise<SignInOutcome> {
    const { attempts, db, hasher } = this.#deps
    const email = normalisedEmail(given.email) ?? given.email.trim().toLowerCase().slice(0, 254)
    const device = tokenHash(visitor.deviceToken)
    const row = await db.systemRead(ctx, (tx) => signInRow(tx, email, device ?? NO_DEVICE))
    const known = row?.deviceKnown === true ? device : null
    const attempt = { kind: 'sign-in', account: email, device: known, ip: visitor.ip, tenantId: ctx.tenant.id } as const
    const admission = await attempts.admit(attempt)
    const password = normalisedPassword(given.password)
    const { ok, stale } = await hasher.verify(password, row?.hash ?? null)
    if (row === undefined || row.hash === null || !ok) {
      if (row !== undefined) this.#refused(ctx, row.id, 'credentials', visitor)
      throw new StoaError(identityErrors.sign_in_refused)
    }
    await admission.refund()
    if (stale) await this.#rehash(ctx, row, password)
    return await this.proven(ctx, row, { amr: ['pwd'], acr: '1' }, visitor, (tx) => requireStill(tx, row))
  }

  /** Whether this is the password of somebody who is signed in. @throws StoaError `sign_in_refused`, `too_many_attempts` */
  async confirm(ctx: Ctx, person: Pick<PersonRow, 'id' | 'email'>, password: string, visitor: Visitor): Promise<void> {
    const { attempts, db, hasher } = this.#deps
    const row = await db.systemRead(ctx, (tx) => signInRow(tx, person.email, NO_DEVICE))
    const [account, device, tenantId] = [person.id, WITHIN_SESSION, ctx.tenant.id]
    const attempt = { kind: 'sign-in', account, device, ip: visitor.ip, tenantId } as const
    const admission = await attempts.admit(attempt)
    const { ok } = await hasher.verify(normalisedPassword(password), row?.hash ?? null)
    if (!ok || row?.id !== person.id) throw new StoaError(identityErrors.sign_in_refused)
    await admission.refund()
  }

  /**
   * Somebody has shown the first thing that proves who they are.
   *
   * @param still default: it holds whatever happens meanwhile
   * @throws StoaError `person_suspended`, and what `still` throws
   */
  async proven(
    ctx: Ctx,
    person: PersonRow,
    proof: Proof,
    visitor: Visitor,
    still: Still = ALWAYS,
  ): Promise<SignInOutcome> {
    if (person.suspendedAt !== null) {
      this.#refused(ctx, person.id, 'suspended', visitor)
      throw new StoaError(identityErrors.person_suspended)
    }
    const token = proof.acr === '2' ? null : await this.#deps.secondStep(ctx, person, proof, still)
    if (token !== null) return { kind: 'factor', token }
    const begun = await this.#deps.db.system(ctx, async (tx) => {
      await still(tx)
      return await this.begin(ctx, tx, person, proof, visitor)
    })
    return await begun()
  }

  /**
   * Begins a session in the caller's transaction of the system role. What is given back is called once that has
   * committed.
   *
   * @throws StoaError `person_suspended`
   */
  async begin(ctx: Ctx, tx: Tx, person: PersonRow, proof: Proof, visitor: Visitor): Promise<() => Promise<Begun>> {
    const { journal, log, mail, sessions } = this.#deps
    const own = asPerson(ctx, person.id)
    // Whoever closes the account at this moment is waited for, or waits and ends this session with the others.
    if ((await heldPerson(tx, person.id))?.suspendedAt !== null) throw new StoaError(identityErrors.person_suspended)
    const deviceToken = tokenHash(visitor.deviceToken) === null ? mintToken() : (visitor.deviceToken as string)
    const others = await deviceCount(tx, person.id)
    const newDevice = await rememberDevice(tx, person.id, hashOf(deviceToken), new Date(ctx.clock.now()))
    const { session, token } = sessions.begin(own, tx, person.id, boundAt(proof, visitor), visitor.place)
    const data = { personId: person.id, sessionId: session.id, amr: [...proof.amr], newDevice, ...visitor.place }
    journal.append(own, tx, signedIn.of(data, [`person:${person.id}`, `session:${session.id}`]))
    return async () => {
      // The first device of all is the one that the account was made with.
      if (newDevice && others > 0) {
        const { email, locale } = person
        const at = session.createdAt.toISOString()
        const input = { kind: 'new_device', email, locale, at, ...visitor.place } as const
        await mail.ask(own, input).catch((err) => log.error({ err }, 'the mail about a new device was not asked for'))
      }
      return { kind: 'session', session, token, deviceToken }
    }
  }

  /** Behind the answer, so that its time says nothing. */
  #refused(ctx: Ctx, personId: string, reason: string, visitor: Visitor): void {
    const { db, journal, log } = this.#deps
    const event = signInRefused.of({ personId, reason, ...visitor.place }, [`person:${personId}`])
    const written = async (tx: Tx) => journal.append(ctx, tx, event)
    db.transaction(ctx, written).catch((err) => log.warn({ err }, 'a refused sign-in is not in the journal'))
  }

  async #rehash(ctx: Ctx, { hash, id }: SignInRow, password: string): Promise<void> {
    const { db, hasher } = this.#deps
    const next = await hasher.hash(password)
    await db.system(ctx, (tx) => replaceHash(tx, id, hash as string, next))
  }
}

/** The password is the one that was shown. @throws StoaError `sign_in_refused` */
async function requireStill(tx: Tx, { id, setAt }: SignInRow): Promise<void> {
  await heldPerson(tx, id)
  // A statement of its own: it sees what the one before has waited for.
  const now = await passwordSetAt(tx, id)
  if (now?.getTime() !== setAt?.getTime()) throw new StoaError(identityErrors.sign_in_refused)
}

/** A proof that is shown at a host of a tenant's own counts in that tenant alone. */
export function boundAt(proof: Proof, { boundTo }: Pick<Visitor, 'boundTo'>): Proof {
  return boundTo === null ? proof : { ...proof, boundTo }
}

/** The context of what somebody does who has just proven who they are. */
export function asPerson(ctx: Ctx, personId: string): Ctx {
  return tenantCtx(ctx, ctx.tenant, { actor: { type: 'person', id: personId } })
}
