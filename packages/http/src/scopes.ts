/*
 * Scopes are permissions, and wildcards over them: `links:read`, `links:*`, `*`. A key holds a list of them. Whoever
 * makes or changes a key can put into it only what they may do themselves, so that nobody climbs by way of a key.
 */
import { type BaseCtx, didYouMean, errors, type FieldError, hasPermission, StoaError } from '@stoa/kernel'

/** `*`, `links:*`, `links:read`. */
export const SCOPE_PATTERN = '^(\\*|[a-z][a-zA-Z0-9-]*(:[a-z][a-zA-Z0-9]*)*:(\\*|[a-z][a-zA-Z0-9]*))$'

/**
 * Passes when every scope names a permission that exists.
 *
 * @param pointer where they stand in the request
 * @throws StoaError `validation_failed`, with a pointer to each scope that does not
 */
export function checkScopesExist(
  scopes: readonly string[],
  permissions: readonly string[],
  pointer = '/body/scopes',
): void {
  const fields = scopes.flatMap((scope, index): FieldError[] => {
    if (exists(scope, permissions)) return []
    const message = `is not a permission of this installation${didYouMean(scope, permissions)}`
    return [{ pointer: `${pointer}/${index}`, code: 'unknown_permission', message }]
  })
  if (fields.length > 0) throw new StoaError(errors.validation_failed, { fields })
}

function exists(scope: string, permissions: readonly string[]): boolean {
  if (scope === '*') return true
  if (!scope.endsWith(':*')) return permissions.includes(scope)
  const start = scope.slice(0, -1)
  return permissions.some((permission) => permission.startsWith(start))
}

/**
 * Passes when the caller may do everything that the scopes allow.
 *
 * @throws StoaError `forbidden`, naming the first scope that is too much
 */
export function checkScopesHeld(ctx: BaseCtx, scopes: readonly string[]): void {
  const excess = scopes.find((scope) => !hasPermission(ctx, scope))
  if (excess === undefined) return
  throw new StoaError(errors.forbidden, {
    message: `A key cannot be given the scope '${excess}' by somebody who does not hold it.`,
    context: { scope: excess, actor: ctx.actor },
  })
}
