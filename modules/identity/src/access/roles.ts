/*
 * The roles of a tenant: the built-in ones, and its own. Nobody makes a role that may more than they do, nobody changes
 * one that may more, and nobody gives one that may more.
 */
import type { Database, Tx } from '@stoa/db'
import { checkScopesExist } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import { type Ctx, didYouMean, type FieldError, requirePermission, StoaError } from '@stoa/kernel'
import { type Roles as RolesByName, requireHeld } from './access.ts'
import { accessErrors } from './access-errors.ts'
import { roleCreated, roleDeleted, roleUpdated } from './access-events.ts'
import { customRoles } from './access-store.ts'
import type { BuiltInRole } from './built-in-roles.ts'
import { rolesOf } from './permissions-of.ts'
import {
  type RoleRow,
  roleAdded,
  roleByName,
  roleChanged,
  roleCount,
  roleForUpdate,
  roleList,
  roleRemoved,
  roleUses,
} from './role-store.ts'

/** What the verbs stand on. */
export interface RolesDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly builtIn: ReadonlyMap<string, BuiltInRole>
  /** Every permission of the installation. */
  readonly permissions: readonly string[]
}

/** A role as it is shown. Built-in ones have no version, and no times. */
export interface Role extends Pick<RoleRow, 'name' | 'title' | 'description'> {
  readonly isBuiltIn: boolean
  readonly permissions: string[]
  readonly version: number
  readonly createdAt: Date | null
  readonly updatedAt: Date | null
}

/** What a new role is. */
export interface NewRole {
  readonly name: string
  readonly title: string
  readonly description?: string | undefined
  readonly permissions: readonly string[]
}

/** What may be changed of a role. What is absent stays. */
export type RoleChange = { readonly [key in Exclude<keyof NewRole, 'name'>]?: NewRole[key] | undefined }

/** Throws `precondition_failed` when the version is not one that the caller has seen. */
export interface Precondition {
  check(version: number): void
}

const MAX_ROLES = 1_000

/** The verbs of roles. */
export class Roles {
  readonly #deps: RolesDeps

  constructor(deps: RolesDeps) {
    this.#deps = deps
  }

