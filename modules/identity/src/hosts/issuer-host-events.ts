import { defineEvent, type EventDefinition } from '@stoa/journal'
import { Type } from 'typebox'

/** The host after the change. Subject of each: `issuer_host:<id>`. */
const HostState = Type.Object({
  id: Type.String({ format: 'uuid' }),
  host: Type.String(),
  verifiedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  active: Type.Boolean({ description: 'The issuer is there.' }),
  version: Type.Integer({ minimum: 1 }),
})

function hostEvent(what: string, description: string) {
  return defineEvent({
    type: `identity.issuer_host_${what}`,
    version: 1,
    keepsPlace: true,
    description,
    data: HostState,
  })
}

/** It is to be proven. */
export const issuerHostAdded = hostEvent('added', 'A host for the issuer was added.')
/** It may be activated. */
export const issuerHostVerified = hostEvent('verified', 'It was proven that a host for the issuer is the tenant’s own.')
/** From now on the issuer is there. */
export const issuerHostActivated = hostEvent('activated', 'The issuer is at a host of its own from now on.')
/** From now on it is not. */
export const issuerHostDeactivated = hostEvent('deactivated', 'The issuer is at this host no longer.')
/** If it was active, the issuer is back at the installation's address. */
export const issuerHostLost = hostEvent('lost', 'A host for the issuer was proven to be another tenant’s.')
/** It was not active. */
export const issuerHostRemoved = hostEvent('removed', 'A host for the issuer was removed.')

/** All events of hosts for issuers. */
export const issuerHostEvents: readonly EventDefinition[] = [
  issuerHostAdded,
  issuerHostVerified,
  issuerHostActivated,
  issuerHostDeactivated,
  issuerHostLost,
  issuerHostRemoved,
]

/** Whether an event tells of a host for an issuer, which its data names. */
export function isIssuerHostEvent({ type }: { readonly type: string }): boolean {
  return type.startsWith('identity.issuer_host_')
}
