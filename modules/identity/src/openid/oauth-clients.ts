/*
 * Applications that sign people in, and programs that sign in themselves. Whoever adds or changes one can let it do no more
 * than they may do themselves.
 *
 * A secret is made here, shown once, and kept as its SHA-256: it has 256 random bits, so a slow hash would add nothing.
 */
import { hash, randomBytes } from 'node:crypto'
import type { Database } from '@stoa/db'
import { checkScopesExist, checkScopesHeld, type IfMatch, type Page, type PageRequest } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import { type Ctx, errors, type FieldError, newId, requirePermission, StoaError } from '@stoa/kernel'
import {
  addOAuthClient,
  type ClientAuthMethod,
  lockedOAuthClient,
  type OAuthClientRow,
  oauthClientById,
  oauthClientList,
  removeOAuthClient,
  saveOAuthClient,
} from './oauth-client-store.ts'
import { oauthClientAdded, oauthClientChanged, oauthClientRemoved } from './oidc-events.ts'
import { backchannelUriFlaw, redirectUriFlaw, websiteFlaw } from './redirect-uri.ts'

/** What clients stand on. */
export interface OAuthClientsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  /** Every permission of the installation. */
  permissions(): readonly string[]
}

/** What may be said of a client; what is absent stays, or is as said in `schema.ts`. */
export interface OAuthClientChange {
  readonly name?: string | undefined
  readonly applicationType?: 'web' | 'native' | undefined
  readonly authMethod?: ClientAuthMethod | undefined
  readonly jwks?: OAuthClientRow['jwks'] | undefined
  readonly grantTypes?: readonly GrantType[] | undefined
  readonly redirectUris?: readonly string[] | undefined
  readonly postLogoutRedirectUris?: readonly string[] | undefined
  readonly backchannelLogoutUri?: string | null | undefined
  readonly website?: string | null | undefined
  readonly scopes?: readonly string[] | undefined
  readonly resources?: readonly string[] | undefined
  readonly consent?: 'ask' | 'given' | undefined
  readonly dpopBound?: boolean | undefined
  readonly parRequired?: boolean | undefined
}

/** The ways to a token; short names. */
export const GRANT_TYPES = {
  authorization_code: 'authorization_code',
  refresh_token: 'refresh_token',
  client_credentials: 'client_credentials',
  device_code: 'urn:ietf:params:oauth:grant-type:device_code',
  token_exchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
} as const

/** One of them. */
export type GrantType = keyof typeof GRANT_TYPES

/** The scopes of OpenID Connect, which are no permissions. */
export const OIDC_SCOPES = ['openid', 'profile', 'email', 'offline_access'] as const

const NEW: Omit<OAuthClientRow, 'id' | 'createdBy' | 'createdAt' | 'updatedAt'> = {
  ...{ name: '', applicationType: 'web', authMethod: 'client_secret_basic', secretHash: null, jwks: null },
  ...{ grantTypes: ['authorization_code', 'refresh_token'], redirectUris: [], postLogoutRedirectUris: [] },
  ...{
    backchannelLogoutUri: null,
    website: null,
    scopes: ['openid', 'profile', 'email'],
    resources: [],
    consent: 'ask',
  },
  ...{ dpopBound: false, parRequired: false, registered: false, version: 1 },
}

/** The clients of tenants. */
export class OAuthClients {
  readonly #deps: OAuthClientsDeps

  constructor(deps: OAuthClientsDeps) {
    this.#deps = deps
  }