  /** All roles: the built-in ones first. */
  async list(ctx: Ctx): Promise<Role[]> {
    requirePermission(ctx, 'identity:read')
    const own = await this.#deps.db.read(ctx, (tx) => tx.many(roleList(ctx.tenant.id)))
    return [...[...this.#deps.builtIn.values()].map(shownBuiltIn), ...own.map(shown)]
  }

  /** @throws StoaError `role_not_found` */
  async get(ctx: Ctx, name: string): Promise<Role> {
    requirePermission(ctx, 'identity:read')
    const builtIn = this.#deps.builtIn.get(name)
    if (builtIn) return shownBuiltIn(builtIn)
    return shown(found(await this.#deps.db.read(ctx, (tx) => tx.maybe(roleByName(ctx.tenant.id, name)))))
  }

  /**
   * Makes a role of the tenant's own.
   *
   * @throws StoaError `forbidden` when a permission is more than the caller holds; `validation_failed` when one does not
   * exist; `role_exists`, `too_many_roles`
   */
  async create(ctx: Ctx, input: NewRole): Promise<Role> {
    requirePermission(ctx, 'identity:manage')
    const { description = '', name, title } = input
    const permissions = this.#checked(ctx, input.permissions)
    if (this.#deps.builtIn.has(name)) throw new StoaError(accessErrors.role_exists)
    return this.#deps.db.transaction(ctx, async (tx) => {
      const now = new Date(ctx.clock.now())
      const row = await tx.maybe(roleAdded(ctx.tenant.id, name, title, description, permissions, actorOf(ctx), now))
      if (row === undefined) throw new StoaError(accessErrors.role_exists)
      if ((await tx.one(roleCount(ctx.tenant.id))).count > MAX_ROLES) throw new StoaError(accessErrors.too_many_roles)
      this.#deps.journal.append(ctx, tx, roleCreated.of(state(row), [`role:${name}`]))
      return shown(row)
    })
  }

  /**
   * Changes a role, for everybody who has it. Whoever does it must hold all that it allowed and all that it allows then.
   *
   * @throws StoaError `role_not_found`, `role_built_in`, `precondition_failed`, `forbidden`, `validation_failed`
   */
  async update(ctx: Ctx, name: string, change: RoleChange, precondition: Precondition): Promise<Role> {
    requirePermission(ctx, 'identity:manage')
    const asked = change.permissions && this.#checked(ctx, change.permissions)
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = await this.#locked(ctx, tx, name)
      precondition.check(row.version)
      requireHeld(ctx, row.permissions, 'This role allows')
      const { description = row.description, title = row.title } = change
      const now = new Date(ctx.clock.now())
      const changed = await tx.one(roleChanged(ctx.tenant.id, name, title, description, asked ?? row.permissions, now))
      this.#deps.journal.append(ctx, tx, roleUpdated.of(state(changed), [`role:${name}`]))
      return shown(changed)
    })
  }

  /**
   * Deletes a role that nobody has.
   *
   * @throws StoaError `role_not_found`, `role_built_in`, `precondition_failed`, `role_in_use`, `forbidden`
   */
  async delete(ctx: Ctx, name: string, precondition: Precondition | null = null): Promise<void> {
    requirePermission(ctx, 'identity:manage')
    await this.#deps.db.transaction(ctx, async (tx) => {
      const row = await this.#locked(ctx, tx, name)
      precondition?.check(row.version)
      requireHeld(ctx, row.permissions, 'This role allows')
      const { count } = await tx.one(roleUses(ctx.tenant.id, name, new Date(ctx.clock.now())))
      if (count > 0) throw new StoaError(accessErrors.role_in_use)
      await tx.run(roleRemoved(ctx.tenant.id, name))
      this.#deps.journal.append(ctx, tx, roleDeleted.of({ name }, [`role:${name}`]))
    })
  }

  /** All roles of the tenant as decisions are made of them. */
  async byName(ctx: Ctx, tx: Tx): Promise<RolesByName> {
    return rolesOf(this.#deps.builtIn, await customRoles(tx, ctx.tenant.id))
  }

  /**
   * Passes when the roles exist, and the caller holds all that they allow: then they may give them, or take them.
   *
   * @param pointer where the roles stand in the request; null when the caller did not name them
   * @throws StoaError `role_unknown`, `forbidden`
   */
  async checkGivable(ctx: Ctx, tx: Tx, names: readonly string[], pointer: string | null): Promise<void> {
    const roles = await this.byName(ctx, tx)
    const fields = names.flatMap((name, index): FieldError[] => {
      if (roles.has(name) || pointer === null) return []
      const message = `there is no role '${name}'${didYouMean(name, [...roles.keys()])}`
      return [{ pointer: pointer.endsWith('/') ? `${pointer}${index}` : pointer, code: 'unknown_role', message }]
    })
    if (fields.length > 0) throw new StoaError(accessErrors.role_unknown, { fields })
    for (const name of names) requireHeld(ctx, roles.get(name)?.permissions ?? [], `The role '${name}' allows`)
  }

  #checked(ctx: Ctx, permissions: readonly string[]): string[] {
    checkScopesExist(permissions, this.#deps.permissions, '/body/permissions')
    requireHeld(ctx, permissions, 'A role cannot be given')
    return [...permissions]
  }

  async #locked(ctx: Ctx, tx: Tx, name: string): Promise<RoleRow> {
    if (this.#deps.builtIn.has(name)) throw new StoaError(accessErrors.role_built_in)
    return found(await tx.maybe(roleForUpdate(ctx.tenant.id, name)))
  }
}

/** Kind and id of who does something. */
export function actorOf({ actor }: Pick<Ctx, 'actor'>): string {
  return `${actor.type}:${actor.id}`
}

/** Kind and id of who answers for it: whose key it is done by, or who does it. */
export function answerableOf({ actor, owner = actor }: Pick<Ctx, 'actor' | 'owner'>): string {
  return actorOf({ actor: owner })
}

function found(row: RoleRow | undefined): RoleRow {
  if (row === undefined) throw new StoaError(accessErrors.role_not_found)
  return row
}

function state({ name, permissions, title, version }: RoleRow) {
  return { name, title, permissions: [...permissions], version }
}

function shown({ createdAt, description, name, permissions, title, updatedAt, version }: RoleRow): Role {
  return { name, title, description, isBuiltIn: false, permissions: [...permissions], version, createdAt, updatedAt }
}

function shownBuiltIn({ description, name, permissions, title }: BuiltInRole): Role {
  return {
    ...{ name, title, description, isBuiltIn: true },
    permissions: [...permissions].sort(),
    ...{ version: 1, createdAt: null, updatedAt: null },
  }
}
