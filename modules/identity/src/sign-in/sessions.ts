/*
 * Who is signed in, where. A session is the installation's, as people are: somebody signs in once and is known to every
 * tenant that they belong to.
 *
 *   begins   with a new token each time somebody proves who they are, so a token that was planted before is worth nothing
 *   lives    while it is used (`idleSeconds`), and until `endsAt` at the most; noting the use costs a write a minute
 *   ends     by its owner, by a new password, or by its time. Whoever holds something of it is told in the transaction
 *            itself by `onEnded`, and in the journal; but for its time, which is no tenant's: that is seen by looking
 */
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type BaseCtx, type Ctx, isId, newId, type Place, StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { sessionEnded } from '../events.ts'
import { lockedPerson } from '../people/person-store.ts'
import { hashOf, mintToken, tokenHash } from '../people/secret-token.ts'
import {
  addSession,
  type LiveSessionRow,
  lookAtSessions,
  nameSession,
  removeOverdue,
  removeSessions,
  renewSession,
  type SessionRow,
  sessionByToken,
  sessionIsOwn,
  sessionsOf,
  touchSession,
} from './session-store.ts'

/** What sessions stand on. */
export interface SessionsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly idleMinutes: number
  readonly days: number
}

/** Why a session was ended. */
export type EndReason = 'signed_out' | 'ended' | 'password' | 'suspended' | 'replaced' | 'deleted'

/** Told of sessions that end, in the transaction (of the system role) that ends them. */
export type OnEnded = (ctx: BaseCtx, tx: Tx, sessionIds: readonly string[]) => Promise<void> | void

/** Told of people who sign out of everything, in the transaction (of the system role) in which they do. */
export type OnLeft = (ctx: Ctx, tx: Tx, personId: string) => Promise<void> | void

/** How somebody has proven who they are. */
export interface Proof {
  /** RFC 8176: `pwd`, `otp`, `hwk`, `mfa` … */
  readonly amr: readonly string[]
  /** `1`: one factor; `2`: two, or one that is worth two. */
  readonly acr: '1' | '2'
  /** The tenant whose provider vouches for it, or at whose host it was shown. Absent: it is the person's own. */
  readonly boundTo?: string
  /** When. Absent: now. */
  readonly at?: Date
  /** What is begun by it ends by then. Absent: after the time of a session. */
  readonly endsAt?: Date
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** How often it is noted that a session is used, in milliseconds. */
export const TOUCH_MS = MINUTE_MS
/** Sessions per transaction, so that none of them takes long. */
const BATCH = 500

/** The sessions of people. */
export class Sessions {
  readonly #deps: SessionsDeps
  readonly #onEnded: OnEnded[] = []
  readonly #onLeft: OnLeft[] = []

  constructor(deps: SessionsDeps) {
    this.#deps = deps
  }

  /** Calls `listener` for sessions that are ended from now on. */
  onEnded(listener: OnEnded): void {
    this.#onEnded.push(listener)
  }

  /** Calls `listener` for people who sign out of everything from now on. */
  onLeft(listener: OnLeft): void {
    this.#onLeft.push(listener)
  }

  /** Begins one, in the caller's transaction of the system role. The token is given out here and never again. */
  begin(ctx: BaseCtx, tx: Tx, personId: string, proof: Proof, place: Place): { session: SessionRow; token: string } {
    const { days, idleMinutes } = this.#deps
    const now = ctx.clock.now()
    const at = new Date(now)
    const token = mintToken()
    const endsMs = Math.min(now + days * DAY_MS, proof.endsAt?.getTime() ?? Number.POSITIVE_INFINITY)
    const session: SessionRow = {
      ...{ id: newId(ctx.clock), personId, name: null, ...place, amr: proof.amr, acr: proof.acr },
      boundTenantId: proof.boundTo ?? null,
      ...{ authTime: proof.at ?? at, idleSeconds: idleMinutes * 60, endsAt: new Date(endsMs) },
      ...{ seenAt: at, createdAt: at },
    }
    addSession(tx, hashOf(token), session)
    return { session, token }
  }

