import type { IncomingMessage } from 'node:http'
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import type { Clock, Ctx, Place } from '@stoa/kernel'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Admission } from '../sign-in/attempts.ts'
import type { AccessTokens } from './access-token.ts'
import type { ClientLimits } from './client-limits.ts'
import type { TokenDenials } from './token-denials.ts'
import type { RightsOf } from './token-rights.ts'

/** Who is signed in at a browser. */
export interface Visitor {
  readonly sessionId: string
  readonly personId: string
  readonly amr: readonly string[]
  readonly acr: string
  readonly authTime: Date
  /** The one tenant that it counts in; null: all. */
  readonly boundTenantId: string | null
  readonly endsAt: Date
}

/** Sessions, as the provider needs them. */
export interface Visitors {
  /** Who is signed in; null for nobody. */
  of(request: IncomingMessage): Promise<Visitor | null>
  /** Signs them out everywhere where this session was used. */
  signOut(ctx: Ctx, visitor: Pick<Visitor, 'personId' | 'sessionId'>): Promise<void>
  /** `Set-Cookie` that takes the cookie away. */
  removal(): string
}

/** What people see of the provider. Each writes the answer into the context. */
export interface ProviderPages {
  failure(koa: KoaContextWithOIDC, out: object, error: Error): Promise<void> | void
  deviceCode(koa: KoaContextWithOIDC, form: string, out?: object, error?: Error): Promise<void> | void
  deviceConfirmation(
    koa: KoaContextWithOIDC,
    form: string,
    client: object | undefined,
    place: object,
    userCode: string,
  ): Promise<void> | void
  deviceDone(koa: KoaContextWithOIDC): Promise<void> | void
  signOut(koa: KoaContextWithOIDC, form: string): Promise<void> | void
  signedOut(koa: KoaContextWithOIDC): Promise<void> | void
}

/** A message to an application that somebody has signed out (OpenID Connect Back-Channel Logout 1.0). */
export interface LogoutNotice {
  readonly clientId: string
  readonly sub: string
  readonly sid: string
}

/** What the providers of all tenants share. */
export interface ProviderDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly clock: Clock
  /** Encrypts records. 32 bytes. */
  readonly recordKey: Buffer
  /** Nonces of DPoP are made of it. 32 bytes. */
  readonly nonceSecret: Buffer
  /** How long access tokens last. */
  readonly accessTokenSeconds: number
  readonly visitors: Visitors
  /** The pages of a tenant. @param base what stands before their paths */
  pages(ctx: Ctx, base: string): ProviderPages
  readonly tokens: AccessTokens
  readonly denials: TokenDenials
  readonly rightsOf: RightsOf
  readonly clientLimits: ClientLimits
  readonly fetch: typeof globalThis.fetch
  /** The resource indicator of the API of the installation. */
  apiResource(): string
  /** Where a request comes from. */
  placeOf(request: IncomingMessage): Place
  /** Lets somebody try a code of a device. @throws StoaError `too_many_attempts` */
  admitUserCode(ctx: Ctx, request: IncomingMessage): Promise<Pick<Admission, 'refund'>>
  newId(): string
  newSecret(): string
  /** Has an application told, later and again until it knows. */
  tellSignedOut(ctx: Ctx, notice: LogoutNotice): Promise<void>
}
