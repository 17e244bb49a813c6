/*
 * Speaking to other providers. OpenID ones by a certified library, which looks at the signature (by their published keys,
 * never `none`, never a shared secret), issuer, audience, nonce, times, and at `iss` of the answer where they send it (RFC
 * 9207). Their addresses are named by strangers, so requests go the way of such (@stoa/outbound): to the public internet
 * alone, with bounds on time and size, and without following redirects.
 *
 * Microsoft says of itself that it is `…/{tenantid}/v2.0` where many directories may sign in: the issuer is then that of
 * the directory which the token names.
 */
import type { Ctx } from '@stoa/kernel'
import { StoaError } from '@stoa/kernel'
import type { Fetcher } from '@stoa/outbound'
import { LRUCache } from 'lru-cache'
import type { ClientAuth, Configuration, IDToken } from 'openid-client'
import { identityErrors } from '../errors.ts'
import { githubAccount, githubUrl } from './github.ts'
import type { ProviderRow } from './provider-store.ts'
import { accountOf, type UpstreamAccount, upstreamFailure } from './upstream-account.ts'
import { fetchBy } from './upstream-fetch.ts'

/** What it stands on. */
export interface UpstreamClientDeps {
  readonly fetcher: Fetcher
  /** Whether a provider may be without TLS. */
  readonly allowPrivate: boolean
  secretOf(ctx: Ctx, provider: ProviderRow): string
}

/** What somebody is sent over with. */
export interface Asked {
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  /** Of PKCE, by S256. */
  readonly challenge: string
  /** They have to prove it now, whatever they have proven there before. */
  readonly again: boolean
  /** A tag of BCP 47. */
  readonly locale: string
}

/** What somebody came back with, and what they were sent with. */
export interface Returned {
  readonly redirectUri: string
  readonly params: URLSearchParams
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly again: boolean
}

const CONFIGURATIONS = { max: 500, ttl: 3_600_000 } as const
const TIMEOUT_SECONDS = 8
const SKEW_SECONDS = 60

/** Speaks to other providers. */
export class UpstreamClient {
  readonly #deps: UpstreamClientDeps
  readonly #fetch: ReturnType<typeof fetchBy>
  readonly #configurations = new LRUCache<string, Promise<Configuration>>(CONFIGURATIONS)

  constructor(deps: UpstreamClientDeps) {
    this.#deps = deps
    this.#fetch = fetchBy(deps.fetcher)
  }

  /** Where to send somebody. @throws StoaError `upstream_failed`, `upstream_unavailable` */
  async url(ctx: Ctx, provider: ProviderRow, asked: Asked): Promise<URL> {
    if (provider.kind === 'github') return githubUrl(provider, asked)
    try {
      const { buildAuthorizationUrl } = await import('openid-client')
      const { again, challenge, locale, nonce, redirectUri, state } = asked
      const url = buildAuthorizationUrl(await this.#configuration(ctx, provider), {
        ...{ redirect_uri: redirectUri, scope: 'openid email profile', state, nonce, ui_locales: locale },
        ...{ code_challenge: challenge, code_challenge_method: 'S256' },
        ...(again && { prompt: 'login', max_age: '0' }),
      })
      if (url.protocol === 'https:' || (this.#deps.allowPrivate && url.protocol === 'http:')) return url
    } catch (error) {
      throw upstreamFailure(error)
    }
    throw new StoaError(identityErrors.upstream_failed)
  }

  /** Who has come back. @throws StoaError `upstream_cancelled`, `upstream_failed`, `upstream_unavailable` */
  async account(ctx: Ctx, provider: ProviderRow, returned: Returned): Promise<UpstreamAccount> {
    const { again, nonce, params, redirectUri, state, verifier } = returned
    if (provider.kind === 'github') {
      if (again) throw new StoaError(identityErrors.upstream_failed)
      return await githubAccount(provider, this.#deps.secretOf(ctx, provider), returned, this.#fetch)
    }
    try {
      const { authorizationCodeGrant } = await import('openid-client')
      const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
      const configuration = await this.#configuration(ctx, provider)
      const at = new URL(`${redirectUri}?${params}`)
      const tokens = await authorizationCodeGrant(configuration, at, { ...checks, ...(again && { maxAge: 0 }) })
      const { email, iss, name, preferred_username: username, sub } = tokens.claims() as IDToken
      return accountOf(iss, sub, [email, username, name])
    } catch (error) {
      throw upstreamFailure(error)
    }
  }

  #configuration(ctx: Ctx, provider: ProviderRow): Promise<Configuration> {
    const key = `${ctx.tenant.id} ${provider.id} ${provider.version}`
    let found = this.#configurations.get(key)
    if (found === undefined) {
      found = this.#discover(ctx, provider)
      this.#configurations.set(key, found)
      // A failure is not kept: the next one asks again.
      found.catch(() => this.#configurations.delete(key))
    }
    return found
  }

  async #discover(ctx: Ctx, provider: ProviderRow): Promise<Configuration> {
    const { ClientSecretBasic, ClientSecretPost, ...openid } = await import('openid-client')
    const secret = this.#deps.secretOf(ctx, provider)
    const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)]
    const prove: ClientAuth = (server, ...rest) =>
      (server.token_endpoint_auth_methods_supported?.includes('client_secret_post') ? post : basic)(server, ...rest)
    const metadata = { [openid.clockTolerance]: SKEW_SECONDS }
    return await openid.discovery(new URL(provider.issuer), provider.clientId, metadata, prove, {
      [openid.customFetch]: this.#fetch as never,
      timeout: TIMEOUT_SECONDS,
      execute: [
        // Without this, TLS alone would vouch for what the token endpoint says.
        openid.enableNonRepudiationChecks,
        ...(this.#deps.allowPrivate ? [openid.allowInsecureRequests] : []),
      ],
    })
  }
}