  /**
   * Adds one. Its secret, if it has one, is given out here and never again.
   *
   * @throws StoaError `validation_failed`; `forbidden` when a scope is more than the caller holds
   */
  async add(ctx: Ctx, change: OAuthClientChange): Promise<{ client: OAuthClientRow; secret: string | null }> {
    requirePermission(ctx, 'identity:clients:write')
    const at = new Date(ctx.clock.now())
    const by = `${ctx.actor.type}:${ctx.actor.id}`
    const base = { ...NEW, id: newId(ctx.clock), createdBy: by, createdAt: at, updatedAt: at }
    const secret = hasSecret(change.authMethod ?? base.authMethod) ? mintSecret() : null
    const client = { ...base, ...known(change), secretHash: secret === null ? null : secretHash(secret) }
    this.#check(ctx, client, client.scopes)
    await this.#deps.db.transaction(ctx, async (tx) => {
      addOAuthClient(tx, ctx.tenant.id, client)
      this.#deps.journal.append(ctx, tx, oauthClientAdded.of(eventData(client), [oauthClientSubject(client.id)]))
    })
    return { client, secret }
  }

  /** One client. @throws StoaError `not_found` */
  async get(ctx: Ctx, id: string): Promise<OAuthClientRow> {
    requirePermission(ctx, 'identity:clients:read')
    const client = await this.#deps.db.read(ctx, (tx) => oauthClientById(tx, ctx.tenant.id, id))
    if (client === undefined) throw new StoaError(errors.not_found)
    return client
  }

  /** Clients in the order of their creation. */
  async list(ctx: Ctx, page: PageRequest<'createdAt' | '-createdAt'>): Promise<Page<OAuthClientRow>> {
    requirePermission(ctx, 'identity:clients:read')
    const after = (page.after?.[0] ?? null) as string | null
    const query = oauthClientList(page.sort, ctx.tenant.id, after, page.limit + 1)
    return page.of(await this.#deps.db.read(ctx, (tx) => tx.many(query)), (client) => [client.id])
  }

  /**
   * Changes one. Whoever does must hold all of its scopes, those that it had and those that it gets.
   *
   * @throws StoaError `not_found`, `precondition_failed`, `forbidden`, `validation_failed`
   */
  change(ctx: Ctx, id: string, change: OAuthClientChange, ifMatch: IfMatch): Promise<OAuthClientRow> {
    return this.#edit(ctx, id, ifMatch, false, (client) => {
      const changed = { ...client, ...known(change) }
      if (hasSecret(changed.authMethod) !== hasSecret(client.authMethod)) {
        throw invalid('/body/authMethod', 'fixed', 'says whether there is a secret, which cannot be changed')
      }
      return changed
    })
  }

  /** Gives it another secret; the one before opens nothing from now on. @throws as {@link change} */
  async rotateSecret(ctx: Ctx, id: string, ifMatch: IfMatch): Promise<{ client: OAuthClientRow; secret: string }> {
    const secret = mintSecret()
    const client = await this.#edit(ctx, id, ifMatch, true, (before) => {
      if (!hasSecret(before.authMethod)) {
        throw new StoaError(errors.conflict, { message: 'This application has no secret.' })
      }
      return { ...before, secretHash: secretHash(secret) }
    })
    return { client, secret }
  }

  /** Removes one, with all that was given out to it. @throws StoaError `not_found`, `precondition_failed`, `forbidden` */
  async remove(ctx: Ctx, id: string, ifMatch: IfMatch | null = null): Promise<void> {
    requirePermission(ctx, 'identity:clients:write')
    await this.#deps.db.transaction(ctx, async (tx) => {
      const client = await lockedOAuthClient(tx, ctx.tenant.id, id)
      if (client === undefined) throw new StoaError(errors.not_found)
      ifMatch?.check(client.version)
      checkScopesHeld(ctx, permissionScopes(client.scopes))
      await removeOAuthClient(tx, ctx.tenant.id, id)
      const data = { clientId: id, name: client.name }
      this.#deps.journal.append(ctx, tx, oauthClientRemoved.of(data, [oauthClientSubject(id)]))
    })
  }

  async #edit(
    ctx: Ctx,
    id: string,
    ifMatch: IfMatch,
    secret: boolean,
    edit: (client: OAuthClientRow) => OAuthClientRow,
  ): Promise<OAuthClientRow> {
    requirePermission(ctx, 'identity:clients:write')
    return this.#deps.db.transaction(ctx, async (tx) => {
      const before = await lockedOAuthClient(tx, ctx.tenant.id, id)
      if (before === undefined) throw new StoaError(errors.not_found)
      ifMatch.check(before.version)
      const after = { ...edit(before), version: before.version + 1, updatedAt: new Date(ctx.clock.now()) }
      this.#check(ctx, after, [...before.scopes, ...after.scopes])
      saveOAuthClient(tx, ctx.tenant.id, after)
      const data = {
        ...eventData(after),
        endsTokens: secret || before.scopes.some((scope) => !after.scopes.includes(scope)),
      }
      this.#deps.journal.append(ctx, tx, oauthClientChanged.of(data, [oauthClientSubject(id)]))
      return after
    })
  }

  #check(ctx: Ctx, client: OAuthClientRow, held: readonly string[]): void {
    const fields = clientFlaws(client)
    if (fields.length > 0) throw new StoaError(errors.validation_failed, { fields })
    if (client.resources.length === 0) checkScopesExist(permissionScopes(client.scopes), this.#deps.permissions())
    checkScopesHeld(
      ctx,
      permissionScopes(held).filter((scope) => this.#isPermission(scope)),
    )
  }

  /** What is none is another API's, and says nothing here. */
  #isPermission(scope: string): boolean {
    if (scope === '*') return true
    const start = scope.endsWith(':*') ? scope.slice(0, -1) : null
    return this.#deps.permissions().some((one) => (start === null ? one === scope : one.startsWith(start)))
  }
}

