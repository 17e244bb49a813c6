/* Groups of SCIM are the teams of a tenant. What roles a team has is not SCIM's business; who is in it is. */
import type { Database, Tx } from '@stoa/db'
import { type Ctx, StoaError } from '@stoa/kernel'
import { accessErrors } from '../access/access-errors.ts'
import type { Precondition } from '../access/roles.ts'
import { type TeamRow, teamById, teamForUpdate } from '../members/team-store.ts'
import type { Teams } from '../members/teams.ts'
import { type ActAsDirectory, fitting, foundPage, MAX_SEARCHED, PROVISION, type ScimQuery } from './directory.ts'
import { asksFor, type Filter, parseFilter, requiredValue } from './filter.ts'
import { patched, type Resource } from './patch.ts'
import {
  GROUP_ATTRIBUTES,
  type GroupMember,
  groupOf,
  listOf,
  MAX_MEMBERS,
  versionOf,
  type WantedGroup,
  wantedGroup,
} from './resources.ts'
import { scimErrors } from './scim-errors.ts'
import { membersOfTeams, type ScimTeamKeys, scimTeamCount, scimTeams } from './scim-store.ts'

/** What the verbs stand on. */
export interface ScimGroupsDeps {
  readonly db: Database
  readonly teams: Teams
  readonly actAsDirectory: ActAsDirectory
  readonly publicUrl: () => string
}

/** Which groups are asked for. */
export interface ScimGroupQuery extends ScimQuery {
  readonly withMembers: boolean
}

const ANY_VERSION: Precondition = { check: () => undefined }
const ALL: ScimTeamKeys = { id: null, name: null, externalId: null, memberId: null }

/** The verbs of groups. */
export class ScimGroups {
  readonly #deps: ScimGroupsDeps

  constructor(deps: ScimGroupsDeps) {
    this.#deps = deps
  }

