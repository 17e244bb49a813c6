/*
 * The OpenID provider of one tenant: oidc-provider (a certified library) over our tables, with our people, sessions and keys.
 *
 * What is left out on purpose: the implicit and the password grant, response types other than `code`, symmetric
 * signatures, request objects, PKCE by `plain`. What is always asked for: PKCE by S256, a redirect URI that is the same
 * letter by letter, a new refresh token for each that is used.
 */
import type { Tx } from '@stoa/db'
import { type Ctx, isError, errors as kernelErrors } from '@stoa/kernel'
import { type Configuration, errors, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import { accountOf, CLAIMS } from './account.ts'
import { deferLogouts } from './backchannel-logout.ts'
import { ClientRecords, compareSecrets, EXTRA_METADATA, metadataPolicy } from './client-metadata.ts'
import { grantName, loadGrant, noteGrantEnd } from './granting.ts'
import { GRANT_TYPES, OIDC_SCOPES, permissionScopes } from './oauth-clients.ts'
import { letterOf, OidcRecords } from './oidc-records.ts'
import type { ProviderDeps } from './provider-deps.ts'
import { ProviderKey } from './provider-key.ts'
import { nonceScript } from './provider-pages.ts'
import { deriveSessions } from './provider-session.ts'
import { provingPolicy } from './proving-policy.ts'
import type { KeySet } from './signing-keys.ts'
import { structuredTokens } from './structured-tokens.ts'
import { ACTOR, exchangeToken, resolvers } from './token-exchange.ts'
import { rolesInToken } from './token-rights.ts'
import { limitUserCodes } from './user-code-limit.ts'

/** Where the endpoints are, below the issuer. */
const ENDPOINTS = {
  authorization: '/authorize',
  code_verification: '/device',
  device_authorization: '/device/authorization',
  end_session: '/session/end',
  introspection: '/token/introspection',
  jwks: '/jwks',
  pushed_authorization_request: '/par',
  registration: '/clients',
  revocation: '/token/revocation',
  token: '/token',
  userinfo: '/userinfo',
} as const

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How far clocks may differ, in seconds. */
const CLOCK_SKEW_SECONDS = 60

/**
 * Makes the provider of a tenant.
 *
 * @param issuer `https://stoa.example.org/t/acme`, or `https://id.acme.example`
 */
export function createProvider(issuer: string, ctx: Ctx, keys: KeySet, deps: ProviderDeps): Provider {
  const provider = new Provider(issuer, configurationOf(issuer, ctx, keys, deps))
  // What a trusted proxy says was looked at before, and written into the headers anew: see issuer.ts.
  provider.proxy = true
  ;(provider as { silent?: boolean }).silent = true
  compareSecrets(provider)
  deriveSessions(provider, ctx, deps)
  markTokens(provider)
  detectReplays(provider, ctx, deps)
  deferLogouts(provider, (notice) => deps.tellSignedOut(ctx, notice))
  provider.use(nonceScript as never)
  provider.use(deps.clientLimits.of(ctx.tenant.id) as never)
  provider.use(limitUserCodes(ENDPOINTS.code_verification, baseOf(issuer), ctx, deps) as never)
  provider.use(structuredTokens(provider, ctx, deps) as never)
  resolvers.set(provider, async (koa, resource) => resourceServer(koa, resource, koa.oidc.client ?? {}, keys, deps))
  provider.registerGrantType(
    GRANT_TYPES.token_exchange,
    exchangeToken(provider, ctx, deps) as never,
    [...EXCHANGE_PARAMETERS],
    ['audience', 'resource'],
  )
  tellFailures(provider, ctx)
  return provider
}

/** What stands before the paths of an issuer: `/t/acme`, or nothing. */
function baseOf(issuer: string): string {
  return issuer.slice(new URL(issuer).origin.length)
}

const EXCHANGE_PARAMETERS = [
  'audience',
  'resource',
  'scope',
  'requested_token_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
] as const

function configurationOf(issuer: string, ctx: Ctx, keys: KeySet, deps: ProviderDeps): Configuration {
  const base = baseOf(issuer)
  const path = base || '/'
  const secure = issuer.startsWith('https:')
  const cookie = { httpOnly: true, sameSite: 'lax', secure, signed: false, overwrite: true } as const
  const records = {
    ...{ db: deps.db, key: deps.recordKey },
    grantEnded: (tx: Tx, grantId: string, spent: boolean) => noteGrantEnd(ctx, tx, deps, { grantId, spent }),
  }
  return {
    adapter: (model: string) =>
      model === 'Client' ? new ClientRecords(ctx, deps) : new OidcRecords(model, ctx, records),
    jwks: { keys: keys.keys.map((key) => new ProviderKey(key)) as never },
    routes: ENDPOINTS,
    scopes: [...OIDC_SCOPES],
    claims: CLAIMS,
    responseTypes: ['code'],
    subjectTypes: ['public'],
    acrValues: ['1', '2'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: keys.keys[0]?.alg ?? 'ES256',
      token_endpoint_auth_method: 'client_secret_basic',
    },
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256', 'EdDSA'],
      clientAuthSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
      dPoPSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519'],
    },
    clockTolerance: CLOCK_SKEW_SECONDS,
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    enableHttpPostMethods: false,
    cookies: {
      // The library gives the others paths of their own, which a cookie of a host must not have (RFC 6265bis, 4.1.3.2).
      names: {
        session: secure && base === '' ? '__Host-stoa-visit' : 'stoa-visit',
        interaction: 'stoa-interaction',
        resume: 'stoa-resume',
      },
      long: { ...cookie, path },
      short: { ...cookie, path },
    },
    extraClientMetadata: { properties: [...EXTRA_METADATA], validator: metadataPolicy },
    clientBasedCORS: (_ctx, origin, client) => isOwnOrigin(origin, client),
    ttl: lifetimes(deps),
    rotateRefreshToken: () => true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async (_ctx, code) => !code.scopes.has('offline_access'),
    findAccount: (_ctx, sub) => accountOf(ctx, deps, sub),
    loadExistingGrant: (koa) => loadGrant(koa, ctx, deps),
    extraTokenClaims: async (koa, token) => tokenClaims(koa, token, ctx, deps),
    renderError: (koa, out, error) => deps.pages(ctx, base).failure(koa, out, error),
    fetch: deps.fetch,
    fetchResponseBodyLimits: { jwks_uri: 64 * 1024, sector_identifier_uri: 0 },
    interactions: {
      policy: provingPolicy(),
      url: (_ctx, interaction) => `${base}/interaction/${interaction.uid}`,
    },
    features: featuresOf(base, ctx, keys, deps),
  } as Configuration
}

