/*
 * Programs that are members. A service account has roles, and holds API keys; a key does what its scopes allow and the
 * roles do at that moment. Whoever changes an account, or makes a key for it, holds all that it may do.
 */
import type { Database, Tx } from '@stoa/db'
import { checkScopesHeld } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import { type Ctx, newId, requirePermission, StoaError, tenantCtx } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import { grantsDropped } from '../members/member-store.ts'
import { accessErrors } from './access-errors.ts'
import { serviceAccountCreated, serviceAccountDeleted, serviceAccountUpdated } from './access-events.ts'
import { refuseOwner } from './grants.ts'
import { actorOf, type Precondition, type Roles } from './roles.ts'
import {
  type ServiceAccountRow,
  serviceAccountById,
  serviceAccountForUpdate,
  serviceAccountInserted,
  serviceAccountList,
  serviceAccountRemoved,
  serviceAccountSaved,
} from './service-account-store.ts'

/** What the verbs stand on. */
export interface ServiceAccountsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly roles: Roles
  readonly apiKeys: Columns['apiKeys']
}

/** An account as it is shown. */
export interface ServiceAccount extends Omit<ServiceAccountRow, 'roleNames'> {
  readonly roles: string[]
}

/** What a new account is. */
export interface NewServiceAccount {
  readonly name: string
  readonly description?: string | undefined
  readonly roles: readonly string[]
}

/** What may be changed of an account. What is absent stays. */
export type ServiceAccountChange = {
  readonly [key in keyof NewServiceAccount]?: NewServiceAccount[key] | undefined
} & {
  readonly disabled?: boolean | undefined
}

/** What a key of an account is. */
export interface NewKey {
  readonly name: string
  readonly scopes: readonly string[]
  readonly expiresAt: Date | null
}

/** A key with its secret. */
interface CreatedKey {
  readonly id: string
  readonly name: string
  readonly key: string
}

/** The verbs of service accounts. */
export class ServiceAccounts {
  readonly #deps: ServiceAccountsDeps

  constructor(deps: ServiceAccountsDeps) {
    this.#deps = deps
  }

  /** Accounts, the newest first. @param before accounts older than this one */
  async list(ctx: Ctx, before: string | null, limit: number): Promise<ServiceAccount[]> {
    requirePermission(ctx, 'identity:read')
    const rows = await this.#deps.db.read(ctx, (tx) => tx.many(serviceAccountList(ctx.tenant.id, before, limit)))
    return rows.map(shown)
  }

  /** @throws StoaError `service_account_not_found` */
  async get(ctx: Ctx, id: string): Promise<ServiceAccount> {
    requirePermission(ctx, 'identity:read')
    return shown(found(await this.#deps.db.read(ctx, (tx) => tx.maybe(serviceAccountById(ctx.tenant.id, id)))))
  }

  /** @throws StoaError `role_unknown`, `forbidden`, `validation_failed` */
  async create(ctx: Ctx, { description = '', name, roles }: NewServiceAccount): Promise<ServiceAccount> {
    requirePermission(ctx, 'identity:manage')
    refuseOwner(roles, '/body/roles/')
    return this.#deps.db.transaction(ctx, async (tx) => {
      await this.#deps.roles.checkGivable(ctx, tx, roles, '/body/roles/')
      const now = new Date(ctx.clock.now())
      const inserted = serviceAccountInserted(
        ...([ctx.tenant.id, newId(ctx.clock), name, description, roles, actorOf(ctx), now] as const),
      )
      const row = await tx.one(inserted)
      this.#deps.journal.append(ctx, tx, serviceAccountCreated.of(state(row), [subjectOf(row.id)]))
      return shown(row)
    })
  }

  /** @throws StoaError `service_account_not_found`, `precondition_failed`, `role_unknown`, `forbidden` */
  async update(
    ctx: Ctx,
    id: string,
    change: ServiceAccountChange,
    precondition: Precondition,
  ): Promise<ServiceAccount> {
    requirePermission(ctx, 'identity:manage')
    if (change.roles) refuseOwner(change.roles, '/body/roles/')
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = await this.#locked(ctx, tx, id)
      precondition.check(row.version)
      if (change.roles) await this.#deps.roles.checkGivable(ctx, tx, change.roles, '/body/roles/')
      const { description = row.description, disabled = row.disabledAt !== null, name = row.name } = change
      const now = new Date(ctx.clock.now())
      const disabledAt = disabled ? (row.disabledAt ?? now) : null
      const roles = change.roles ?? row.roleNames
      const saved = await tx.one(serviceAccountSaved(ctx.tenant.id, id, name, description, roles, disabledAt, now))
      this.#deps.journal.append(ctx, tx, serviceAccountUpdated.of(state(saved), [subjectOf(id)]))
      return shown(saved)
    })
  }

  /** Its keys are revoked. @throws StoaError `service_account_not_found`, `precondition_failed`, `forbidden` */
  async delete(ctx: Ctx, id: string, precondition: Precondition | null = null): Promise<void> {
    requirePermission(ctx, 'identity:manage')
    const { apiKeys, db, journal } = this.#deps
    await db.transaction(ctx, async (tx) => {
      const row = await this.#locked(ctx, tx, id)
      precondition?.check(row.version)
      await tx.run(grantsDropped(ctx.tenant.id, 'serviceAccount', id))
      await tx.run(serviceAccountRemoved(ctx.tenant.id, id))
      await apiKeys.revokeOwned(ctx, id)
      journal.append(ctx, tx, serviceAccountDeleted.of({ serviceAccountId: id }, [subjectOf(id)]))
    })
  }

  /**
   * Makes a key of an account. The secret is given out here and never again.
   *
   * @throws StoaError `service_account_not_found`, `forbidden`, `validation_failed`
   */
  async createKey(ctx: Ctx, id: string, key: NewKey): Promise<CreatedKey> {
    requirePermission(ctx, 'identity:manage')
    // By what the caller holds, before they are lent the right to make keys: it must not end up in one.
    checkScopesHeld(ctx, key.scopes)
    const { apiKeys, db } = this.#deps
    return db.transaction(ctx, async (tx) => {
      await this.#locked(ctx, tx, id)
      const permissions = new Set([...ctx.permissions, 'apiKeys:write'])
      const own = tenantCtx(ctx, ctx.tenant, { permissions, log: ctx.log })
      const { apiKey, token } = await apiKeys.create(own, { ...key, owner: { type: 'serviceAccount', id } })
      return { id: apiKey.id, name: apiKey.name, key: token }
    })
  }

  /** @throws StoaError `service_account_not_found`, `forbidden` when it may do more than the caller */
  async #locked(ctx: Ctx, tx: Tx, id: string): Promise<ServiceAccountRow> {
    const row = found(await tx.maybe(serviceAccountForUpdate(ctx.tenant.id, id)))
    await this.#deps.roles.checkGivable(ctx, tx, row.roleNames, null)
    return row
  }
}

function subjectOf(id: string): string {
  return `service_account:${id}`
}

function found(row: ServiceAccountRow | undefined): ServiceAccountRow {
  if (row === undefined) throw new StoaError(accessErrors.service_account_not_found)
  return row
}

function state({ disabledAt, id, name, roleNames, version }: ServiceAccountRow) {
  return { serviceAccountId: id, name, roleNames: [...roleNames], isDisabled: disabledAt !== null, version }
}

function shown({ roleNames, ...row }: ServiceAccountRow): ServiceAccount {
  return { ...row, roles: [...roleNames] }
}
