/*
 * What a person has let an application have. Where the organisation has said that an application is its own, people are
 * not asked; everybody else's applications, and those on a device (which cannot prove that they are who they say, RFC
 * 8252 §8.6), ask. So does whoever wants `identity:self`: a person's account is theirs in every organisation, and no
 * organisation's to give away.
 */

import { hash } from 'node:crypto'
import type { Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, type Place, permits, tenantCtx } from '@stoa/kernel'
import type { Grant, KoaContextWithOIDC } from 'oidc-provider'
import { callerCtx } from './caller-ctx.ts'
import { oauthClientSubject } from './oauth-clients.ts'
import { applicationAllowed, grantRevoked } from './oidc-events.ts'
import { requestInLibrary } from './oidc-library.ts'
import { removeOfflineGrants } from './oidc-record-store.ts'
import type { ProviderDeps } from './provider-deps.ts'

/**
 * Whether people are asked for a scope whatever the organisation says: their account, and acting while they are away, which
 * the provider gives to nobody who was not asked (OpenID Connect Core 1.0, 11).
 *
 * @param resource the API that it is for; null: the provider itself
 */
export function isAskedAlways(scope: string, resource: string | null, apiResource: string): boolean {
  if (resource === null) return scope === 'offline_access'
  return resource === apiResource && permits(new Set([scope]), 'identity:self')
}

/** What was asked for and not granted yet is granted, but for what people are asked always. True when that was anything. */
function grantWhatWasAsked(koa: KoaContextWithOIDC, grant: Grant, apiResource: string): boolean {
  const { requestParamOIDCScopes, requestParamScopes, resourceServers } = koa.oidc
  let changed = false
  const known = grant.getOIDCScope().split(' ')
  const missing = [...requestParamOIDCScopes].filter(
    (scope) => !known.includes(scope) && !isAskedAlways(scope, null, apiResource),
  )
  if (missing.length > 0) {
    grant.addOIDCScope(missing.join(' '))
    changed = true
  }
  for (const [resource, server] of Object.entries(resourceServers ?? {})) {
    const had = grant.getResourceScope(resource).split(' ')
    const wanted = [...requestParamScopes].filter(
      (scope) => server.scopes.has(scope) && !had.includes(scope) && !isAskedAlways(scope, resource, apiResource),
    )
    if (wanted.length === 0) continue
    grant.addResourceScope(resource, wanted.join(' '))
    changed = true
  }
  return changed
}

/** The grant that an authorization goes by; undefined: there is none yet. */
export async function loadGrant(koa: KoaContextWithOIDC, ctx: Ctx, deps: ProviderDeps): Promise<Grant | undefined> {
  const { client, provider, result, session } = koa.oidc
  if (!client || !session?.accountId) return undefined
  const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId)
  const known = grantId ? await provider.Grant.find(grantId) : undefined
  const { 'stoa:consent': consent, applicationType } = client as unknown as Record<string, unknown>
  if (consent !== 'given' || applicationType === 'native') return known
  const grant = known ?? new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
  if (grantWhatWasAsked(koa, grant, deps.apiResource())) {
    await grant.save()
    const facts = { personId: session.accountId, clientId: client.clientId, grant, ...deps.placeOf(koa.req) }
    await noteConsent(ctx, deps, facts, false)
  }
  return grant
}

/** Writes into the journal that an application was let in. @param asked the person was asked */
export async function noteConsent(
  ctx: Ctx,
  { db, journal }: Pick<ProviderDeps, 'db' | 'journal'>,
  { addressPrefix, clientId, device, grant, personId }: { personId: string; clientId: string; grant: Grant } & Place,
  asked = true,
): Promise<void> {
  const own = tenantCtx(ctx, ctx.tenant, { actor: { type: 'person', id: personId }, place: { addressPrefix, device } })
  const data = { personId, clientId, scopes: scopesOf(grant), asked, device, addressPrefix }
  await db.transaction(own, async (tx) => {
    journal.append(own, tx, applicationAllowed.of(data, [`person:${personId}`, oauthClientSubject(clientId)]))
  })
}

function scopesOf(grant: Grant): string[] {
  const resources = (grant as unknown as { resources?: Record<string, string> }).resources ?? {}
  const scopes = [grant.getOIDCScope(), ...Object.values(resources)].flatMap((text) => text.split(' '))
  return [...new Set(scopes)].filter(Boolean)
}

/** What access tokens name a grant by: it opens nothing. */
export function grantName(grantId: string): string {
  return hash('sha256', `grant ${grantId}`, 'base64url').slice(0, 22)
}

/**
 * A grant has ended, by what the request is about: the access tokens that were given out for it hold no longer, and the
 * journal says so. In a transaction of the system role.
 */
export function noteGrantEnd(
  ctx: Ctx,
  tx: Tx,
  deps: Pick<ProviderDeps, 'denials' | 'journal' | 'placeOf'>,
  { grantId, spent }: { readonly grantId: string /** Something was shown twice. */; readonly spent: boolean },
): void {
  const { client, entities, route } = requestInLibrary()?.oidc ?? {}
  const clientId = client?.clientId ?? null
  const facts = entities as Readonly<Record<string, { readonly accountId?: string } | undefined>> | undefined
  const source = facts?.RefreshToken ?? facts?.AuthorizationCode ?? facts?.Session ?? facts?.AccessToken
  const personId = source?.accountId ?? null
  const reason = spent || route === 'token' ? 'reuse' : route === 'revocation' ? 'revoked' : 'signed_out'
  const subjects = [
    ...(clientId === null ? [] : [oauthClientSubject(clientId)]),
    ...(personId === null ? [] : [`person:${personId}`]),
  ]
  const grant = grantName(grantId)
  deps.denials.add(tx, 'grant', [grant])
  deps.journal.append(callerCtx(ctx, deps), tx, grantRevoked.of({ clientId, personId, reason, grant }, subjects))
}

/**
 * Ends what applications were given for when a person is away, in every tenant: whoever sets a new password and signs out
 * everywhere leaves nothing behind. In the caller's transaction of the system role.
 */
export async function endOfflineGrants(
  ctx: BaseCtx,
  tx: Tx,
  personId: string,
  { denials, journal }: Pick<ProviderDeps, 'denials' | 'journal'>,
): Promise<void> {
  const ended = await removeOfflineGrants(tx, personId)
  denials.add(
    tx,
    'grant',
    ended.map(({ grantId }) => grantName(grantId)),
  )
  for (const { clientId, grantId, schema, slug, tenantId } of ended) {
    const own = tenantCtx(ctx, { id: tenantId, slug, schema }, { actor: { type: 'person', id: personId } })
    const data = { clientId, personId, reason: 'password', grant: grantName(grantId) }
    journal.append(own, tx, grantRevoked.of(data, [oauthClientSubject(clientId), `person:${personId}`]))
  }
}
