/*
 * Names. In memory: the tenant with its length in front, so that no tenant and key can be mistaken for others. In Redis
 * all keys of a tenant carry it in braces, so that they share a slot of a cluster and one script may touch them.
 */
import { createHash } from 'node:crypto'

/** Whose data it is. A context of Stoa is one; a program without tenants passes one and the same for all. */
export interface CacheScope {
  readonly tenant: { readonly id: string }
  /** Ends the wait of this caller, not the load. */
  readonly signal?: AbortSignal | null
}

/** What Redis is asked about. */
export interface EntryNames {
  readonly entry: string
  readonly lease: string
  readonly drops: string
}

/** Longer texts are named by their hash. */
const LONGEST_PLAIN = 200
const PLAIN_TENANT = /^[A-Za-z0-9._-]{1,64}$/

/** An entry in memory. `version` is the version of the value's shape. */
export function memoryId(tenantId: string, version: number, key: string): string {
  const short = key.length > LONGEST_PLAIN ? `#${hashed(key)}` : `=${key}`
  return `${tenantId.length}:${tenantId}${version}${short}`
}

/** A tag in memory; the empty one is carried by everything of the tenant. */
export function memoryTag(tenantId: string, tag: string): string {
  return `${tenantId.length}:${tenantId}${tag}`
}

/** The keys of an entry in Redis. */
export function entryNames(prefix: string, schema: string, tenantId: string, version: number, key: string): EntryNames {
  const base = tenantBase(prefix, tenantId)
  // A lone surrogate has no UTF-8: different keys would become the same one.
  const name = key.length > LONGEST_PLAIN || !key.isWellFormed() ? `#${hashed(key)}` : `=${key}`
  const rest = `${schema}:${version}${name}`
  return { entry: `${base}e:${rest}`, lease: `${base}l:${rest}`, drops: `${base}d` }
}

/** The key under which Redis keeps what was dropped of a tenant. All versions of a program share it. */
export function dropsName(prefix: string, tenantId: string): string {
  return `${tenantBase(prefix, tenantId)}d`
}

function tenantBase(prefix: string, tenantId: string): string {
  return `${prefix}{${PLAIN_TENANT.test(tenantId) ? tenantId : `#${hashed(tenantId)}`}}`
}

function hashed(text: string): string {
  return createHash('sha256').update(Buffer.from(text, 'utf16le')).digest('base64url')
}
