/*
 * The applications that a person has let in, as they see them, and how they take that back.
 *
 *   by the person        they were asked, and have allowed it: theirs to take back
 *   by the organisation  it has said that the application is its own (`consent: given`), and nobody was asked. That is not
 *                        theirs to take back: it would be given anew at the next sign-in. But of such an application, too,
 *                        is theirs what everybody is asked for (granting.ts): their account, and acting while they are away
 *
 * Each session has a grant of its own; people know applications, so all grants of one are one here. Taking back ends all
 * of them in one commit: refresh tokens and codes are gone, access tokens are refused on every node, the application is
 * told that its sessions are over, and the next sign-in asks again. A code or a refresh token that is exchanged at the
 * same moment gives nothing that lasts: what it is for is not there any more.
 *
 * What an application has is the tenant's, as the application is: somebody who belongs to two sees those of each there.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, isId, StoaError, tenantCtx } from '@stoa/kernel'
import type { Queue } from '@stoa/queue'
import { identityErrors } from '../errors.ts'
import { type AllowedRow, allowedList, leaveApplication, removeGrantsOf } from './application-store.ts'
import type { tellApplication } from './backchannel-logout.ts'
import { grantName, isAskedAlways } from './granting.ts'
import { oauthClientSubject } from './oauth-clients.ts'
import { grantRevoked } from './oidc-events.ts'
import type { TokenDenials } from './token-denials.ts'

/** What it stands on. */
export interface ApplicationsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly queue: Pick<Queue, 'enqueue'>
  readonly denials: TokenDenials
  readonly job: ReturnType<typeof tellApplication>
  /** The resource indicator of the API of the installation. */
  apiResource(): string
}

/** An application as somebody sees it who has let it in. */
export interface AllowedApplication extends Pick<AllowedRow, 'id' | 'name' | 'website' | 'allowedAt' | 'lastUsedAt'> {
  readonly allowedBy: 'person' | 'organisation'
  /** All that it may ask for without asking them. */
  readonly scopes: string[]
  /** What of it they have allowed themselves; none: it is the organisation's to take back. */
  readonly ownScopes: string[]
}

/** Where a list goes on: name and id of the last application that was seen. */
export type AfterApplication = readonly [name: string, id: string] | null

/** The applications that people have let in. */
export class Applications {
  readonly #deps: ApplicationsDeps

  constructor(deps: ApplicationsDeps) {
    this.#deps = deps
  }

  /** Those of a person in the tenant, by name. */
  async list(ctx: Ctx, personId: string, after: AfterApplication, limit: number): Promise<AllowedApplication[]> {
    const filter = { now: new Date(ctx.clock.now()), after, limit }
    const rows = await this.#deps.db.read(ctx, (tx) => allowedList(tx, ctx.tenant.id, personId, filter))
    return rows.map((row) => this.#shown(row))
  }

  /**
   * Takes back what a person has allowed one. Not inside of a transaction.
   *
   * @throws StoaError `application_not_found`, `application_of_organisation`
   */
  async withdraw(ctx: Ctx, personId: string, clientId: string): Promise<void> {
    if (!isId(clientId)) throw new StoaError(identityErrors.application_not_found)
    const { db, denials, job, journal, queue } = this.#deps
    const { id: tenantId } = ctx.tenant
    const own = tenantCtx(ctx, ctx.tenant, { actor: { type: 'person', id: personId } })
    await db.system(ctx, async (tx) => {
      const filter = { now: new Date(ctx.clock.now()), only: clientId, after: null, limit: 1 }
      const [row] = await allowedList(tx, tenantId, personId, filter)
      if (row === undefined) throw new StoaError(identityErrors.application_not_found)
      if (this.#shown(row).ownScopes.length === 0) throw new StoaError(identityErrors.application_of_organisation)
      const grants = (await removeGrantsOf(tx, tenantId, personId, clientId)).map(grantName)
      denials.add(tx, 'grant', grants)
      for (const grant of grants) {
        const subjects = [oauthClientSubject(clientId), `person:${personId}`]
        journal.append(own, tx, grantRevoked.of({ clientId, personId, reason: 'withdrawn', grant }, subjects))
      }
      const sids = await leaveApplication(tx, tenantId, personId, clientId)
      if (row.backchannelLogoutUri === null) return
      for (const sid of sids) queue.enqueue(own, tx, job, { clientId, sid, sub: personId })
    })
  }

  #shown({
    allowedAt,
    applicationType,
    consent,
    grants,
    id,
    lastUsedAt,
    name,
    website,
  }: AllowedRow): AllowedApplication {
    const api = this.#deps.apiResource()
    const allowedBy = consent === 'given' && applicationType !== 'native' ? 'organisation' : 'person'
    const scopes = new Set<string>()
    const ownScopes = new Set<string>()
    for (const { openid, resources } of grants) {
      for (const [resource, text] of [[null, openid ?? ''] as const, ...Object.entries(resources)]) {
        for (const scope of text.split(' ').filter(Boolean)) {
          scopes.add(scope)
          if (allowedBy === 'person' || isAskedAlways(scope, resource, api)) ownScopes.add(scope)
        }
      }
    }
    return { id, name, website, allowedBy, scopes: [...scopes], ownScopes: [...ownScopes], allowedAt, lastUsedAt }
  }
}