function featuresOf(base: string, ctx: Ctx, keys: KeySet, deps: ProviderDeps): NonNullable<Configuration['features']> {
  const pages = deps.pages(ctx, base)
  return {
    devInteractions: { enabled: false },
    externalSigningSupport: { enabled: true, ack: 'experimental-01' },
    backchannelLogout: { enabled: true },
    claimsParameter: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: {
      enabled: true,
      charset: 'base-20',
      mask: '****-****',
      deviceInfo: (koa) => ({ ...deps.placeOf(koa.req) }),
      userCodeInputSource: (koa, form, out, error) => pages.deviceCode(koa, form, out, error),
      userCodeConfirmSource: (koa, form, client, place, code) =>
        pages.deviceConfirmation(koa, form, client, place, code),
      successSource: (koa) => pages.deviceDone(koa),
    },
    dPoP: { enabled: true, nonceSecret: deps.nonceSecret, requireNonce: () => false, allowReplay: false },
    introspection: {
      enabled: true,
      // A client sees its own tokens; a resource server is one that may ask for others'.
      allowedPolicy: async (_koa, client, token) =>
        client.clientAuthMethod !== 'none' || token.clientId === client.clientId,
    },
    jwtUserinfo: { enabled: false },
    pushedAuthorizationRequests: {
      enabled: true,
      requirePushedAuthorizationRequests: false,
      allowUnregisteredRedirectUris: false,
    },
    registration: {
      enabled: true,
      initialAccessToken: true,
      issueRegistrationAccessToken: false,
      idFactory: () => deps.newId(),
      secretFactory: async () => deps.newSecret(),
    },
    registrationManagement: { enabled: false },
    requestObjects: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: async (koa, _client, oneOf) => defaultResource(koa, oneOf, deps),
      getResourceServerInfo: async (koa, resource, client) => resourceServer(koa, resource, client, keys, deps),
      useGrantedResource: async () => false,
    },
    revocation: {
      enabled: true,
      allowedPolicy: async (_koa, client, token) => token.clientId === client.clientId,
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (koa, form) => pages.signOut(koa, form),
      postLogoutSuccessSource: (koa) => pages.signedOut(koa),
    },
    userinfo: { enabled: true },
  } as NonNullable<Configuration['features']>
}

