import type { Columns } from '@stoa/module'
import { createFetcher, isPublicAddress } from '@stoa/outbound'
import type { IdentityConfig } from '../config.ts'
import type { IssuerPlaces } from '../hosts/issuer-places.ts'
import type { AccountMail } from '../people/account-mail.ts'
import type { Attempts } from '../sign-in/attempts.ts'
import type { SignIn } from '../sign-in/sign-in.ts'
import { IdentityProviders } from './identity-providers.ts'
import { LinkedAccounts } from './linked-accounts.ts'
import { UpstreamClient } from './upstream-client.ts'
import { UpstreamSignIn } from './upstream-sign-in.ts'

/** Signing in by others. */
export interface Upstream {
  readonly providers: IdentityProviders
  readonly upstream: UpstreamSignIn
  readonly linked: LinkedAccounts
}

const TIMEOUT_MS = 5_000

/** Puts it together. */
export function openUpstream(
  { db, journal, log, secret }: Columns,
  { allowPrivateApplications: allowPrivate, fetcher }: IdentityConfig,
  parts: {
    readonly attempts: Attempts
    readonly mail: AccountMail
    readonly signIn: SignIn
    readonly places: IssuerPlaces
  },
): Upstream {
  const isAllowed = allowPrivate ? () => true : isPublicAddress
  const own = createFetcher({ userAgent: 'Stoa', timeoutMs: TIMEOUT_MS, maxRedirects: 0, isAllowed })
  const issuerOf: IssuerPlaces['issuerOf'] = (tenant) => parts.places.issuerOf(tenant)
  const providers = new IdentityProviders({ db, journal, allowPrivate, issuerOf, key: secret('identity.providers') })
  const secretOf: IdentityProviders['secretOf'] = (ctx, provider) => providers.secretOf(ctx, provider)
  const client = new UpstreamClient({ fetcher: fetcher ?? own, allowPrivate, secretOf })
  const { attempts, mail, signIn } = parts
  const key = secret('identity.upstream')
  return {
    providers,
    upstream: new UpstreamSignIn({ db, journal, log, attempts, signIn, providers, client, key }),
    linked: new LinkedAccounts({ db, journal, log, mail }),
  }
}
