/*
 * How a directory acts. Its key has `identity:provision`, and with that it may do with members and teams what needs no
 * more than a member holds. What gives more (a role of `roles`, a team with roles of its own, the end of a suspension of
 * an admin) the key must hold itself, as everybody who gives something. What only takes is another matter: somebody who
 * has left has to be suspended, whatever they were. Owners are left to owners.
 */
import { type Ctx, requirePermission, StoaError, tenantCtx } from '@stoa/kernel'
import type { BuiltInRole } from '../access/built-in-roles.ts'
import { scimErrors } from './scim-errors.ts'

/** What a directory's key needs. */
export const PROVISION = 'identity:provision'

/** What somebody gets whom a directory says no roles of. */
export const FIRST_ROLES: readonly string[] = ['member']

/** So many resources are looked at for a filter. */
export const MAX_SEARCHED = 10_000

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

/** @throws StoaError `scim_too_many` when there are more rows than a filter may look at */
export function refuseTooMany(rows: readonly unknown[]): void {
  if (rows.length > MAX_SEARCHED) throw new StoaError(scimErrors.scim_too_many)
}
