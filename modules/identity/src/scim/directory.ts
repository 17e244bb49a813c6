/*
 * How a directory acts. Its key has `identity:provision`, and with that it may do with members and teams what needs no
 * more than a member holds. What gives more (a role of `roles`, a team with roles of its own, the end of a suspension of
 * an admin) the key must hold itself, as everybody who gives something. What only takes is another matter: somebody who
 * has left has to be suspended, whatever they were. Owners are left to owners.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Ctx, requirePermission, StoaError, tenantCtx } from '@stoa/kernel'
import type { BuiltInRole } from '../access/built-in-roles.ts'
import { type Filter, matches } from './filter.ts'
import { scimErrors } from './scim-errors.ts'

/** What a directory's key needs. */
export const PROVISION = 'identity:provision'

/** What somebody gets whom a directory says no roles of. */
export const FIRST_ROLES: readonly string[] = ['member']

/** So many resources are looked at for a filter. */
export const MAX_SEARCHED = 10_000
/** And so many of them in one turn of the event loop. */
const AT_ONCE = 200

/** Gives a context in which the caller holds what a member holds, too. @throws StoaError `forbidden` */
export type ActAsDirectory = (ctx: Ctx) => Ctx

/** @param builtIn the roles that every tenant has */
export function directoryOf(builtIn: ReadonlyMap<string, BuiltInRole>): ActAsDirectory {
  const given = FIRST_ROLES.flatMap((name) => [...(builtIn.get(name)?.permissions ?? [])])
  return (ctx) => {
    requirePermission(ctx, PROVISION)
    return tenantCtx(ctx, ctx.tenant, { permissions: new Set([...ctx.permissions, ...given]), log: ctx.log })
  }
}

/** Which resources are asked for. */
export interface ScimQuery {
  readonly filter?: string | undefined
  /** From 1. */
  readonly startIndex: number
  readonly count: number
}

/** A page of what was found by a filter. */
export function foundPage<T>(found: readonly T[], { count, startIndex }: ScimQuery): readonly T[] {
  return found.slice(startIndex - 1, startIndex - 1 + count)
}

/**
 * The rows whose resources fit a filter. Everybody else is heard in between: to look at all of them takes long.
 *
 * @throws StoaError `scim_too_many` when there are more than a filter may look at
 */
export async function fitting<T>(
  rows: readonly T[],
  filter: Filter,
  resourceOf: (row: T, index: number) => unknown,
): Promise<T[]> {
  if (rows.length > MAX_SEARCHED) throw new StoaError(scimErrors.scim_too_many)
  const found: T[] = []
  for (const [index, row] of rows.entries()) {
    if (index % AT_ONCE === AT_ONCE - 1) await nextTurn()
    if (matches(filter, resourceOf(row, index))) found.push(row)
  }
  return found
}
