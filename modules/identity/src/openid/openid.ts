/*
 * The OpenID side of the room, put together: keys, tokens, clients, providers, and the guard's scheme.
 */
import type { IncomingMessage } from 'node:http'
import type { Tx } from '@stoa/db'
import { type AuthScheme, type Mount, placeOf, type Route } from '@stoa/http'
import { type BaseCtx, type Ctx, errors, newId, Resources, StoaError } from '@stoa/kernel'
import type { Limiter } from '@stoa/limiter'
import type { Columns } from '@stoa/module'
import type { JobDefinition } from '@stoa/queue'
import type { IdentityConfig } from '../config.ts'
import type { IssuerPlaces } from '../hosts/issuer-places.ts'
import { oauthRoutes } from '../routes/oauth-routes.ts'
import type { Attempts } from '../sign-in/attempts.ts'
import { AccessTokens } from './access-token.ts'
import { AccessTokenScheme, type AccessTokenSchemeDeps } from './access-token-scheme.ts'
import { Applications } from './applications.ts'
import { endUses, endUsesOfMember, tellApplication } from './backchannel-logout.ts'
import { ClientLimits } from './client-limits.ts'
import { endOfflineGrants } from './granting.ts'
import { type Issuer, Issuers } from './issuer.ts'
import { mintSecret, OAuthClients } from './oauth-clients.ts'
import { retainRecords } from './oidc-retention.ts'
import { openSigningKeys } from './open-signing-keys.ts'
import type { ProviderDeps, Visitors } from './provider-deps.ts'
import { RegistrationTokens } from './registration-tokens.ts'
import { type TenantAnswerer, wantsPage } from './tenant-mount.ts'
import { TokenDenials } from './token-denials.ts'

/** What the OpenID side stands on. */
export interface OpenIdDeps extends Pick<AccessTokenSchemeDeps, 'rightsOf'>, Pick<ProviderDeps, 'fetch'> {
  readonly columns: Columns
  readonly config: IdentityConfig
  /** Of the system. */
  readonly ctx: BaseCtx
  readonly visitors: Visitors
  readonly attempts: Attempts
  readonly limiter: Limiter
  readonly pages: ProviderDeps['pages']
  readonly places: IssuerPlaces
}

/** The OpenID side. */
export interface OpenId extends AsyncDisposable, TenantAnswerer {
  readonly routes: readonly Route[]
  readonly jobs: readonly JobDefinition[]
  readonly mounts: readonly Mount[]
  readonly schemes: readonly AuthScheme[]
  readonly issuers: Issuers
  readonly applications: Applications
  readonly deps: ProviderDeps
  /** Call it in the transaction (of the system role) that ends sessions. */
  sessionsEnded(ctx: BaseCtx, tx: Tx, sessionIds: readonly string[]): Promise<void>
  /** Call it in the transaction (of the system role) in which somebody signs out of everything. */
  leftEverywhere(ctx: BaseCtx, tx: Tx, personId: string): Promise<void>
  /** Call it in a transaction of the system role when somebody may use the tenant no longer. */
  membershipEnded(ctx: Ctx, tx: Tx, personId: string): Promise<void>
  ready(): Promise<void>
}

/** What tokens are for when nobody says otherwise: the API of the installation. */
const API_PATH = '/api/v1'
const SKEW_SECONDS = 60