function lifetimes({ accessTokenSeconds, clock }: ProviderDeps): NonNullable<Configuration['ttl']> {
  return {
    AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? accessTokenSeconds,
    AuthorizationCode: MINUTE,
    ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? accessTokenSeconds,
    DeviceCode: 10 * MINUTE,
    Grant: 365 * DAY,
    IdToken: HOUR,
    Interaction: HOUR,
    RefreshToken: (ctx, token, client) => {
      const before = ctx?.oidc?.entities.RotatedRefreshToken
      const inBrowser = client.applicationType === 'web' && client.clientAuthMethod === 'none'
      // A token that lies in a browser and is bound to no key does not live for ever by being used.
      return before && inBrowser && !token.isSenderConstrained() ? Math.max(1, before.remainingTTL) : 14 * DAY
    },
    Session: (_ctx, session) => {
      const ends = (session as unknown as { stoaEndsAtMs?: number }).stoaEndsAtMs
      return ends === undefined ? HOUR : Math.max(1, Math.ceil((ends - clock.now()) / 1_000))
    },
  } as NonNullable<Configuration['ttl']>
}

/** A page may ask from where its client sends people back to. */
function isOwnOrigin(origin: string, { clientAuthMethod, redirectUris }: ClientFacts): boolean {
  if (clientAuthMethod !== 'none') return false
  return (redirectUris ?? []).some((uri) => URL.canParse(uri) && /^https?:/.test(uri) && new URL(uri).origin === origin)
}

interface ClientFacts {
  readonly clientAuthMethod?: string | undefined
  readonly redirectUris?: readonly string[] | undefined
}

/** The API of the installation for programs; people say what they want, or get what `userinfo` takes. */
function defaultResource(koa: KoaContextWithOIDC, oneOf: readonly string[] | undefined, deps: ProviderDeps) {
  if (oneOf !== undefined) return oneOf.includes(deps.apiResource()) ? deps.apiResource() : (oneOf as string[])
  const { grant_type: grantType, scope } = (koa.oidc.params ?? {}) as Record<string, unknown>
  if (grantType === GRANT_TYPES.client_credentials) return deps.apiResource()
  const wantsOpenid = typeof scope === 'string' && scope.split(' ').includes('openid')
  return grantType === undefined && !wantsOpenid ? deps.apiResource() : undefined
}

