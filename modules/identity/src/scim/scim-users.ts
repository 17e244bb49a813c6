/* Users of SCIM are the members of a tenant. Every rule of members holds; see `directory.ts` for what directories may. */
import { isDeepStrictEqual } from 'node:util'
import { type Database, isUniqueViolation, type Tx } from '@stoa/db'
import { type Ctx, errors, hasPermission, isError, StoaError } from '@stoa/kernel'
import { accessErrors } from '../access/access-errors.ts'
import { OWNER } from '../access/built-in-roles.ts'
import type { Precondition, Roles } from '../access/roles.ts'
import { identityErrors } from '../errors.ts'
import { memberForUpdate } from '../members/member-store.ts'
import type { Members } from '../members/members.ts'
import type { Provisioning } from '../members/provisioning.ts'
import {
  type ActAsDirectory,
  FIRST_ROLES,
  fitting,
  foundPage,
  MAX_SEARCHED,
  PROVISION,
  type ScimQuery,
} from './directory.ts'
import { parseFilter, requiredValue } from './filter.ts'
import { patched, type Resource } from './patch.ts'
import { listOf, USER_ATTRIBUTES, userOf, versionOf, type WantedUser, wantedUser } from './resources.ts'
import { scimErrors } from './scim-errors.ts'
import { type ScimMemberKeys, type ScimMemberRow, scimMemberCount, scimMembers } from './scim-store.ts'

/** What the verbs stand on. */
export interface ScimUsersDeps {
  readonly db: Database
  readonly members: Members
  readonly provisioning: Provisioning
  readonly roles: Roles
  readonly actAsDirectory: ActAsDirectory
  readonly publicUrl: () => string
}

/** The verbs of users. */
export class ScimUsers {
  readonly #deps: ScimUsersDeps

  constructor(deps: ScimUsersDeps) {
    this.#deps = deps
  }

  /** @throws StoaError `scim_filter_invalid`, `scim_too_many` */
  async list(given: Ctx, query: ScimQuery): Promise<Resource> {
    const ctx = this.#deps.actAsDirectory(given)
    const { count, filter, startIndex } = query
    const { id: tenantId } = ctx.tenant
    if (filter !== undefined) {
      const found = await this.#search(ctx, filter)
      const page = foundPage(found, query).map((row) => this.#shown(row))
      return listOf(page, found.length, startIndex)
    }
    const [rows, all] = await this.#deps.db.read(ctx, (tx) =>
      Promise.all([tx.many(scimMembers(tenantId, {}, startIndex - 1, count)), tx.one(scimMemberCount(tenantId, {}))]),
    )
    return listOf(
      rows.map((row) => this.#shown(row)),
      all.count,
      startIndex,
    )
  }

  async #search(ctx: Ctx, filter: string): Promise<ScimMemberRow[]> {
    const tree = parseFilter(filter)
    const wanted = (path: string) => requiredValue(tree, path)
    const keys: ScimMemberKeys = {
      ...{ id: wanted('id'), userName: wanted('username'), externalId: wanted('externalid') },
      email: wanted('emails.value') ?? wanted('emails'),
    }
    const rows = await this.#deps.db.read(ctx, (tx) => tx.many(scimMembers(ctx.tenant.id, keys, 0, MAX_SEARCHED + 1)))
    return fitting(rows, tree, (row) => this.#shown(row))
  }

  /** @throws StoaError `member_not_found` */
  async get(given: Ctx, id: string): Promise<Resource> {
    const ctx = this.#deps.actAsDirectory(given)
    return this.#shown(await this.#deps.db.read(ctx, (tx) => this.#row(ctx, tx, id)))
  }

  /** Not inside of a transaction. @throws StoaError `scim_value_invalid`, `scim_not_unique`, `already_member`, `forbidden` */
  async create(given: Ctx, body: Resource): Promise<Resource> {
    const { actAsDirectory, db, provisioning } = this.#deps
    const ctx = actAsDirectory(given)
    const { active, emails, names, roles = FIRST_ROLES, ...wanted } = wantedUser(body)
    const [email = wanted.userName] = emails
    await db.read(ctx, (tx) => this.#checkFree(ctx, tx, wanted.userName, null))
    const status = active ? 'active' : 'suspended'
    const name = names.find((one) => one !== undefined) ?? wanted.userName
    const person = { ...wanted, email, name, roles, status } as const
    const { id } = await inScim(provisioning.add(ctx, person, PROVISION))
    return this.get(given, id)
  }

  /**
   * Sets all that is said of a user; roles only when some are.
   *
   * @throws StoaError `member_not_found`, `precondition_failed`, `forbidden`, `last_owner`, `scim_…`
   */
  replace(ctx: Ctx, id: string, body: Resource, precondition: Precondition | null): Promise<Resource> {
    return this.#change(ctx, id, precondition, () => wantedUser(body))
  }

  /** As {@link replace}; whoever loses all roles is a member. */
  patch(ctx: Ctx, id: string, body: unknown, precondition: Precondition | null): Promise<Resource> {
    return this.#change(ctx, id, precondition, (now) => {
      const wanted = wantedUser(patched(now, body, USER_ATTRIBUTES))
      return { ...wanted, roles: wanted.roles ?? FIRST_ROLES }
    })
  }

