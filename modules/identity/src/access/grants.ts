/*
 * Roles beside those of a membership: for a person, a team or a service account, in the whole tenant or on one thing,
 * for ever or for a while. Who owns the tenant is said by memberships alone, so nobody is granted that.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, errors, newId, type Resource, requirePermission, StoaError } from '@stoa/kernel'
import { accessErrors } from './access-errors.ts'
import { grantAdded, grantRemoved } from './access-events.ts'
import { OWNER } from './built-in-roles.ts'
import {
  endedGrantsDropped,
  type GrantFilter,
  type GrantRow,
  type GrantSubject,
  grantById,
  grantDeleted,
  grantInserted,
  grantPage,
  subjectExists,
} from './grant-store.ts'
import { actorOf, type Roles } from './roles.ts'

/** What the verbs stand on. */
export interface GrantsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly roles: Roles
}

/** A grant as it is shown. */
export interface Grant extends Pick<GrantRow, 'id' | 'expiresAt' | 'createdBy' | 'createdAt'> {
  readonly subject: { readonly type: GrantSubject; readonly id: string }
  readonly role: string
  readonly resource: Resource | null
}

/** What a new grant is. */
export interface NewGrant extends Pick<Grant, 'subject' | 'role'> {
  readonly resource?: Resource | null | undefined
  readonly expiresAt?: Date | null | undefined
}

const MISSING: Readonly<Record<GrantSubject, StoaErrorSpec>> = {
  person: accessErrors.member_not_found,
  team: accessErrors.team_not_found,
  serviceAccount: accessErrors.service_account_not_found,
}
type StoaErrorSpec = ConstructorParameters<typeof StoaError>[0]

/** The verbs of grants. */
export class Grants {
  readonly #deps: GrantsDeps

  constructor(deps: GrantsDeps) {
    this.#deps = deps
  }

  /** Grants that have not ended, the newest first. */
  async list(ctx: Ctx, filter: GrantFilter): Promise<Grant[]> {
    requirePermission(ctx, 'identity:read')
    const now = new Date(ctx.clock.now())
    const rows = await this.#deps.db.read(ctx, (tx) => tx.many(grantPage(ctx.tenant.id, filter, now)))
    return rows.map(shown)
  }

  /**
   * Gives somebody a role.
   *
   * @throws StoaError `role_unknown`, `forbidden`, `member_not_found`, `team_not_found`, `service_account_not_found`,
   * `grant_exists`, `validation_failed`
   */
  async create(ctx: Ctx, { expiresAt = null, resource = null, role, subject }: NewGrant): Promise<Grant> {
    requirePermission(ctx, 'identity:manage')
    const now = new Date(ctx.clock.now())
    if (expiresAt !== null && expiresAt <= now) {
      throw new StoaError(errors.validation_failed, {
        fields: [{ pointer: '/body/expiresAt', code: 'too_early', message: 'must be in the future' }],
      })
    }
    refuseOwner([role], '/body/role')
    return this.#deps.db.transaction(ctx, async (tx) => {
      await this.#deps.roles.checkGivable(ctx, tx, [role], '/body/role')
      const { id: subjectId, type } = subject
      const there = await tx.maybe(subjectExists[type](ctx.tenant.id, subjectId))
      if (there === undefined) throw new StoaError(MISSING[type])
      tx.later(endedGrantsDropped(ctx.tenant.id, subjectId, now))
      const [kind, id] = resource === null ? [null, null] : [resource.kind, resource.id]
      const row = await tx.maybe(
        grantInserted(ctx.tenant.id, newId(ctx.clock), type, subjectId, role, kind, id, expiresAt, actorOf(ctx), now),
      )
      if (row === undefined) throw new StoaError(accessErrors.grant_exists)
      this.#deps.journal.append(ctx, tx, grantAdded.of(state(row), subjectsOf(row)))
      return shown(row)
    })
  }

  /** Takes a grant back. @throws StoaError `grant_not_found`, `forbidden` */
  async remove(ctx: Ctx, id: string): Promise<void> {
    requirePermission(ctx, 'identity:manage')
    await this.#deps.db.transaction(ctx, async (tx) => {
      const row = await tx.maybe(grantById(ctx.tenant.id, id))
      if (row === undefined) throw new StoaError(accessErrors.grant_not_found)
      await this.#deps.roles.checkGivable(ctx, tx, [row.roleName], null)
      const gone = await tx.maybe(grantDeleted(ctx.tenant.id, id))
      if (gone) this.#deps.journal.append(ctx, tx, grantRemoved.of(state(row), subjectsOf(row)))
    })
  }
}

/** Owners are members. @param pointer where the roles stand in the request @throws StoaError `validation_failed` */
export function refuseOwner(names: readonly string[], pointer: string): void {
  const index = names.indexOf(OWNER)
  if (index < 0) return
  const at = pointer.endsWith('/') ? `${pointer}${index}` : pointer
  throw new StoaError(errors.validation_failed, {
    fields: [
      { pointer: at, code: 'not_allowed', message: 'is for members alone: who owns an organisation is a person' },
    ],
  })
}

function resourceOf({ resourceId, resourceKind }: GrantRow): Resource | null {
  return resourceKind === null || resourceId === null ? null : { kind: resourceKind, id: resourceId }
}

function state(row: GrantRow) {
  const { expiresAt, id, roleName, subjectId, subjectType } = row
  const ends = expiresAt?.toISOString() ?? null
  return { grantId: id, subjectType, subjectId, roleName, resource: resourceOf(row), expiresAt: ends }
}

function subjectsOf({ id, subjectId, subjectType }: GrantRow): string[] {
  return [`grant:${id}`, `${subjectType === 'serviceAccount' ? 'service_account' : subjectType}:${subjectId}`]
}

function shown(row: GrantRow): Grant {
  const { createdAt, createdBy, expiresAt, id, roleName, subjectId, subjectType } = row
  const subject = { type: subjectType, id: subjectId }
  return { id, subject, role: roleName, resource: resourceOf(row), expiresAt, createdBy, createdAt }
}