function resourceServer(
  koa: KoaContextWithOIDC,
  resource: string,
  client: object,
  keys: KeySet,
  { accessTokenSeconds, apiResource }: ProviderDeps,
) {
  const facts = client as { readonly 'stoa:scopes'?: readonly string[]; readonly 'stoa:resources'?: readonly string[] }
  if (resource !== apiResource() && !facts['stoa:resources']?.includes(resource)) throw new errors.InvalidTarget()
  const scope = permissionScopes(facts['stoa:scopes'] ?? []).join(' ')
  const params = koa.oidc.params as Record<string, unknown> | undefined
  // RFC 6749 §3.3: who does not say what it wants gets what it may have.
  if (params && params.grant_type === GRANT_TYPES.client_credentials && params.scope === undefined) params.scope = scope
  return {
    scope,
    audience: resource,
    accessTokenFormat: 'jwt' as const,
    accessTokenTTL: accessTokenSeconds,
    jwt: { sign: { alg: keys.keys[0]?.alg ?? 'ES256' } },
  }
}

/** What our access tokens say besides RFC 9068 §2.2. */
async function tokenClaims(
  koa: KoaContextWithOIDC,
  token: object,
  { tenant }: Ctx,
  { rightsOf }: ProviderDeps,
): Promise<Record<string, unknown>> {
  const { accountId, expiresWithSession, grantId, sessionUid } = token as Record<string, unknown>
  const base = { tenant: tenant.id }
  if (typeof accountId !== 'string') return base
  const { AuthorizationCode, DeviceCode, RefreshToken } = koa.oidc.entities as Record<string, unknown>
  const source = (RefreshToken ?? AuthorizationCode ?? DeviceCode ?? {}) as Record<string, unknown>
  return {
    ...base,
    roles: rolesInToken(await rightsOf(tenant, accountId)),
    ...(expiresWithSession === true && { sid: sessionUid }),
    ...(typeof grantId === 'string' && { grant: grantName(grantId) }),
    ...(source.acr !== undefined && { acr: source.acr }),
    ...(source.amr !== undefined && { amr: source.amr }),
    ...(source.authTime !== undefined && { auth_time: source.authTime }),
    ...((token as Record<symbol, unknown>)[ACTOR] !== undefined && { act: (token as Record<symbol, unknown>)[ACTOR] }),
  }
}

/** Opaque tokens begin with a letter that says what they are, so only one table of them is looked into. */
function markTokens(provider: Provider): void {
  for (const model of ['AccessToken', 'ClientCredentials', 'RefreshToken'] as const) {
    const prototype = provider[model].prototype as unknown as { generateTokenId(this: object): string; format?: string }
    const generate = prototype.generateTokenId
    prototype.generateTokenId = function mark(this: { format?: string }) {
      const id = generate.call(this)
      return this.format === 'jwt' ? id : `${letterOf(model)}${id}`
    }
  }
}

/** One statement, so that two who show the same proof at the same moment cannot both be the first. */
function detectReplays(provider: Provider, ctx: Ctx, deps: ProviderDeps): void {
  const records = new OidcRecords('ReplayDetection', ctx, { db: deps.db, key: deps.recordKey })
  const { ReplayDetection } = provider as unknown as { ReplayDetection: { unique: unknown } }
  ReplayDetection.unique = (iss: string, jti: string, exp: number): Promise<boolean> => {
    const seconds = Math.max(1, exp - Math.floor(ctx.clock.now() / 1_000)) + CLOCK_SKEW_SECONDS
    return records.add(`${iss} ${jti}`, { iss } as never, seconds)
  }
}

/**
 * A database that is away is no fault of ours: whoever asks is told to ask again, and nothing of it goes to the log as
 * an error. The library knows 500 alone.
 */
function tellFailures(provider: Provider, ctx: Ctx): void {
  const away = new WeakSet<object>()
  provider.on('server_error', (koa, err) => {
    if (isError(err, kernelErrors.unavailable)) away.add(koa)
    else ctx.log.error({ err }, 'the OpenID provider failed')
  })
  provider.use(async (koa, next) => {
    await next()
    // Whoever can be sent back is: that is no answer of ours.
    if (!away.has(koa) || koa.status !== 500) return
    koa.status = 503
    koa.set('retry-after', '1')
    if (koa.type === 'application/json') koa.body = { error: 'temporarily_unavailable' }
  })
}
