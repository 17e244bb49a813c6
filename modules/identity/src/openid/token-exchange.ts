/*
 * Token exchange (RFC 8693): a service that was called for a person calls another one for the same person. It shows the
 * token that it got, proves who it is itself, and gets one that says both: who it is for (`sub`), and who acts (`act`).
 *
 * What it gets is never more than what it shows: a subset of its scopes, of the same person and session, and it ends no
 * later.
 */
import { type Ctx, isError, errors as stoaErrors } from '@stoa/kernel'
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider'
import type { AccessToken } from './access-token.ts'
import { accountOf } from './account.ts'
import type { ProviderDeps } from './provider-deps.ts'
import { isOfProgram, rightsBehind } from './token-rights.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
/** A service that calls a service that calls a service … */
const MAX_ACTORS = 4

/** What the token says besides: who acts. Read when its claims are made. */
export const ACTOR = Symbol('actor')

/** The handler of the grant. */
export function exchangeToken(provider: Provider, ctx: Ctx, deps: ProviderDeps) {
  return async function handle(koa: KoaContextWithOIDC): Promise<void> {
    const params = koa.oidc.params as Record<string, unknown>
    const client = koa.oidc.client as NonNullable<typeof koa.oidc.client>
    if (koa.get('DPoP') !== '') throw new errors.InvalidRequest('tokens of an exchange are not bound to a key')
    checkParameters(params)
    const subject = await subjectToken(params.subject_token as string, ctx, deps)
    const account = await accountOf(ctx, deps, subject.sub)
    if (account === undefined) throw new errors.InvalidGrant('the person of the subject token is not known')
    koa.oidc.entity('Account', account)
    const facts = client as unknown as {
      readonly 'stoa:scopes'?: readonly string[]
      'stoa:resources'?: readonly string[]
    }
    const { apiResource } = deps
    const mayUse = [apiResource(), ...(facts['stoa:resources'] ?? [])].includes(subject.aud)
    if (!mayUse && subject.clientId !== client.clientId)
      throw new errors.InvalidGrant('the subject token is for another')
    const resource = one(params.resource) ?? one(params.audience) ?? apiResource()
    const info = await resourceInfo(provider, koa, resource)
    const scope = scopesOf(params.scope, subject, info.scope.split(' '), subject.aud === resource)
    const seconds = Math.min(deps.accessTokenSeconds, Math.floor((subject.expiresAtMs - ctx.clock.now()) / 1_000))
    if (seconds <= 0) throw new errors.InvalidGrant('the subject token has expired')
    const token = new provider.AccessToken({
      accountId: account.accountId,
      client,
      gty: 'token_exchange',
      expiresIn: seconds,
      scope,
      ...(subject.sid !== null && { sessionUid: subject.sid, expiresWithSession: true }),
    } as never)
    token.resourceServer = new provider.ResourceServer(resource, info as never) as never
    Object.assign(token, { [ACTOR]: actorOf(client.clientId, subject) })
    koa.oidc.entity('AccessToken', token)
    koa.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: seconds,
      scope,
    }
  }
}

function checkParameters(params: Record<string, unknown>): void {
  if (typeof params.subject_token !== 'string') throw new errors.InvalidRequest('subject_token is missing')
  const { actor_token: actor, requested_token_type: wanted = ACCESS_TOKEN, subject_token_type: type } = params
  if (type !== ACCESS_TOKEN && type !== JWT)
    throw new errors.InvalidRequest('subject_token_type is not an access token')
  if (wanted !== ACCESS_TOKEN && wanted !== JWT) throw new errors.InvalidRequest('only access tokens are given out')
  // Who acts is who has proven it: the client itself.
  if (actor !== undefined) throw new errors.InvalidRequest('actor_token is not supported')
}

async function subjectToken(text: string, ctx: Ctx, { rightsOf, tokens }: ProviderDeps): Promise<AccessToken> {
  try {
    const token = await tokens.check(text)
    if (token.tenant.id !== ctx.tenant.id || isOfProgram(token)) throw new errors.InvalidGrant('subject_token')
    if ((await rightsBehind(token, rightsOf)) === null) throw new errors.InvalidGrant('the subject token does not hold')
    return token
  } catch (error) {
    if (isError(error, stoaErrors.unauthenticated)) throw new errors.InvalidGrant('the subject token does not hold')
    throw error
  }
}

interface ResourceInfo {
  readonly scope: string
}

async function resourceInfo(provider: Provider, koa: KoaContextWithOIDC, resource: string): Promise<ResourceInfo> {
  const resolve = resolvers.get(provider)
  if (resolve === undefined) throw new TypeError('this provider knows no resources')
  return resolve(koa, resource)
}

/** How the resource servers of a provider are found. */
export const resolvers = new WeakMap<Provider, (koa: KoaContextWithOIDC, resource: string) => Promise<ResourceInfo>>()

function scopesOf(asked: unknown, subject: AccessToken, allowed: readonly string[], same: boolean): string {
  const wanted = typeof asked === 'string' && asked !== '' ? asked.split(' ') : null
  const held = subject.scopes
  // For another API its own words count; for the same one the words of the token that was shown do.
  const possible = same ? held.filter((scope) => allowed.includes(scope) || allowed.includes('*')) : [...allowed]
  if (wanted === null) return possible.join(' ')
  const excess = wanted.filter((scope) => !possible.includes(scope))
  if (excess.length > 0) throw new errors.InvalidScope('requested scope is not allowed', excess.join(' '))
  return wanted.join(' ')
}

function actorOf(clientId: string, { payload }: AccessToken): object {
  const before = payload.act
  const depth = depthOf(before)
  if (depth >= MAX_ACTORS) throw new errors.InvalidGrant('too many services have passed this token on')
  return { sub: clientId, ...(before !== undefined && { act: before }) }
}

function depthOf(act: unknown): number {
  return typeof act === 'object' && act !== null ? 1 + depthOf((act as { act?: unknown }).act) : 0
}

function one(value: unknown): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  throw new errors.InvalidTarget('only one resource can be asked for')
}
