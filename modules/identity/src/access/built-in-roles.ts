/*
 * The roles that every tenant has. What they may do follows from the permissions that the manifests declare, so a new
 * room is in them by itself:
 *
 *   viewer   what ends in `:read`
 *   member   the same, and what ends in `:write`
 *   admin    everything but what is kept for owners
 *   owner    everything, whatever comes
 *
 * A manifest says it where that does not fit: see `leastRoles` of @stoa/module. What is none of the two words is for
 * admins until somebody says otherwise, so that nothing is given away by forgetting.
 */
import { LEAST_ROLES, type LeastRole } from '@stoa/module'

/** The role that may do everything. Somebody has it always. */
export const OWNER = 'owner'

/** A role as decisions are made of it. */
export interface RolePermissions {
  readonly name: string
  readonly permissions: ReadonlySet<string>
}

/** A role that every tenant has. */
export interface BuiltInRole extends RolePermissions {
  readonly name: LeastRole
  readonly title: string
  readonly description: string
}

const TEXTS: Readonly<Record<LeastRole, readonly [title: string, description: string]>> = {
  viewer: ['Viewer', 'Sees what there is, and changes nothing.'],
  member: ['Member', 'Does the daily work.'],
  admin: ['Admin', 'Manages people and settings.'],
  owner: ['Owner', 'May do everything, and give it to others.'],
}

/** The built-in roles by name, the one that may least first. @param permissions all there are, by name */
export function builtInRoles(
  permissions: Readonly<Record<string, string>>,
  leastRoles: Readonly<Record<string, LeastRole>>,
): ReadonlyMap<string, BuiltInRole> {
  const names = Object.keys(permissions)
  const rank = (role: LeastRole) => LEAST_ROLES.indexOf(role)
  const roles = LEAST_ROLES.map((name): BuiltInRole => {
    const [title, description] = TEXTS[name]
    const own = names.filter((permission) => rank(leastRoleOf(permission, leastRoles)) <= rank(name))
    const set = name === OWNER ? new Set(['*']) : withWildcards(own, names)
    return Object.freeze({ name, title, description, permissions: set })
  })
  return new Map(roles.map((role) => [role.name, role]))
}

function leastRoleOf(permission: string, leastRoles: Readonly<Record<string, LeastRole>>): LeastRole {
  const said = leastRoles[permission]
  if (said !== undefined) return said
  const word = permission.slice(permission.lastIndexOf(':') + 1)
  if (word === 'read') return 'viewer'
  return word === 'write' ? 'member' : 'admin'
}

/** With `links:*` for whoever has all that begin so: they may give it to a key. */
function withWildcards(held: readonly string[], all: readonly string[]): ReadonlySet<string> {
  const set = new Set(held)
  const starts = new Set(all.map((permission) => permission.slice(0, permission.lastIndexOf(':') + 1)))
  for (const start of starts) {
    if (all.every((permission) => !permission.startsWith(start) || set.has(permission))) set.add(`${start}*`)
  }
  return set
}