  /** @throws StoaError `member_not_found`, `precondition_failed`, `forbidden`, `last_owner` */
  async delete(given: Ctx, id: string, precondition: Precondition | null = null): Promise<void> {
    const { actAsDirectory, db, members } = this.#deps
    const ctx = actAsDirectory(given)
    await db.transaction(ctx, async (tx) => {
      const row = await this.#locked(ctx, tx, id)
      precondition?.check(versionOf(this.#shown(await this.#row(ctx, tx, id))))
      leaveOwners(ctx, row)
      await members.depart(ctx, tx, row, 'provisioning')
    })
  }

  async #change(
    given: Ctx,
    id: string,
    precondition: Precondition | null,
    next: (now: Resource) => WantedUser,
  ): Promise<Resource> {
    const { actAsDirectory, db } = this.#deps
    const ctx = actAsDirectory(given)
    const work = db.transaction(ctx, async (tx) => {
      await this.#locked(ctx, tx, id)
      const row = await this.#row(ctx, tx, id)
      const now = this.#shown(row)
      precondition?.check(versionOf(now))
      await this.#save(ctx, tx, row, { now: wantedUser(now), wanted: next(now) })
      return this.#shown(await this.#row(ctx, tx, id))
    })
    return inScim(work)
  }

  async #save(
    ctx: Ctx,
    tx: Tx,
    row: ScimMemberRow,
    { now, wanted }: { readonly now: WantedUser; readonly wanted: WantedUser },
  ): Promise<void> {
    const { members, roles } = this.#deps
    const { active, emails, externalId, familyName, givenName, userName } = wanted
    // One is kept: that there are others, too, is no change.
    if (emails.length > 0 && !emails.includes(row.email)) {
      throw new StoaError(scimErrors.scim_immutable, { message: 'An address is changed by whoever has it.' })
    }
    if (userName !== now.userName) await this.#checkFree(ctx, tx, userName, row.id)
    const status: ScimMemberRow['status'] = active ? 'active' : 'suspended'
    const roleNames = wanted.roles ?? row.roleNames
    const changed = {
      ...{ roleNames, status, externalId, givenName, familyName },
      userName: userName === now.userName ? row.userName : userName,
      displayName: newName(now, wanted) ?? row.displayName,
    } as const
    const before = Object.keys(changed).map((key) => row[key as keyof typeof changed])
    if (isDeepStrictEqual(before, Object.values(changed))) return
    leaveOwners(ctx, row)
    const givesRoles = roleNames.join() !== row.roleNames.join()
    // To suspend somebody gives nothing to anybody.
    if (givesRoles || (active && row.status === 'suspended')) await members.checkOver(ctx, tx, row)
    if (givesRoles) await roles.checkGivable(ctx, tx, roleNames, '/body/roles')
    if (!active || !roleNames.includes(OWNER)) await members.keepsAnOwner(ctx, tx, row)
    members.save(ctx, tx, { ...row, ...changed })
  }

  async #checkFree(ctx: Ctx, tx: Tx, userName: string, own: string | null): Promise<void> {
    const rows = await tx.many(scimMembers(ctx.tenant.id, { userName }, 0, 2))
    if (rows.some(({ id }) => id !== own)) throw new StoaError(scimErrors.scim_not_unique)
  }

  async #locked(ctx: Ctx, tx: Tx, id: string) {
    const row = await tx.maybe(memberForUpdate(ctx.tenant.id, id))
    if (row === undefined) throw new StoaError(accessErrors.member_not_found)
    return row
  }

  async #row(ctx: Ctx, tx: Tx, id: string): Promise<ScimMemberRow> {
    const row = await tx.maybe(scimMembers(ctx.tenant.id, { id }, 0, 1))
    if (row === undefined) throw new StoaError(accessErrors.member_not_found)
    return row
  }

  #shown(row: ScimMemberRow): Resource {
    return userOf(row, this.#deps.publicUrl())
  }
}

/** What somebody is called from now on: whichever way of saying it is another than before. */
function newName(now: WantedUser, { names }: WantedUser): string | undefined {
  return names.find((name, index) => name !== undefined && name !== now.names[index])
}

/** @throws StoaError `forbidden` when somebody is an owner, and the caller could not make one */
function leaveOwners(ctx: Ctx, { roleNames }: { readonly roleNames: readonly string[] }): void {
  if (!roleNames.includes(OWNER) || hasPermission(ctx, '*')) return
  throw new StoaError(errors.forbidden, { message: 'An owner is changed by owners alone.' })
}

/** Refusals as RFC 7644 names them. */
async function inScim<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (isUniqueViolation(error)) throw new StoaError(scimErrors.scim_not_unique, { cause: error })
    const [field] = error instanceof StoaError ? (error.fields ?? []) : []
    if (isError(error, identityErrors.email_invalid) || isError(error, accessErrors.role_unknown)) {
      const { message } = field ?? (error as StoaError)
      throw new StoaError(scimErrors.scim_value_invalid, { message, cause: error })
    }
    throw error
  }
}
