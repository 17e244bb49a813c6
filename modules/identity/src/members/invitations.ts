/*
 * Asking somebody to join. The link is mailed and shown to nobody else; it works once, for a while, and for whoever has
 * proven that the address is theirs: by its link in the mail, or before.
 *
 *   pending ─ accepted: a membership, the roles, the teams
 *           ─ revoked: taken back, by hand, by a newer one for the address, or because whoever asked is gone
 *           ─ expired
 *
 * It gives no more than whoever asked could give when it is used: who was suspended since, or may less, lets nobody in.
 */
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import {
  type BaseCtx,
  type Ctx,
  errors,
  isError,
  newId,
  requirePermission,
  StoaError,
  type Tenant,
  tenantCtx,
} from '@stoa/kernel'
import { accessOf } from '../access/access.ts'
import { accessErrors } from '../access/access-errors.ts'
import { invitationAccepted, invitationRevoked, invitationSent } from '../access/access-events.ts'
import { holdingsOf, type Subject } from '../access/access-store.ts'
import { answerableOf, type Roles } from '../access/roles.ts'
import { memberAdded } from '../events.ts'
import type { Locale } from '../languages/index.ts'
import { requireEmail } from '../people/email.ts'
import { hashOf, mintToken, tokenHash } from '../people/secret-token.ts'
import type { InvitationMail } from './invitation-mail.ts'
import {
  type FoundInvitation,
  type InvitationRow,
  type InvitationState,
  invitationById,
  invitationByToken,
  invitationByTokenForUpdate,
  invitationInserted,
  invitationPage,
  invitationRevokedNow,
  invitationsOfEmailRevoked,
  invitationTaken,
  joiningPerson,
} from './invitation-store.ts'
import { memberByEmail, memberInserted } from './member-store.ts'
import type { Teams } from './teams.ts'

/** What the verbs stand on. */
export interface InvitationsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly roles: Roles
  readonly teams: Teams
  /** Asks for the mail, in the transaction of the invitation. */
  readonly mail: InvitationMail
}

/** An invitation as it is shown. */
export interface Invitation
  extends Pick<InvitationRow, 'id' | 'email' | 'expiresAt' | 'acceptedBy' | 'createdBy' | 'createdAt'> {
  readonly roles: string[]
  readonly teamIds: string[]
  readonly state: InvitationState
}

/** What a new invitation is. */
export interface NewInvitation {
  readonly email: string
  readonly roles: readonly string[]
  readonly teamIds?: readonly string[] | undefined
  readonly expiresInDays?: number | undefined
  /** Of the mail. Default: that of whoever asks. */
  readonly locale?: Locale | undefined
}

const DAY_MS = 86_400_000

/** The verbs of invitations. */
export class Invitations {
  readonly #deps: InvitationsDeps

  constructor(deps: InvitationsDeps) {
    this.#deps = deps
  }

