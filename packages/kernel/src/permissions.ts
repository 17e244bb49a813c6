/*
 * Sets of permissions. A set holds names (`links:read`) and wildcards over them (`links:*`, `*`). Names are a tree whose
 * branches are at the colons, so of two members of sets one holds the other, or they have nothing in common.
 */

/** Whether a set has this permission, by name or by a wildcard. For `links:*` it asks for all of them. */
export function permits(granted: ReadonlySet<string>, permission: string): boolean {
  if (granted.has(permission) || granted.has('*')) return true
  for (let colon = permission.lastIndexOf(':'); colon > 0; colon = permission.lastIndexOf(':', colon - 1)) {
    if (granted.has(`${permission.slice(0, colon)}:*`)) return true
  }
  return false
}

/** What both sets allow. */
export function permissionsInCommon(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  if (one.has('*')) return other
  if (other.has('*')) return one
  const both = new Set<string>()
  for (const permission of one) if (permits(other, permission)) both.add(permission)
  for (const permission of other) if (permits(one, permission)) both.add(permission)
  return both
}