/** The subject of the events of a client. */
export function oauthClientSubject(id: string): string {
  return `oauth_client:${id}`
}

/** The scopes that are not those of OpenID Connect. */
export function permissionScopes(scopes: readonly string[]): string[] {
  return scopes.filter((scope) => !(OIDC_SCOPES as readonly string[]).includes(scope))
}

/** What is kept of a secret. */
export function secretHash(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

/** A new secret: 43 characters of base64url. */
export function mintSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Whether a client with this method has a secret. */
export function hasSecret(method: ClientAuthMethod): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post'
}

function known<T extends object>(change: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as never
}

/** What contradicts itself or the rules in a client. */
export function clientFlaws(client: OAuthClientRow): FieldError[] {
  const flaws: FieldError[] = []
  const say = (field: string, code: string, message: string) =>
    void flaws.push({ pointer: `/body/${field}`, code, message })
  const { applicationType, authMethod, grantTypes } = client
  const has = (grant: GrantType) => grantTypes.includes(grant)
  client.redirectUris.forEach((uri, index) => {
    const flaw = redirectUriFlaw(uri, applicationType)
    if (flaw) say(`redirectUris/${index}`, 'unsafe_address', flaw)
  })
  client.postLogoutRedirectUris.forEach((uri, index) => {
    const flaw = redirectUriFlaw(uri, applicationType)
    if (flaw) say(`postLogoutRedirectUris/${index}`, 'unsafe_address', flaw)
  })
  const backchannel = client.backchannelLogoutUri === null ? null : backchannelUriFlaw(client.backchannelLogoutUri)
  if (backchannel) say('backchannelLogoutUri', 'unsafe_address', backchannel)
  const website = client.website === null ? null : websiteFlaw(client.website)
  if (website) say('website', 'unsafe_address', website)
  if (grantTypes.length === 0) say('grantTypes', 'required', 'names at least one way to a token')
  if (has('authorization_code') && client.redirectUris.length === 0) {
    say('redirectUris', 'required', 'is needed where people are sent back')
  }
  if (has('refresh_token') && !has('authorization_code') && !has('device_code')) {
    say('grantTypes', 'contradiction', '`refresh_token` comes with `authorization_code` or `device_code`')
  }
  for (const grant of ['client_credentials', 'token_exchange'] as const) {
    if (authMethod === 'none' && has(grant)) {
      say('grantTypes', 'contradiction', `\`${grant}\` is for who can prove who it is`)
    }
  }
  if ((authMethod === 'private_key_jwt') !== (client.jwks !== null)) {
    say('jwks', 'contradiction', 'comes with `private_key_jwt`, and with nothing else')
  }
  for (const { d, k } of client.jwks?.keys ?? []) {
    if (d !== undefined || k !== undefined) say('jwks', 'private_key', 'holds the private part of a key')
  }
  client.resources.forEach((resource, index) => {
    const sound = URL.canParse(resource) && !resource.includes('#') && resource.length <= 500
    if (!sound) say(`resources/${index}`, 'unsafe_address', 'is not an absolute address without a fragment')
  })
  return flaws
}

function invalid(pointer: string, code: string, message: string): StoaError {
  return new StoaError(errors.validation_failed, { fields: [{ pointer, code, message }] })
}

function eventData(client: OAuthClientRow) {
  const { authMethod, consent, grantTypes, id, name, redirectUris, resources, scopes, website } = client
  return {
    ...{ clientId: id, name, website, authMethod, consent },
    ...{ grantTypes: [...grantTypes], redirectUris: [...redirectUris] },
    ...{ scopes: [...scopes], resources: [...resources] },
  }
}

/** What the journal says of a client that has registered itself. */
export const oauthClientEventData = eventData