  /** Invitations, the newest first. */
  async list(
    ctx: Ctx,
    state: InvitationState | undefined,
    before: string | null,
    limit: number,
  ): Promise<Invitation[]> {
    requirePermission(ctx, 'identity:manage')
    const now = new Date(ctx.clock.now())
    const rows = await this.#deps.db.read(ctx, (tx) =>
      tx.many(invitationPage(ctx.tenant.id, state, { before, limit, now })),
    )
    return rows.map((row) => shown(row, now))
  }

  /** @throws StoaError `invitation_not_found` */
  async get(ctx: Ctx, id: string): Promise<Invitation> {
    requirePermission(ctx, 'identity:manage')
    const row = await this.#deps.db.read(ctx, (tx) => tx.maybe(invitationById(ctx.tenant.id, id)))
    if (row === undefined) throw new StoaError(accessErrors.invitation_not_found)
    return shown(row, new Date(ctx.clock.now()))
  }

  /**
   * Asks somebody to join. What was sent to the address before holds no longer.
   *
   * @throws StoaError `email_invalid`, `role_unknown`, `team_not_found`, `forbidden`, `already_member`
   */
  async create(ctx: Ctx, { expiresInDays = 7, roles, teamIds = [], ...input }: NewInvitation): Promise<Invitation> {
    requirePermission(ctx, 'identity:manage')
    const email = requireEmail(input.email)
    const { db, journal, mail, teams } = this.#deps
    return db.transaction(ctx, async (tx) => {
      await this.#deps.roles.checkGivable(ctx, tx, roles, '/body/roles/')
      await teams.checkJoinable(ctx, tx, teamIds)
      if (await tx.maybe(memberByEmail(ctx.tenant.id, email))) throw new StoaError(accessErrors.already_member)
      const now = new Date(ctx.clock.now())
      for (const { id } of await tx.many(invitationsOfEmailRevoked(ctx.tenant.id, email, now))) {
        journal.append(ctx, tx, invitationRevoked.of({ invitationId: id }, [`invitation:${id}`]))
      }
      const token = mintToken()
      const expiresAt = new Date(now.getTime() + expiresInDays * DAY_MS)
      const hash = hashOf(token)
      const inviter = answerableOf(ctx)
      const row = await tx.one(
        invitationInserted(
          ...([ctx.tenant.id, newId(ctx.clock), email, roles, teamIds, hash, expiresAt, inviter, now] as const),
        ),
      )
      const data = { invitationId: row.id, roleNames: [...roles], teamIds: [...teamIds] }
      journal.append(ctx, tx, invitationSent.of(data, [`invitation:${row.id}`]))
      await mail(ctx, tx, { email, token, locale: input.locale })
      return shown(row, now)
    })
  }

  /** Takes an invitation back. One that does not wait stays as it is. @throws StoaError `invitation_not_found` */
  async revoke(ctx: Ctx, id: string): Promise<void> {
    requirePermission(ctx, 'identity:manage')
    await this.#deps.db.transaction(ctx, async (tx) => {
      if (!(await tx.maybe(invitationById(ctx.tenant.id, id)))) throw new StoaError(accessErrors.invitation_not_found)
      const revoked = await tx.maybe(invitationRevokedNow(ctx.tenant.id, id, new Date(ctx.clock.now())))
      if (revoked) {
        this.#deps.journal.append(ctx, tx, invitationRevoked.of({ invitationId: id }, [`invitation:${id}`]))
      }
    })
  }

  /** What a link is for, without using it. @throws StoaError `invitation_spent` */
  async peek(ctx: BaseCtx, token: string): Promise<FoundInvitation> {
    const hash = tokenHash(token)
    const row = hash && (await this.#deps.db.systemRead(ctx, (tx) => tx.maybe(invitationByToken(hash))))
    return pending(row ?? undefined, new Date(ctx.clock.now()))
  }

  /**
   * A person joins the tenant of the invitation, in a transaction of the system role.
   *
   * @throws StoaError `invitation_spent`, `invitation_for_another`
   */
  async accept(
    ctx: BaseCtx,
    token: string,
    personId: string,
  ): Promise<{ readonly tenant: Tenant; readonly roles: string[] }> {
    return this.#deps.db.system(ctx, (tx) => this.acceptIn(ctx, tx, token, personId))
  }

  /** As {@link accept}, in the caller's transaction of the system role: it may have made the person. */
  async acceptIn(
    ctx: BaseCtx,
    tx: Tx,
    token: string,
    personId: string,
  ): Promise<{ readonly tenant: Tenant; readonly roles: string[] }> {
    const { journal, teams } = this.#deps
    const now = new Date(ctx.clock.now())
    const hash = tokenHash(token)
    const row = pending(hash === null ? undefined : await tx.maybe(invitationByTokenForUpdate(hash)), now)
    const person = await tx.maybe(joiningPerson(personId))
    if (person?.email !== row.email || person.emailVerifiedAt === null) {
      throw new StoaError(accessErrors.invitation_for_another)
    }
    const tenant = { id: row.tenantId, slug: row.tenantSlug, schema: row.tenantSchema }
    const own = tenantCtx(ctx, tenant, { actor: { type: 'person', id: personId } })
    await this.#requireGivable(own, tx, row)
    const roleNames = [...row.roleNames]
    const nothingElse = [null, null, null, null, null] as const
    const membership = memberInserted(tenant.id, personId, roleNames, 'active', row.createdBy, now, ...nothingElse)
    const isNew = (await tx.run(membership)) === 1
    await tx.run(invitationTaken(tenant.id, row.id, personId, now))
    if (isNew) journal.append(own, tx, memberAdded.of({ personId, roleNames }, [`person:${personId}`]))
    for (const teamId of row.teamIds) await teams.join(own, tx, teamId, [personId], 'if it is there')
    const subjects = [`invitation:${row.id}`, `person:${personId}`]
    journal.append(own, tx, invitationAccepted.of({ invitationId: row.id, personId }, subjects))
    return { tenant, roles: roleNames }
  }

  /** Passes when whoever asked may still give what it gives. @throws StoaError `invitation_spent` */
  async #requireGivable(ctx: Ctx, tx: Tx, { createdBy, roleNames, teamIds }: FoundInvitation): Promise<void> {
    const inviter = subjectOf(createdBy)
    if (inviter === null) return
    const { roles, teams } = this.#deps
    const holdings = await holdingsOf(tx, ctx.tenant.id, inviter, new Date(ctx.clock.now()))
    if (holdings === null) throw new StoaError(accessErrors.invitation_spent)
    const { permissions } = accessOf(holdings.sources, await roles.byName(ctx, tx))
    const asInviter = tenantCtx(ctx, ctx.tenant, { permissions, log: ctx.log })
    try {
      await roles.checkGivable(asInviter, tx, roleNames, null)
      await teams.checkJoinable(asInviter, tx, teamIds, 'if it is there')
    } catch (error) {
      if (!isError(error, errors.forbidden)) throw error
      throw new StoaError(accessErrors.invitation_spent, { cause: error })
    }
  }
}

/** By whose roles it was given; null: by nobody's (a key that belongs to nobody, a command). */
function subjectOf(createdBy: string): Subject | null {
  const [type, id = ''] = createdBy.split(':')
  return type === 'person' || type === 'serviceAccount' ? { type, id } : null
}

function pending(row: FoundInvitation | undefined, now: Date): FoundInvitation {
  if (row && row.acceptedAt === null && row.revokedAt === null && row.expiresAt > now) return row
  throw new StoaError(accessErrors.invitation_spent)
}

function stateOf({ acceptedAt, expiresAt, revokedAt }: InvitationRow, now: Date): InvitationState {
  if (acceptedAt !== null) return 'accepted'
  if (revokedAt !== null) return 'revoked'
  return expiresAt > now ? 'pending' : 'expired'
}

function shown(row: InvitationRow, now: Date): Invitation {
  const { acceptedBy, createdAt, createdBy, email, expiresAt, id, roleNames, teamIds } = row
  const state = stateOf(row, now)
  return { id, email, roles: [...roleNames], teamIds: [...teamIds], state, expiresAt, acceptedBy, createdBy, createdAt }
}
