/*
 * A key may belong to somebody: the person who made it, or a service account. Then it does what its scopes allow and its
 * owner may do at this moment; the lesser wins. Who the owners are is none of this package's business: a room says it.
 */
import { type Actor, permissionsInCommon, type ResourceGrants, type Tenant } from '@stoa/kernel'
import type { Principal } from './auth.ts'

/** To whom a key belongs. */
export interface KeyOwner extends Actor {
  readonly type: 'person' | 'serviceAccount'
}

/** What an owner may do. One object as long as nothing changes. */
export interface KeyBounds {
  readonly permissions: ReadonlySet<string>
  readonly grants?: ResourceGrants | undefined
  /** When some of it ends by time: see `Principal.rightsEndAtMs`. */
  readonly rightsEndAtMs?: number | undefined
}

/** Knows the owners of keys. */
export interface KeyOwners {
  /**
   * What an owner may do in a tenant now; null when they are not there (any more), or suspended: then their keys are
   * refused. At once when it is known: it is asked for each request.
   */
  boundsOf(tenant: Tenant, owner: KeyOwner): KeyBounds | null | Promise<KeyBounds | null>
}

/** What is left of a key inside the bounds of its owner. */
export function boundedBy(principal: Principal, bounds: KeyBounds): Principal {
  const permissions = permissionsInCommon(principal.permissions, bounds.permissions)
  const grants = new Map<string, ReadonlySet<string>>()
  for (const [resource, granted] of bounds.grants ?? []) {
    const left = permissionsInCommon(principal.permissions, granted)
    if (left.size > 0) grants.set(resource, left)
  }
  const { rightsEndAtMs } = bounds
  return Object.freeze({
    ...{ ...principal, permissions },
    ...(grants.size > 0 && { grants }),
    ...(rightsEndAtMs !== undefined && { rightsEndAtMs }),
  })
}
