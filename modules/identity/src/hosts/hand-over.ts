/*
 * Signing in at a host of the tenant's own by the session that somebody has at the installation: browsers keep cookies by
 * host, and passkeys belong to the installation's.
 *
 *   own host       begins: a state, used once, for ten minutes, by the browser that began
 *   installation   whoever is signed in there, and is a member, says that they go on; they get a code, used once, for this state
 *   own host       state and code, in the browser that began ─▶ a session of its own, which counts in the tenant alone
 *
 * The session is as old as the proof behind it, and ends when the one at the installation would: what asks for a new proof
 * asks at the installation. Whoever signs out there before the code is used takes the code back by it. Of an arrival and
 * “sign out everywhere” at the same moment one comes first, because both lock the person: either the session has begun and
 * is ended with the others, or the one behind it is gone and there is none.
 */
import type { Database } from '@stoa/db'
import { type Ctx, StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { issueToken, peekToken, spendToken } from '../people/one-time.ts'
import { lockedPerson } from '../people/person-store.ts'
import { hashOf } from '../people/secret-token.ts'
import { type LiveSessionRow, sessionById } from '../sign-in/session-store.ts'
import { countsIn } from '../sign-in/sessions.ts'
import type { Begun, SignIn } from '../sign-in/sign-in.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import { deviceOf } from '../upstream/upstream-sign-in.ts'

/** What it stands on. */
export interface HandOverDeps {
  readonly db: Database
  readonly signIn: SignIn
}

/** What somebody begins at a host of the tenant's own. */
interface Beginning {
  /** Where they wanted to go there, checked. */
  readonly next: string | null
  /** They have to prove now who they are. */
  readonly again: boolean
}

interface KeptState extends Beginning {
  readonly tenantId: string
  /** SHA-256 of the token of the browser. */
  readonly device: string
  readonly begunMs: number
}

interface KeptCode {
  readonly tenantId: string
  /** SHA-256 of the state that it is for. */
  readonly state: string
  /** The session at the installation, by which it was given out. */
  readonly sessionId: string
}

/** Hands sign-ins over from the installation to hosts of tenants. */
export class HandOver {
  readonly #deps: HandOverDeps

  constructor(deps: HandOverDeps) {
    this.#deps = deps
  }

  /** Begins, at the host of the tenant's own. Gives the state. */
  begin(ctx: Ctx, beginning: Beginning, visitor: Visitor): Promise<string> {
    const begunMs = ctx.clock.now()
    const data: KeptState = { ...beginning, tenantId: ctx.tenant.id, device: deviceOf(visitor), begunMs }
    const input = { purpose: 'hand_over', personId: null, email: null, data: { ...data } } as const
    return this.#deps.db.system(ctx, (tx) => issueToken(tx, ctx.clock, input))
  }

  /** Whether a session will do, at the installation. @throws StoaError `link_spent` when nothing was begun */
  async admits(ctx: Ctx, state: string, session: LiveSessionRow | null): Promise<boolean> {
    const row = await this.#deps.db.systemRead(ctx, (tx) => peekToken(tx, ctx.clock, 'hand_over', state))
    const { again, begunMs, tenantId } = row.data as unknown as KeptState
    if (tenantId !== ctx.tenant.id) throw new StoaError(identityErrors.link_spent)
    return session !== null && (!again || session.authTime.getTime() >= begunMs)
  }

  /** Somebody who is signed in, and a member, goes on. Gives the code. The caller has asked {@link admits}. */
  agree(ctx: Ctx, state: string, { id: sessionId, personId }: LiveSessionRow): Promise<string> {
    const data: KeptCode = { tenantId: ctx.tenant.id, state: hashOf(state).toString('base64url'), sessionId }
    const input = { purpose: 'arrival', personId, email: null, data: { ...data } } as const
    return this.#deps.db.system(ctx, (tx) => issueToken(tx, ctx.clock, input))
  }

  /**
   * Begins the session, at the host of the tenant's own. Gives where they wanted to go, too.
   *
   * @throws StoaError `link_spent` when it was not begun in this browser, or was used, or the session at the installation has
   *   ended; `person_suspended`
   */
  async arrive(
    ctx: Ctx,
    { code, state }: { readonly code: string; readonly state: string },
    visitor: Visitor,
  ): Promise<{ readonly begun: Begun; readonly next: string | null }> {
    const { db, signIn } = this.#deps
    const { begins, next } = await db.system(ctx, async (tx) => {
      const { personId } = await peekToken(tx, ctx.clock, 'arrival', code)
      // Before anything else, as whoever takes links back does: two that wait for each other are none.
      const person = personId === null ? undefined : await lockedPerson(tx, personId)
      const kept = (await spendToken(tx, ctx.clock, 'hand_over', state)).data as unknown as KeptState
      const { data } = await spendToken(tx, ctx.clock, 'arrival', code)
      const { sessionId, state: hash, tenantId } = data as unknown as KeptCode
      const isOurs =
        [kept.tenantId, tenantId].every((id) => id === ctx.tenant.id) &&
        kept.device === deviceOf(visitor) &&
        hash === hashOf(state).toString('base64url')
      if (!isOurs || person === undefined) throw new StoaError(identityErrors.link_spent)
      if (person.suspendedAt !== null) throw new StoaError(identityErrors.person_suspended)
      const origin = await sessionById(tx, person.id, sessionId, new Date(ctx.clock.now()))
      if (origin === undefined || !countsIn(origin, ctx)) throw new StoaError(identityErrors.link_spent)
      const { acr, amr, authTime, endsAt } = origin
      const proof = { amr, acr: acr === '2' ? '2' : '1', at: authTime, endsAt } as const
      return { next: kept.next, begins: await signIn.begin(ctx, tx, person, proof, visitor) }
    })
    return { next, begun: await begins() }
  }
}
