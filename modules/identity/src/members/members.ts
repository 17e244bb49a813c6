/*
 * Who belongs to a tenant, and by which roles. Whoever changes somebody must hold all that they hold, and all that they
 * get: so an admin neither makes an owner nor unmakes one. There is an owner always: see `#keepsAnOwner`.
 */
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, errors, requirePermission, StoaError, tenantCtx } from '@stoa/kernel'
import { requireHeld } from '../access/access.ts'
import { accessErrors } from '../access/access-errors.ts'
import { invitationRevoked, memberChanged, memberRemoved, ownershipTransferred } from '../access/access-events.ts'
import { keptHoldingsOf } from '../access/access-store.ts'
import { OWNER } from '../access/built-in-roles.ts'
import type { Precondition, Roles } from '../access/roles.ts'
import { identityErrors } from '../errors.ts'
import { invitationsOfInviterRevoked } from './invitation-store.ts'
import {
  grantsDropped,
  type MemberFilter,
  type MemberRow,
  memberById,
  memberDropped,
  memberForUpdate,
  memberPage,
  memberSaved,
  ownersForUpdate,
} from './member-store.ts'

/** What the verbs stand on. */
export interface MembersDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly roles: Roles
  /** Revokes the keys of somebody who is gone. */
  readonly revokeKeys: (ctx: Ctx, ownerId: string) => Promise<void>
  /** Has what was given to somebody here ended, once the transaction commits: they are gone, or suspended. */
  readonly endUses: (ctx: Ctx, tx: Tx, personId: string) => void
}

/** A member as they are shown. */
export interface Member
  extends Pick<MemberRow, 'id' | 'email' | 'name' | 'status' | 'version' | 'createdBy' | 'createdAt' | 'updatedAt'> {
  readonly roles: string[]
}

/** Whose ownership becomes whose. */
interface OwnershipMove {
  readonly to: string
  /** Default: the person who does it. */
  readonly from?: string | undefined
  /** Of the member who gets it. */
  readonly precondition: Precondition | null
}

/** Why somebody goes. */
export type Departure = 'removal' | 'leave' | 'provisioning' | 'deletion'

/** The verbs of members. */
export class Members {
  readonly #deps: MembersDeps

  constructor(deps: MembersDeps) {
    this.#deps = deps
  }

  /** Members in the order in which they joined, up to the limit. */
  async list(ctx: Ctx, filter: MemberFilter): Promise<Member[]> {
    requirePermission(ctx, 'identity:read')
    const rows = await this.#deps.db.read(ctx, (tx) => tx.many(memberPage(ctx.tenant.id, filter)))
    return rows.map(shownMember)
  }

  /** @throws StoaError `member_not_found` */
  async get(ctx: Ctx, id: string): Promise<Member> {
    requirePermission(ctx, 'identity:read')
    return shownMember(found(await this.#deps.db.read(ctx, (tx) => tx.maybe(memberById(ctx.tenant.id, id)))))
  }

  /**
   * Gives a member other roles in the place of those that they have.
   *
   * @throws StoaError `member_not_found`, `precondition_failed`, `role_unknown`, `forbidden`, `last_owner`
   */
  update(ctx: Ctx, id: string, roleNames: readonly string[], precondition: Precondition): Promise<Member> {
    return this.#change(ctx, id, async (tx, row) => {
      precondition.check(row.version)
      const next = [...new Set(roleNames)]
      await this.#deps.roles.checkGivable(ctx, tx, next, '/body/roles/')
      if (!next.includes(OWNER)) await this.#keepsAnOwner(ctx, tx, row)
      return { ...row, roleNames: next }
    })
  }

