import type { Route } from '@stoa/http'
import type { IssuerHosts } from '../hosts/issuer-hosts.ts'
import { activateIssuerHost } from './activate-issuer-host.ts'
import { createIssuerHost } from './create-issuer-host.ts'
import { deactivateIssuerHost } from './deactivate-issuer-host.ts'
import { getIssuerHost } from './get-issuer-host.ts'
import { listIssuerHosts } from './list-issuer-hosts.ts'
import { removeIssuerHost } from './remove-issuer-host.ts'
import { verifyIssuerHostNow } from './verify-issuer-host.ts'

/** The operations on hosts for the issuer. */
export function issuerHostRoutes(hosts: IssuerHosts): Route[] {
  return [
    createIssuerHost(hosts),
    listIssuerHosts(hosts),
    getIssuerHost(hosts),
    verifyIssuerHostNow(hosts),
    activateIssuerHost(hosts),
    deactivateIssuerHost(hosts),
    removeIssuerHost(hosts),
  ]
}
