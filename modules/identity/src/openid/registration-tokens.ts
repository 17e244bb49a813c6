import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, requirePermission, type Tenant } from '@stoa/kernel'
import { mintSecret } from './oauth-clients.ts'
import { registrationTokenAdded } from './oidc-events.ts'
import { OidcRecords } from './oidc-records.ts'

/** What registration tokens stand on. */
export interface RegistrationTokensDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly recordKey: Buffer
  /** The issuer of a tenant. */
  issuerOf(tenant: Tenant): string
}

/** A token that lets an application register itself (RFC 7591, initial access token). */
interface RegistrationToken {
  readonly token: string
  readonly registrationEndpoint: string
  readonly expiresAt: Date
}

/** Lets applications register themselves. */
export class RegistrationTokens {
  readonly #deps: RegistrationTokensDeps

  constructor(deps: RegistrationTokensDeps) {
    this.#deps = deps
  }

  /** Makes one. It is given out here and never again. */
  async make(ctx: Ctx, seconds: number): Promise<RegistrationToken> {
    requirePermission(ctx, 'identity:clients:write')
    const { db, issuerOf, journal, recordKey } = this.#deps
    const token = mintSecret()
    const now = ctx.clock.now()
    const iat = Math.floor(now / 1_000)
    const records = new OidcRecords('InitialAccessToken', ctx, { db, key: recordKey })
    const expiresAt = new Date(now + seconds * 1_000)
    await db.transaction(ctx, async (tx) => {
      await records.upsert(token, { jti: token, kind: 'InitialAccessToken', iat, exp: iat + seconds }, seconds)
      const event = registrationTokenAdded.of({ endsAt: expiresAt.toISOString() }, [`tenant:${ctx.tenant.id}`])
      journal.append(ctx, tx, event)
    })
    const registrationEndpoint = `${issuerOf(ctx.tenant)}/clients`
    return { token, registrationEndpoint, expiresAt }
  }
}
