/*
 * Introspection (RFC 7662) and revocation (RFC 7009) of access tokens that carry their own proof. The library refuses
 * those, once it has found out who asks; what it refuses for that reason alone is answered here.
 */
import { type Ctx, isError, errors as stoaErrors } from '@stoa/kernel'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { AccessToken } from './access-token.ts'
import { callerCtx } from './caller-ctx.ts'
import { oauthClientSubject } from './oauth-clients.ts'
import { tokenRevoked } from './oidc-events.ts'
import type { ProviderDeps } from './provider-deps.ts'
import { isOfProgram, rightsBehind } from './token-rights.ts'

type Next = () => Promise<unknown>

/** Answers what the library leaves. */
export function structuredTokens(_provider: Provider, ctx: Ctx, deps: ProviderDeps) {
  return async function answer(koa: KoaContextWithOIDC, next: Next): Promise<void> {
    await next()
    const { oidc } = koa
    const isOurs = oidc?.route === 'introspection' || oidc?.route === 'revocation'
    if (!isOurs || (koa.body as { error?: unknown } | undefined)?.error !== 'unsupported_token_type') return
    const token = await heldToken(String(oidc.params?.token), ctx, deps)
    if (oidc.route === 'introspection') introspect(koa, token && (await behindWhomSomebodyIs(token, deps)))
    else await revoke(koa, token, ctx, deps)
  }
}

/** A token of this tenant that holds; null otherwise. */
async function heldToken(text: string, ctx: Ctx, { tokens }: ProviderDeps): Promise<AccessToken | null> {
  try {
    const token = await tokens.checkAgain(text)
    return token.tenant.id === ctx.tenant.id ? token : null
  } catch (error) {
    if (isError(error, stoaErrors.unauthenticated)) return null
    throw error
  }
}

/** The token of a person is worth something while they may use the tenant, and of one that is a program's own always. */
async function behindWhomSomebodyIs(token: AccessToken, { rightsOf }: ProviderDeps): Promise<AccessToken | null> {
  return isOfProgram(token) || (await rightsBehind(token, rightsOf)) !== null ? token : null
}

function introspect(koa: KoaContextWithOIDC, token: AccessToken | null): void {
  const { client } = koa.oidc
  koa.status = 200
  const mayKnow = client?.clientAuthMethod !== 'none' || client.clientId === token?.clientId
  koa.body =
    token === null || !mayKnow
      ? { active: false }
      : { active: true, ...token.payload, token_type: token.jkt === null ? 'Bearer' : 'DPoP' }
}

async function revoke(koa: KoaContextWithOIDC, token: AccessToken | null, ctx: Ctx, deps: ProviderDeps): Promise<void> {
  const clientId = koa.oidc.client?.clientId
  koa.status = 200
  koa.body = ''
  // Somebody else's token is none of its business, and it learns nothing of it.
  if (token === null || token.clientId !== clientId) return
  const own = callerCtx(ctx, deps, { type: 'client', id: clientId }, koa.req)
  const data = { jti: token.jti, clientId, endsAt: new Date(token.expiresAtMs).toISOString() }
  await deps.db.system(own, async (tx) => {
    deps.denials.add(tx, 'token', [token.jti])
    deps.journal.append(own, tx, tokenRevoked.of(data, [`token:${token.jti}`, oauthClientSubject(clientId)]))
  })
}
