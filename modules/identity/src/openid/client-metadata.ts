/*
 * A client as the provider knows it (RFC 7591), made of the row that we keep; and the row of one that has registered
 * itself. Of a secret both have only the hash.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { type Ctx, type FieldError, isId } from '@stoa/kernel'
import { type Adapter, type AdapterPayload, errors, Provider } from 'oidc-provider'
import { callerCtx } from './caller-ctx.ts'
import { addOAuthClient, type ClientAuthMethod, type OAuthClientRow, oauthClientById } from './oauth-client-store.ts'
import {
  clientFlaws,
  GRANT_TYPES,
  type GrantType,
  hasSecret,
  OIDC_SCOPES,
  oauthClientEventData,
  oauthClientSubject,
  secretHash,
} from './oauth-clients.ts'
import { oauthClientAdded } from './oidc-events.ts'
import type { ProviderDeps } from './provider-deps.ts'

/** What we know of a client beyond the standard. */
export const EXTRA_METADATA = ['stoa:scopes', 'stoa:resources', 'stoa:consent'] as const

/** A registration must not bring what is ours to say. */
export function metadataPolicy(koa: object | undefined, key: string, value: unknown): void {
  if (koa !== undefined && value !== undefined) throw new errors.InvalidClientMetadata(`${key} cannot be set here`)
}

const SHORT = Object.fromEntries(Object.entries(GRANT_TYPES).map(([short, long]) => [long, short]))

/** The metadata of a client. */
function metadataOf(client: OAuthClientRow): Record<string, unknown> {
  const grantTypes = client.grantTypes.map((grant) => GRANT_TYPES[grant as GrantType] ?? grant)
  const own = client.scopes.filter((scope) => (OIDC_SCOPES as readonly string[]).includes(scope))
  return {
    client_id: client.id,
    client_name: client.name,
    application_type: client.applicationType,
    token_endpoint_auth_method: client.authMethod,
    ...(client.secretHash !== null && { client_secret: client.secretHash.toString('base64url') }),
    ...(client.jwks !== null && { jwks: client.jwks }),
    grant_types: grantTypes,
    response_types: client.grantTypes.includes('authorization_code') ? ['code'] : [],
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...client.postLogoutRedirectUris],
    ...(client.backchannelLogoutUri !== null && {
      backchannel_logout_uri: client.backchannelLogoutUri,
      backchannel_logout_session_required: true,
    }),
    ...(client.website !== null && { client_uri: client.website }),
    ...(own.length > 0 && { scope: own.join(' ') }),
    dpop_bound_access_tokens: client.dpopBound,
    require_pushed_authorization_requests: client.parRequired,
    'stoa:scopes': [...client.scopes],
    'stoa:resources': [...client.resources],
    'stoa:consent': client.consent,
  }
}

/** Secrets are kept as hashes, so it is hashes that are compared. */
export function compareSecrets(provider: Provider): void {
  const prototype = provider.Client.prototype as unknown as { compareClientSecret: unknown; clientSecret?: string }
  prototype.compareClientSecret = function compare(this: { readonly clientSecret?: string }, shown: string): boolean {
    const kept = Buffer.from(this.clientSecret ?? '', 'base64url')
    const given = hash('sha256', shown, 'buffer')
    return kept.length === given.length && timingSafeEqual(kept, given)
  }
}

/** What clients stand on. */
type ClientRecordsDeps = Pick<ProviderDeps, 'db' | 'journal' | 'clientLimits' | 'placeOf'>

/** The clients of a tenant, as the provider looks for them and registers them. */
export class ClientRecords implements Adapter {
  readonly #ctx: Ctx
  readonly #deps: ClientRecordsDeps