  /**
   * A page may be shorter than was asked for: it ends where its groups have 10,000 members together.
   *
   * @throws StoaError `scim_filter_invalid`, `scim_too_many`
   */
  async list(given: Ctx, query: ScimGroupQuery): Promise<Resource> {
    const ctx = this.#deps.actAsDirectory(given)
    const { count, filter, startIndex } = query
    const [rows, total] =
      filter === undefined ? await this.#page(ctx, startIndex - 1, count) : await this.#search(ctx, filter, query)
    if (!query.withMembers)
      return listOf(
        rows.map((row) => this.#shown(row, null)),
        total,
        startIndex,
      )
    return listOf(await this.#withMembers(ctx, rows), total, startIndex)
  }

  async #page(ctx: Ctx, offset: number, limit: number): Promise<readonly [readonly TeamRow[], number]> {
    const { id } = ctx.tenant
    return this.#deps.db.read(ctx, async (tx) => {
      const [rows, all] = await Promise.all([
        tx.many(scimTeams(id, ALL, offset, limit)),
        tx.one(scimTeamCount(id, ALL)),
      ])
      return [rows, all.count]
    })
  }

  async #search(ctx: Ctx, filter: string, query: ScimQuery): Promise<readonly [readonly TeamRow[], number]> {
    const tree = parseFilter(filter)
    const wanted = (path: string) => requiredValue(tree, path)
    const memberId = memberIn(tree)
    const keys = { id: wanted('id'), name: wanted('displayname'), externalId: wanted('externalid'), memberId }
    const rows = await this.#deps.db.read(ctx, (tx) => tx.many(scimTeams(ctx.tenant.id, keys, 0, MAX_SEARCHED + 1)))
    const full = memberId === null ? null : await this.#full(ctx, rows)
    const found = await fitting(rows, tree, (row, index) => full?.[index] ?? this.#shown(row, null))
    return [foundPage(found, query), found.length]
  }

  async #withMembers(ctx: Ctx, rows: readonly TeamRow[]): Promise<Resource[]> {
    let members = 0
    const few = rows.filter((row, index) => {
      members += row.members
      return index === 0 || members <= MAX_MEMBERS
    })
    return this.#full(ctx, few)
  }

  async #full(ctx: Ctx, rows: readonly TeamRow[]): Promise<Resource[]> {
    const ids = rows.map(({ id }) => id)
    const inside = await this.#deps.db.read(ctx, (tx) => tx.many(membersOfTeams(ctx.tenant.id, ids)))
    const byTeam = Map.groupBy(inside, ({ teamId }) => teamId)
    return rows.map((row) => this.#shown(row, byTeam.get(row.id) ?? []))
  }

  /** @throws StoaError `team_not_found` */
  async get(given: Ctx, id: string): Promise<Resource> {
    const ctx = this.#deps.actAsDirectory(given)
    return this.#deps.db.read(ctx, async (tx) => {
      const row = found(await tx.maybe(teamById(ctx.tenant.id, id)))
      return this.#shown(row, await tx.many(membersOfTeams(ctx.tenant.id, [id])))
    })
  }

  /** @throws StoaError `team_exists`, `member_not_found`, `scim_value_invalid` */
  async create(given: Ctx, body: Resource): Promise<Resource> {
    const { actAsDirectory, db, teams } = this.#deps
    const ctx = actAsDirectory(given)
    const { displayName, externalId, members } = wantedGroup(body)
    return db.transaction(ctx, async (tx) => {
      const { id } = await teams.create(ctx, { name: displayName, externalId }, PROVISION)
      await teams.join(ctx, tx, id, [...members])
      return this.#now(ctx, tx, id)
    })
  }

  /** @throws StoaError `team_not_found`, `team_exists`, `member_not_found`, `precondition_failed`, `forbidden`, `scim_…` */
  replace(ctx: Ctx, id: string, body: Resource, precondition: Precondition | null): Promise<Resource> {
    return this.#change(ctx, id, precondition, () => wantedGroup(body))
  }

  /** As {@link replace}. */
  patch(ctx: Ctx, id: string, body: unknown, precondition: Precondition | null): Promise<Resource> {
    return this.#change(ctx, id, precondition, (now) => wantedGroup(patched(now, body, GROUP_ATTRIBUTES)))
  }

  /** @throws StoaError `team_not_found`, `precondition_failed`, `forbidden` */
  async delete(given: Ctx, id: string, precondition: Precondition | null = null): Promise<void> {
    const { actAsDirectory, db, teams } = this.#deps
    const ctx = actAsDirectory(given)
    await db.transaction(ctx, async (tx) => {
      found(await tx.maybe(teamForUpdate(ctx.tenant.id, id)))
      precondition?.check(versionOf(await this.#now(ctx, tx, id)))
      await teams.delete(ctx, id, null, PROVISION)
    })
  }

  async #change(
    given: Ctx,
    id: string,
    precondition: Precondition | null,
    next: (now: Resource) => WantedGroup,
  ): Promise<Resource> {
    const { actAsDirectory, db, teams } = this.#deps
    const ctx = actAsDirectory(given)
    return db.transaction(ctx, async (tx) => {
      const row = found(await tx.maybe(teamForUpdate(ctx.tenant.id, id)))
      const inside = await tx.many(membersOfTeams(ctx.tenant.id, [id]))
      const now = this.#shown(row, inside)
      precondition?.check(versionOf(now))
      const { displayName, externalId, members } = next(now)
      if (displayName !== row.name || externalId !== row.externalId) {
        await teams.update(ctx, id, { name: displayName, externalId }, ANY_VERSION, PROVISION)
      }
      const before = new Set(inside.map((one) => one.id))
      const added = [...members].filter((one) => !before.has(one))
      const removed = [...before].filter((one) => !members.has(one))
      if (added.length > 0) await teams.add(ctx, id, added, PROVISION)
      if (removed.length > 0) await teams.remove(ctx, id, removed, PROVISION)
      return this.#now(ctx, tx, id)
    })
  }

  async #now(ctx: Ctx, tx: Tx, id: string): Promise<Resource> {
    const row = found(await tx.maybe(teamById(ctx.tenant.id, id)))
    return this.#shown(row, await tx.many(membersOfTeams(ctx.tenant.id, [id])))
  }

  #shown(row: TeamRow, members: readonly GroupMember[] | null): Resource {
    return groupOf(row, members, this.#deps.publicUrl())
  }
}

/** The one member that a filter asks for; null: it asks for none. @throws StoaError `scim_filter_invalid` */
function memberIn(tree: Filter): string | null {
  const id = requiredValue(tree, 'members.value') ?? requiredValue(tree, 'members')
  if (id === null && asksFor(tree, 'members')) {
    throw new StoaError(scimErrors.scim_filter_invalid, {
      message: 'Of members the filter asks by `eq`, and by no `or`.',
    })
  }
  return id
}

function found(row: TeamRow | undefined): TeamRow {
  if (row === undefined) throw new StoaError(accessErrors.team_not_found)
  return row
}