  /** Goes on with one under another token, after a new proof by the person's own means. The token is given out here and never again. */
  async renew(ctx: BaseCtx, id: string, { acr, amr, boundTo }: Proof): Promise<string> {
    const token = mintToken()
    const renewed = (tx: Tx) =>
      renewSession(tx, id, hashOf(token), amr, acr, new Date(ctx.clock.now()), boundTo ?? null)
    if (await this.#deps.db.system(ctx, renewed)) return token
    throw new StoaError(identityErrors.session_not_found)
  }

  /** The session of a token, or null. Notes that it is used. */
  async find(ctx: BaseCtx, token: string | null): Promise<LiveSessionRow | null> {
    const hash = tokenHash(token)
    if (hash === null) return null
    const { db } = this.#deps
    const now = new Date(ctx.clock.now())
    const session = await db.systemRead(ctx, (tx) => sessionByToken(tx, hash, now))
    if (session === undefined) return null
    if (now.getTime() - session.seenAt.getTime() >= TOUCH_MS) {
      await db.system(ctx, (tx) => touchSession(tx, session.id, now))
    }
    return session
  }

  /** The session of a token as far as it counts in the tenant, or null. */
  async findIn(ctx: Ctx, token: string | null): Promise<LiveSessionRow | null> {
    const session = await this.find(ctx, token)
    return session !== null && countsIn(session, ctx) ? session : null
  }

  /** The sessions of a person, the one used last first. */
  list(ctx: BaseCtx, personId: string): Promise<SessionRow[]> {
    return this.#deps.db.systemRead(ctx, (tx) => sessionsOf(tx, personId, new Date(ctx.clock.now())))
  }

  /**
   * Who asks about what is theirs in all organisations, by a sign-in of their own: what is good in one organisation (a key,
   * what a provider of it vouches for) neither sees nor ends what is of others. null: a program.
   *
   * @throws StoaError `own_session_required`
   */
  async ownerOf(ctx: Ctx): Promise<string | null> {
    const { actor, owner = actor, proof } = ctx
    if (owner.type !== 'person') return null
    const now = new Date(ctx.clock.now())
    const isOwn =
      actor.type === 'person' &&
      proof !== undefined &&
      (await this.#deps.db.systemRead(ctx, (tx) => sessionIsOwn(tx, proof.sessionId, actor.id, now)))
    if (!isOwn) throw new StoaError(identityErrors.own_session_required)
    return actor.id
  }

  /** Names one of a person's. @throws StoaError `session_not_found` */
  async name(ctx: BaseCtx, personId: string, id: string, name: string | null): Promise<SessionRow> {
    const now = new Date(ctx.clock.now())
    const named = isId(id) && (await this.#deps.db.system(ctx, (tx) => nameSession(tx, personId, id, name, now)))
    if (!named) throw new StoaError(identityErrors.session_not_found)
    return named
  }

  /** Ends one of a person's. @throws StoaError `session_not_found` */
  async end(ctx: Ctx, personId: string, id: string, reason: EndReason): Promise<void> {
    const known = isId(id)
    const ended =
      known && (await this.#deps.db.system(ctx, (tx) => this.endIn(ctx, tx, personId, { only: id }, reason)))
    if (!ended) throw new StoaError(identityErrors.session_not_found)
  }

  /** Ends one of a person's, if it is still there. */
  async endQuietly(ctx: Ctx, personId: string, id: string, reason: EndReason): Promise<void> {
    await this.#deps.db.system(ctx, (tx) => this.endIn(ctx, tx, personId, { only: id }, reason))
  }

  /** Ends all of a person's, but one if it is named. Gives how many there were. */
  endAll(ctx: Ctx, personId: string, except: string | null, reason: EndReason): Promise<number> {
    return this.#deps.db.system(ctx, (tx) => this.endIn(ctx, tx, personId, { except }, reason))
  }

  /** Ends a person's sessions but one, and what applications were given for when they are away. As {@link endIn}. */
  async leaveIn(ctx: Ctx, tx: Tx, personId: string, except: string | null, reason: EndReason): Promise<void> {
    await this.endIn(ctx, tx, personId, { except }, reason)
    for (const listener of this.#onLeft) await listener(ctx, tx, personId)
  }

  /** Ends those whose time is over, with all that was given out for them. */
  async endOverdue(ctx: BaseCtx): Promise<void> {
    const { db } = this.#deps
    for (let isFull = true; isFull; ) {
      const now = new Date(ctx.clock.now())
      const looked = await db.system(ctx, (tx) => lookAtSessions(tx, now, BATCH))
      const removed = await db.system(ctx, async (tx) => {
        const found = await removeOverdue(tx, now, looked.idleIds, BATCH)
        if (found.ids.length > 0) for (const listener of this.#onEnded) await listener(ctx, tx, found.ids)
        return found
      })
      isFull = looked.isFull || removed.isFull
    }
  }

  /**
   * Ends sessions in the caller's transaction of the system role: one, or all but one. Gives how many there were. One that
   * begins by another session meanwhile (see hand-over.ts) is among all of them, or does not begin.
   */
  async endIn(
    ctx: Ctx,
    tx: Tx,
    personId: string,
    which: Parameters<typeof removeSessions>[2],
    reason: EndReason,
  ): Promise<number> {
    if ('except' in which) await lockedPerson(tx, personId)
    const ids = await removeSessions(tx, personId, which)
    for (const sessionId of ids) {
      const subjects = [`session:${sessionId}`, `person:${personId}`]
      this.#deps.journal.append(ctx, tx, sessionEnded.of({ personId, sessionId, reason }, subjects))
    }
    if (ids.length > 0) for (const listener of this.#onEnded) await listener(ctx, tx, ids)
    return ids.length
  }
}

/** Whether a session counts in a tenant: one that a tenant's provider vouches for, or that was begun at a host of the tenant's, counts in that one alone. */
export function countsIn({ boundTenantId }: { readonly boundTenantId: string | null }, { tenant }: Ctx): boolean {
  return boundTenantId === null || boundTenantId === tenant.id
}