/** Puts it together. */
export function openOpenId(given: OpenIdDeps): OpenId {
  const { columns, config, ctx, places } = given
  const { clock, db, journal, permissions, publicUrl, queue, realtime, secret } = columns
  const resources = new Resources({ clock })
  const lastingSeconds = config.accessTokenSeconds + 2 * SKEW_SECONDS
  const denials = resources.use(new TokenDenials({ db, journal, ctx, lastingSeconds }), 'token denials')
  denials.onDenial((_kind, id) => realtime.actorChanged(id))
  const issuerOf: IssuerPlaces['issuerOf'] = (tenant) => places.issuerOf(tenant)
  const isIssuerOf: IssuerPlaces['isIssuerOf'] = (...said) => places.isIssuerOf(...said)
  const apiResource = () => `${publicUrl()}${API_PATH}`
  const tokens = new AccessTokens({ db, ctx, denials, isIssuerOf })
  const recordKey = secret('oidc.records', 32)
  const keys = openSigningKeys(columns)
  const job = tellApplication(() => issuers)
  const callers = new WeakMap<IncomingMessage, string>()
  const ipOf = (request: IncomingMessage) => callers.get(request) ?? request.socket.remoteAddress ?? ''
  const clientLimit = { capacity: config.clientBurst, refillPerSecond: config.clientRequestsPerSecond }
  const deps: ProviderDeps = {
    ...{ db, journal, clock, recordKey, nonceSecret: secret('dpop.nonce', 32), tokens, denials, apiResource },
    ...{ visitors: given.visitors, pages: given.pages, fetch: given.fetch, rightsOf: given.rightsOf },
    placeOf: (request) => placeOf(request.headers['user-agent'], ipOf(request)),
    admitUserCode: (own, request) =>
      given.attempts.admit({ kind: 'device', account: '', device: null, ip: ipOf(request), tenantId: own.tenant.id }),
    clientLimits: new ClientLimits({ limiter: given.limiter, clock, ipOf, limit: clientLimit }),
    accessTokenSeconds: config.accessTokenSeconds,
    newId: () => newId(clock),
    newSecret: mintSecret,
    tellSignedOut: async (own, notice) =>
      void (await db.transaction(own, async (tx) => queue.enqueue(own, tx, job, notice))),
  }
  const issuers = resources.use(
    new Issuers({ db, ctx, journal, keys, provider: deps, maxProviders: config.maxProviders, places }),
    'issuers',
  )
  resources.use(retainRecords({ db, ctx }), 'retention of what the providers keep')
  const clients = new OAuthClients({ db, journal, permissions: () => Object.keys(permissions) })
  const applications = new Applications({ db, journal, queue, denials, job, apiResource })
  const { rightsOf } = given
  return {
    routes: oauthRoutes({
      ...{ applications, clients, keys },
      registrations: new RegistrationTokens({ db, journal, recordKey, issuerOf }),
    }),
    jobs: [job],
    mounts: [metadataMount(issuers, places)],
    schemes: [new AccessTokenScheme({ db, ctx, tokens, recordKey, apiResource, publicUrl, rightsOf })],
    ...{ issuers, applications, deps },
    leftEverywhere: (own, tx, personId) => endOfflineGrants(own, tx, personId, deps),
    sessionsEnded: (own, tx, ids) => endUses(own, tx, ids, { queue, denials, job }),
    membershipEnded: (own, tx, personId) => endUsesOfMember(own, tx, personId, { queue, job }),
    serve: async ({ at, call, request, response, tenant }) => {
      callers.set(request, call.ip)
      const issuer = await issuers.ofTenant(tenant)
      if (issuer.url !== at.address) {
        // People get the page that says that nothing is here; it is programs that look for an issuer.
        if (wantsPage(request)) return false
        throw elsewhere(issuer)
      }
      return issuer.handle(request, response)
    },
    ready: () => denials.ready(),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

/** An issuer is at one place, and whoever looks for it at another one is told where. */
function elsewhere({ url }: Issuer): StoaError {
  return new StoaError(errors.not_found, { message: `The issuer of this organisation is ${url}.` })
}

const METADATA_PREFIX = '/.well-known/oauth-authorization-server/t/'

/** The metadata of an issuer with a path where RFC 8414 §3.1 looks for it, beside OpenID's own place below the issuer. */
function metadataMount(issuers: Issuers, places: IssuerPlaces): Mount {
  return {
    prefix: METADATA_PREFIX,
    async handle(request, response) {
      const slug = request.url?.slice(METADATA_PREFIX.length) ?? ''
      const issuer = await issuers.of(slug)
      if (issuer === null) throw new StoaError(errors.not_found)
      if (issuer.url !== places.pagesOf(slug)) throw elsewhere(issuer)
      request.url = `/t/${slug}/.well-known/oauth-authorization-server`
      if (!(await issuer.handle(request, response))) throw new StoaError(errors.not_found)
    },
  }
}