  /**
   * A suspended member may do nothing in this tenant.
   *
   * @throws StoaError `member_not_found`, `precondition_failed`, `forbidden`, `last_owner`
   */
  suspend(ctx: Ctx, id: string, precondition: Precondition | null = null): Promise<Member> {
    return this.#change(ctx, id, async (tx, row) => {
      precondition?.check(row.version)
      if (row.status === 'suspended') return row
      await this.#keepsAnOwner(ctx, tx, row)
      return { ...row, status: 'suspended' }
    })
  }

  /** Ends a suspension. @throws StoaError `member_not_found`, `precondition_failed`, `forbidden` */
  restore(ctx: Ctx, id: string, precondition: Precondition | null = null): Promise<Member> {
    return this.#change(ctx, id, async (_tx, row) => {
      precondition?.check(row.version)
      return { ...row, status: 'active' }
    })
  }

  /** @throws StoaError `member_not_found`, `precondition_failed`, `forbidden`, `last_owner` */
  async remove(ctx: Ctx, id: string, precondition: Precondition | null = null): Promise<void> {
    requirePermission(ctx, 'identity:manage')
    await this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await tx.maybe(memberForUpdate(ctx.tenant.id, id)))
      precondition?.check(row.version)
      await this.checkOver(ctx, tx, row)
      await this.depart(ctx, tx, row, 'removal')
    })
  }

  /** The caller leaves. @throws StoaError `person_required`, `member_not_found`, `last_owner` */
  async leave(ctx: Ctx): Promise<void> {
    const id = personOf(ctx)
    await this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await tx.maybe(memberForUpdate(ctx.tenant.id, id)))
      await this.depart(ctx, tx, row, 'leave')
    })
  }

  /**
   * Makes a member an owner in the place of another one, who is an admin then.
   *
   * @throws StoaError `member_not_found`, `precondition_failed`, `forbidden`, `person_required`
   */
  async transferOwnership(ctx: Ctx, { from = personOf(ctx), precondition, to }: OwnershipMove): Promise<Member> {
    requirePermission(ctx, 'identity:own')
    requireHeld(ctx, ['*'], 'An owner holds')
    const { db, journal } = this.#deps
    return db.transaction(ctx, async (tx) => {
      await tx.many(ownersForUpdate(ctx.tenant.id))
      const giver = found(await tx.maybe(memberForUpdate(ctx.tenant.id, from)))
      const taker = found(await tx.maybe(memberForUpdate(ctx.tenant.id, to)))
      precondition?.check(taker.version)
      if (!giver.roleNames.includes(OWNER)) throw new StoaError(accessErrors.member_not_found)
      if (taker.status !== 'active') throw new StoaError(errors.conflict, { message: 'This member is suspended.' })
      if (taker.id === giver.id) return shownMember(taker)
      const left = giver.roleNames.filter((role) => role !== OWNER)
      this.save(ctx, tx, { ...giver, roleNames: left.includes('admin') ? left : [...left, 'admin'] })
      const given = taker.roleNames.includes(OWNER) ? taker.roleNames : [...taker.roleNames, OWNER]
      const next = this.save(ctx, tx, { ...taker, roleNames: given })
      const subjects = [`person:${to}`, `person:${from}`]
      journal.append(ctx, tx, ownershipTransferred.of({ to, from }, subjects))
      return shownMember(next)
    })
  }

  /**
   * Passes when the caller holds all that the member holds in the whole tenant, or would if they were not suspended.
   *
   * @throws StoaError `forbidden`
   */
  async checkOver(ctx: Ctx, tx: Tx, { id, roleNames }: Pick<MemberRow, 'id' | 'roleNames'>): Promise<void> {
    const now = new Date(ctx.clock.now())
    const holdings = await keptHoldingsOf(tx, ctx.tenant.id, { type: 'person', id }, now)
    const more = holdings?.sources.flatMap(({ resource, role }) => (resource === null ? [role] : [])) ?? []
    await this.#deps.roles.checkGivable(ctx, tx, [...new Set([...roleNames, ...more])], null)
  }

  /** Ends a membership, with what came by it, in the caller's transaction. @throws StoaError `last_owner` */
  async depart(ctx: Ctx, tx: Tx, row: MemberRow, by: Departure): Promise<void> {
    await this.#keepsAnOwner(ctx, tx, row)
    await tx.run(grantsDropped(ctx.tenant.id, 'person', row.id))
    await tx.run(memberDropped(ctx.tenant.id, row.id))
    const now = new Date(ctx.clock.now())
    for (const { id } of await tx.many(invitationsOfInviterRevoked(ctx.tenant.id, `person:${row.id}`, now))) {
      this.#deps.journal.append(ctx, tx, invitationRevoked.of({ invitationId: id }, [`invitation:${id}`]))
    }
    await this.#deps.revokeKeys(tenantCtx(ctx, ctx.tenant, { permissions: new Set(['*']), log: ctx.log }), row.id)
    this.#deps.journal.append(ctx, tx, memberRemoved.of({ personId: row.id, by }, [`person:${row.id}`]))
    this.#deps.endUses(ctx, tx, row.id)
  }

  /** Writes a membership that is locked, in the caller's transaction. Who is suspended has nothing left that was given. */
  save(ctx: Ctx, tx: Tx, next: MemberRow): MemberRow {
    const row = { ...next, version: next.version + 1, updatedAt: new Date(ctx.clock.now()) }
    const { displayName, externalId, familyName, givenName, id, roleNames, status, userName, version } = row
    const names = [displayName, givenName, familyName] as const
    tx.later(memberSaved(ctx.tenant.id, id, roleNames, status, externalId, userName, ...names, version, row.updatedAt))
    const data = { personId: id, roleNames: [...roleNames], status, version }
    this.#deps.journal.append(ctx, tx, memberChanged.of(data, [`person:${id}`]))
    if (status === 'suspended') this.#deps.endUses(ctx, tx, id)
    return row
  }

  /** @throws StoaError `last_owner` when this member is the only owner who can act */
  async keepsAnOwner(ctx: Ctx, tx: Tx, row: MemberRow): Promise<void> {
    await this.#keepsAnOwner(ctx, tx, row)
  }

  async #keepsAnOwner(ctx: Ctx, tx: Tx, { id, roleNames }: MemberRow): Promise<void> {
    if (!roleNames.includes(OWNER)) return
    const owners = await tx.many(ownersForUpdate(ctx.tenant.id))
    if (owners.length > 0 && owners.every((owner) => owner.id === id)) throw new StoaError(accessErrors.last_owner)
  }

  async #change(ctx: Ctx, id: string, next: (tx: Tx, row: MemberRow) => Promise<MemberRow>): Promise<Member> {
    requirePermission(ctx, 'identity:manage')
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await tx.maybe(memberForUpdate(ctx.tenant.id, id)))
      await this.checkOver(ctx, tx, row)
      const asked = await next(tx, row)
      const isSame = asked.status === row.status && asked.roleNames.join() === row.roleNames.join()
      return shownMember(isSame ? row : this.save(ctx, tx, asked))
    })
  }
}

/** The person who asks: signed in, or by a key of theirs. @throws StoaError `person_required` */
function personOf({ actor, owner = actor }: Pick<Ctx, 'actor' | 'owner'>): string {
  if (owner.type === 'person') return owner.id
  throw new StoaError(identityErrors.person_required)
}

function found(row: MemberRow | undefined): MemberRow {
  if (row === undefined) throw new StoaError(accessErrors.member_not_found)
  return row
}

/** A member as they are shown. */
export function shownMember({
  createdAt,
  createdBy,
  email,
  id,
  name,
  roleNames,
  status,
  updatedAt,
  version,
}: MemberRow): Member {
  return { id, email, name, roles: [...roleNames], status, version, createdBy, createdAt, updatedAt }
}
