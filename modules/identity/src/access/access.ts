/*
 * What somebody may do in a tenant, and why. It is put together of what the tables say, by one function for the guard,
 * for the explanation and for the checks of the verbs, so that these cannot disagree.
 *
 *   membership ─ roles ─┐
 *   teams ─ roles ──────┼─► in the whole tenant: permissions
 *   grants ─ role ──────┴─► on one thing: grants, by `kind:id`
 */
import { type BaseCtx, errors, hasPermission, permits, type Resource, StoaError } from '@stoa/kernel'
import type { RolePermissions } from './built-in-roles.ts'

/** By what somebody has a role. */
export interface RoleSource {
  readonly via: 'membership' | 'team' | 'grant'
  readonly role: string
  /** Of the team, or of the grant. */
  readonly id: string | null
  /** The team that has the grant. */
  readonly teamId: string | null
  /** null: in the whole tenant. */
  readonly resource: Resource | null
}

/** What somebody may do. */
export interface Access {
  readonly permissions: ReadonlySet<string>
  /** On single things, by `kind:id`. */
  readonly grants: ReadonlyMap<string, ReadonlySet<string>>
  readonly sources: readonly RoleSource[]
}

/** The roles of a tenant, by name. */
export type Roles = ReadonlyMap<string, RolePermissions>

/** Puts it together. Roles that do not exist (any more) give nothing. */
export function accessOf(sources: readonly RoleSource[], roles: Roles): Access {
  const permissions = new Set<string>()
  const grants = new Map<string, Set<string>>()
  for (const { resource, role } of sources) {
    const given = roles.get(role)?.permissions ?? []
    let into = permissions
    if (resource !== null) {
      const key = `${resource.kind}:${resource.id}`
      into = grants.get(key) ?? new Set()
      grants.set(key, into)
    }
    for (const permission of given) into.add(permission)
  }
  return Object.freeze({ permissions, grants, sources })
}

/** The sources that allow something. */
export function sourcesAllowing(
  { sources }: Access,
  roles: Roles,
  permission: string,
  resource: Resource | null,
): RoleSource[] {
  return sources.filter((source) => {
    const isHere =
      source.resource === null ||
      (resource !== null && source.resource.kind === resource.kind && source.resource.id === resource.id)
    const given = roles.get(source.role)?.permissions
    return isHere && given !== undefined && permits(given, permission)
  })
}

/** Names of the roles that have a permission. */
export function rolesWith(roles: Roles, permission: string): string[] {
  return [...roles.values()].filter(({ permissions }) => permits(permissions, permission)).map(({ name }) => name)
}

/**
 * Passes when the caller holds all of these permissions, wherever somebody gets them: nobody gives what they do not
 * hold, and nobody takes from whoever holds more.
 *
 * @throws StoaError `forbidden`, naming the first one that is too much
 */
export function requireHeld(ctx: BaseCtx, permissions: Iterable<string>, what: string): void {
  for (const permission of permissions) {
    if (hasPermission(ctx, permission)) continue
    throw new StoaError(errors.forbidden, {
      message: `${what} '${permission}', which you do not hold yourself.`,
      context: { permission, actor: ctx.actor },
    })
  }
}