  constructor(ctx: Ctx, deps: ClientRecordsDeps) {
    this.#ctx = ctx
    this.#deps = deps
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (!isId(id)) return undefined
    const row = await this.#deps.db.read(this.#ctx, (tx) => oauthClientById(tx, this.#ctx.tenant.id, id))
    if (row === undefined) return undefined
    const { ctx: koa } = Provider
    const named = { tenantId: this.#ctx.tenant.id, id, isConfidential: row.authMethod !== 'none' }
    if (koa !== undefined) await this.#deps.clientLimits.named(koa, named)
    return metadataOf(row) as AdapterPayload
  }

  /** Somebody registers (RFC 7591), with an initial access token that the organisation gave them. */
  async upsert(id: string, metadata: AdapterPayload): Promise<undefined> {
    const row = registeredRow(id, metadata as Record<string, unknown>, new Date(this.#ctx.clock.now()))
    const [flaw] = [...clientFlaws(row), ...strangeWebsite(row)]
    if (flaw) throw new errors.InvalidClientMetadata(`${flaw.pointer.slice('/body/'.length)} ${flaw.message}`)
    const ctx = callerCtx(this.#ctx, this.#deps, { type: 'client', id })
    await this.#deps.db.transaction(ctx, async (tx) => {
      addOAuthClient(tx, ctx.tenant.id, row)
      this.#deps.journal.append(ctx, tx, oauthClientAdded.of(oauthClientEventData(row), [oauthClientSubject(id)]))
    })
  }

  async findByUserCode(): Promise<undefined> {}
  async findByUid(): Promise<undefined> {}
  async consume(): Promise<undefined> {}
  async revokeByGrantId(): Promise<undefined> {}
  async destroy(): Promise<undefined> {
    throw new TypeError('clients are removed by the organisation')
  }
}

/**
 * An application that has registered itself says what it likes (RFC 7591, 5). Where it has people sent back to is checked
 * by what happens then; that its website is there, too, keeps it from passing for somebody else. All of its redirects have
 * to be there: one that it uses is enough to run it, and the others would vouch for any website. Schemes of programs have
 * no host, whatever stands where it would.
 */
function strangeWebsite({ redirectUris, website }: OAuthClientRow): FieldError[] {
  if (website === null) return []
  const host = URL.parse(website)?.host
  const isThere = (uri: string) => {
    const redirect = URL.parse(uri)
    return redirect?.protocol === 'https:' && redirect.host === host
  }
  if (redirectUris.length > 0 && redirectUris.every(isThere)) return []
  return [
    { pointer: '/body/client_uri', code: 'strange', message: 'is not where all of its redirect_uris are, by https' },
  ]
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

function registeredRow(id: string, metadata: Record<string, unknown>, at: Date): OAuthClientRow {
  const authMethod = String(metadata.token_endpoint_auth_method) as ClientAuthMethod
  const scopes = String(metadata.scope ?? 'openid').split(' ')
  const backchannel = metadata.backchannel_logout_uri
  return {
    ...{ id, name: String(metadata.client_name ?? 'Registered application').slice(0, 200) },
    applicationType: metadata.application_type === 'native' ? 'native' : 'web',
    authMethod,
    secretHash: hasSecret(authMethod) ? secretHash(String(metadata.client_secret)) : null,
    jwks: authMethod === 'private_key_jwt' ? ((metadata.jwks ?? null) as OAuthClientRow['jwks']) : null,
    // A program that nobody has looked at gets no token of its own, and none in another's name.
    grantTypes: texts(metadata.grant_types)
      .map((grant) => SHORT[grant] ?? grant)
      .filter((grant) => grant !== 'client_credentials' && grant !== 'token_exchange'),
    redirectUris: texts(metadata.redirect_uris),
    postLogoutRedirectUris: texts(metadata.post_logout_redirect_uris),
    backchannelLogoutUri: typeof backchannel === 'string' ? backchannel : null,
    website: typeof metadata.client_uri === 'string' ? metadata.client_uri : null,
    scopes: scopes.filter((scope) => (OIDC_SCOPES as readonly string[]).includes(scope)),
    ...{ resources: [], consent: 'ask', registered: true, createdBy: 'registration', version: 1 },
    dpopBound: metadata.dpop_bound_access_tokens === true,
    parRequired: metadata.require_pushed_authorization_requests === true,
    ...{ createdAt: at, updatedAt: at },
  }
}
