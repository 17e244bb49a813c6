/*
 * Groups of members. Everybody in a team has its roles, and its grants. So whoever puts somebody into a team, or takes
 * them out, gives or takes these: they must hold what the team gives.
 */
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, newId, requirePermission, StoaError } from '@stoa/kernel'
import { accessErrors } from '../access/access-errors.ts'
import { teamCreated, teamDeleted, teamMemberAdded, teamMemberRemoved, teamUpdated } from '../access/access-events.ts'
import { rolesGranted } from '../access/grant-store.ts'
import { refuseOwner } from '../access/grants.ts'
import { actorOf, type Precondition, type Roles } from '../access/roles.ts'
import { grantsDropped, membersAmong } from './member-store.ts'
import {
  type TeamMemberRow,
  type TeamRow,
  teamById,
  teamByName,
  teamForUpdate,
  teamInserted,
  teamList,
  teamMembers,
  teamMembersInserted,
  teamMembersRemoved,
  teamRemoved,
  teamSaved,
  teamsAmong,
} from './team-store.ts'

/** What the verbs stand on. */
export interface TeamsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly roles: Roles
}

/** A team as it is shown. */
export interface Team extends Omit<TeamRow, 'roleNames' | 'externalId'> {
  readonly roles: string[]
}

/** What a new team is. */
export interface NewTeam {
  readonly name: string
  readonly description?: string | undefined
  readonly roles?: readonly string[] | undefined
  readonly externalId?: string | null | undefined
}

/** What may be changed of a team. What is absent stays. */
export type TeamChange = { readonly [key in keyof NewTeam]?: NewTeam[key] | undefined }

/** What changing teams needs, unless a directory does it. */
const MANAGE = 'identity:manage'

/** The verbs of teams. Those that change something need `permission`. */
export class Teams {
  readonly #deps: TeamsDeps

  constructor(deps: TeamsDeps) {
    this.#deps = deps
  }

  /** Teams by name. @param after teams behind this name */
  async list(ctx: Ctx, after: string | null, limit: number): Promise<Team[]> {
    requirePermission(ctx, 'identity:read')
    return (await this.#deps.db.read(ctx, (tx) => tx.many(teamList(ctx.tenant.id, after, limit)))).map(shown)
  }

  /** @throws StoaError `team_not_found` */
  async get(ctx: Ctx, id: string): Promise<Team> {
    requirePermission(ctx, 'identity:read')
    return shown(found(await this.#deps.db.read(ctx, (tx) => tx.maybe(teamById(ctx.tenant.id, id)))))
  }

  /** Who is in a team. @throws StoaError `team_not_found` */
  async members(ctx: Ctx, id: string, after: string | null, limit: number): Promise<TeamMemberRow[]> {
    requirePermission(ctx, 'identity:read')
    const [team, rows] = await this.#deps.db.read(ctx, (tx) =>
      Promise.all([tx.maybe(teamById(ctx.tenant.id, id)), tx.many(teamMembers(ctx.tenant.id, id, after, limit))]),
    )
    found(team)
    return rows
  }

  /** @throws StoaError `team_exists`, `role_unknown`, `forbidden`, `validation_failed` */
  async create(
    ctx: Ctx,
    { description = '', externalId = null, name, roles = [] }: NewTeam,
    permission = MANAGE,
  ): Promise<Team> {
    requirePermission(ctx, permission)
    refuseOwner(roles, '/body/roles/')
    return this.#deps.db.transaction(ctx, async (tx) => {
      await this.#deps.roles.checkGivable(ctx, tx, roles, '/body/roles/')
      const now = new Date(ctx.clock.now())
      const row = await tx.maybe(
        teamInserted(ctx.tenant.id, newId(ctx.clock), name, description, roles, externalId, actorOf(ctx), now),
      )
      if (row === undefined) throw new StoaError(accessErrors.team_exists)
      this.#deps.journal.append(ctx, tx, teamCreated.of(state(row), [`team:${row.id}`]))
      return shown(row)
    })
  }

