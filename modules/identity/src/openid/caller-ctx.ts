/*
 * What the library does, it does for a request that it knows of and we are not told about. The context that we give it is the
 * issuer's, made before any of these requests and kept for many: it must not learn of one. So whatever is told in the journal
 * is told in a context that is made for it here.
 */
import type { IncomingMessage } from 'node:http'
import { type Actor, type Ctx, tenantCtx } from '@stoa/kernel'
import { requestInLibrary } from './oidc-library.ts'
import type { ProviderDeps } from './provider-deps.ts'

/**
 * The issuer's context, from where a request came.
 *
 * @param actor default: the issuer's
 * @param request default: the one that the library is busy with
 */
export function callerCtx(
  ctx: Ctx,
  { placeOf }: Pick<ProviderDeps, 'placeOf'>,
  actor: Actor = ctx.actor,
  request: IncomingMessage | undefined = requestInLibrary()?.req,
): Ctx {
  return tenantCtx(ctx, ctx.tenant, { actor, ...(request && { place: placeOf(request) }), log: ctx.log })
}
