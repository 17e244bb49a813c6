import { type FieldError, StoaError } from '@stoa/kernel'
import { tenantErrors } from './tenant-errors.ts'

/** Names that addresses, schemas and commands need for themselves. */
const RESERVED = new Set(
  `account accounts admin all any api app apps assets auth billing blog cdn console dashboard default docs download events
  files health help home host hosts identity images img installation internal live localhost login logout mail metrics new
  none null oauth openapi owner pool postgres private proxy public ready register root schema security settings shared
  signin signup static status stoa support system tenant tenants undefined user users webhooks well-known www`.split(
    /\s+/,
  ),
)

const MIN_LENGTH = 3
const MAX_LENGTH = 40

/**
 * Passes when `slug` can name a tenant: 3 to 40 characters of `a-z`, `0-9` and `-`, beginning with a letter, ending
 * with a letter or digit, no two hyphens in a row, not a reserved word. So it fits into a host name (RFC 1035) and a
 * schema name.
 *
 * @throws StoaError `tenant_slug_invalid` with the rule that is broken
 */
export function checkSlug(slug: string): void {
  const problem = slugProblem(slug)
  if (problem === null) return
  const field: FieldError = { pointer: '/body/slug', code: problem.code, message: problem.message }
  throw new StoaError(tenantErrors.tenant_slug_invalid, { message: problem.message, fields: [field] })
}

function slugProblem(slug: string): { code: string; message: string } | null {
  if (slug.length < MIN_LENGTH || slug.length > MAX_LENGTH) {
    return { code: 'length', message: `A slug has ${MIN_LENGTH} to ${MAX_LENGTH} characters.` }
  }
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(slug)) {
    const message = 'A slug is made of a-z, 0-9 and single hyphens between them, and begins with a letter.'
    return { code: 'pattern', message }
  }
  return RESERVED.has(slug) ? { code: 'reserved', message: 'This slug is reserved.' } : null
}