  /** @throws StoaError `team_not_found`, `team_exists`, `precondition_failed`, `role_unknown`, `forbidden` */
  async update(
    ctx: Ctx,
    id: string,
    change: TeamChange,
    precondition: Precondition,
    permission = MANAGE,
  ): Promise<Team> {
    requirePermission(ctx, permission)
    if (change.roles) refuseOwner(change.roles, '/body/roles/')
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = await this.#locked(ctx, tx, id)
      precondition.check(row.version)
      if (change.roles) await this.#deps.roles.checkGivable(ctx, tx, change.roles, '/body/roles/')
      const { description = row.description, externalId = row.externalId, name = row.name } = change
      if (name !== row.name) await this.#checkFree(ctx, tx, name)
      const roles = change.roles ?? row.roleNames
      const now = new Date(ctx.clock.now())
      const saved = await tx.one(teamSaved(ctx.tenant.id, id, name, description, roles, externalId, now))
      this.#deps.journal.append(ctx, tx, teamUpdated.of(state(saved), [`team:${id}`]))
      return shown(saved)
    })
  }

  /** Its grants go with it. @throws StoaError `team_not_found`, `precondition_failed`, `forbidden` */
  async delete(ctx: Ctx, id: string, precondition: Precondition | null = null, permission = MANAGE): Promise<void> {
    requirePermission(ctx, permission)
    await this.#deps.db.transaction(ctx, async (tx) => {
      const row = await this.#locked(ctx, tx, id)
      precondition?.check(row.version)
      await tx.run(grantsDropped(ctx.tenant.id, 'team', id))
      await tx.run(teamRemoved(ctx.tenant.id, id))
      this.#deps.journal.append(ctx, tx, teamDeleted.of({ teamId: id }, [`team:${id}`]))
    })
  }

  /** Puts members into a team; those who are in it stay so. @throws StoaError `team_not_found`, `member_not_found`, `forbidden` */
  async add(ctx: Ctx, id: string, personIds: readonly string[], permission = MANAGE): Promise<void> {
    requirePermission(ctx, permission)
    await this.#deps.db.transaction(ctx, async (tx) => {
      await this.#locked(ctx, tx, id)
      await this.join(ctx, tx, id, personIds)
    })
  }

  /** Takes members out of a team. @throws StoaError `team_not_found`, `member_not_found` when none was in it, `forbidden` */
  async remove(ctx: Ctx, id: string, personIds: readonly string[], permission = MANAGE): Promise<void> {
    requirePermission(ctx, permission)
    await this.#deps.db.transaction(ctx, async (tx) => {
      await this.#locked(ctx, tx, id)
      const removed = await tx.many(teamMembersRemoved(ctx.tenant.id, id, personIds))
      if (removed.length === 0 && personIds.length > 0) throw new StoaError(accessErrors.member_not_found)
      for (const { personId } of removed) {
        const subjects = [`team:${id}`, `person:${personId}`]
        this.#deps.journal.append(ctx, tx, teamMemberRemoved.of({ teamId: id, personId }, subjects))
      }
    })
  }

  /**
   * As {@link add}, when it was checked whether the caller may.
   *
   * @param missing what to do without the team
   * @throws StoaError `member_not_found`
   */
  async join(
    ctx: Ctx,
    tx: Tx,
    id: string,
    personIds: readonly string[],
    missing: 'fail' | 'if it is there' = 'fail',
  ): Promise<void> {
    const now = new Date(ctx.clock.now())
    if (missing !== 'fail' && !(await tx.maybe(teamForUpdate(ctx.tenant.id, id)))) return
    const { count } = await tx.one(membersAmong(ctx.tenant.id, personIds))
    if (count < new Set(personIds).size) throw new StoaError(accessErrors.member_not_found)
    for (const { personId } of await tx.many(teamMembersInserted(ctx.tenant.id, id, personIds, now))) {
      const subjects = [`team:${id}`, `person:${personId}`]
      this.#deps.journal.append(ctx, tx, teamMemberAdded.of({ teamId: id, personId }, subjects))
    }
  }

  /**
   * Passes when these are teams that the caller may put somebody into.
   *
   * @param missing what to do without one of them
   * @throws StoaError `team_not_found`, `forbidden`
   */
  async checkJoinable(
    ctx: Ctx,
    tx: Tx,
    ids: readonly string[],
    missing: 'fail' | 'if it is there' = 'fail',
  ): Promise<void> {
    const rows = ids.length === 0 ? [] : await tx.many(teamsAmong(ctx.tenant.id, ids))
    if (missing === 'fail' && rows.length < new Set(ids).size) throw new StoaError(accessErrors.team_not_found)
    for (const row of rows) await this.#checkOver(ctx, tx, row)
  }

  async #checkFree(ctx: Ctx, tx: Tx, name: string): Promise<void> {
    if (await tx.maybe(teamByName(ctx.tenant.id, name))) throw new StoaError(accessErrors.team_exists)
  }

  async #locked(ctx: Ctx, tx: Tx, id: string): Promise<TeamRow> {
    const row = found(await tx.maybe(teamForUpdate(ctx.tenant.id, id)))
    await this.#checkOver(ctx, tx, row)
    return row
  }

  /** Passes when the caller holds all that the team gives, be it on one thing alone. @throws StoaError `forbidden` */
  async #checkOver(ctx: Ctx, tx: Tx, { id, roleNames }: TeamRow): Promise<void> {
    const grants = await tx.many(rolesGranted(ctx.tenant.id, id, new Date(ctx.clock.now())))
    const granted = grants.map(({ roleName }) => roleName)
    await this.#deps.roles.checkGivable(ctx, tx, [...new Set([...roleNames, ...granted])], null)
  }
}

function found(row: TeamRow | undefined): TeamRow {
  if (row === undefined) throw new StoaError(accessErrors.team_not_found)
  return row
}

function state({ id, name, roleNames, version }: TeamRow) {
  return { teamId: id, name, roleNames: [...roleNames], version }
}

function shown({ externalId: _, roleNames, ...row }: TeamRow): Team {
  return { ...row, roles: [...roleNames] }
}
