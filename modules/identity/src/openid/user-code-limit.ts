/*
 * Codes of devices are short, because people type them: whoever tries one after the other is held up by address, network
 * and tenant (RFC 8628 §5.1). What is right does not count.
 */
import { type Ctx, isError, type StoaError } from '@stoa/kernel'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { identityErrors } from '../errors.ts'
import type { ProviderDeps } from './provider-deps.ts'

type Next = () => Promise<unknown>

/**
 * Stands before the page where codes are typed.
 *
 * @param path of the page, below the issuer
 * @param base what stands before it
 */
export function limitUserCodes(path: string, base: string, ctx: Ctx, deps: ProviderDeps) {
  return async function limit(koa: KoaContextWithOIDC, next: Next): Promise<void> {
    if (koa.method !== 'POST' || koa.path !== path) {
      await next()
      return
    }
    try {
      const admission = await deps.admitUserCode(ctx, koa.req)
      await next()
      if (koa.oidc?.entities.DeviceCode !== undefined) await admission.refund()
    } catch (error) {
      if (!isError(error, identityErrors.too_many_attempts)) throw error
      const { message, retryAfterSeconds = 1 } = error as StoaError
      koa.status = 429
      koa.set('retry-after', String(retryAfterSeconds))
      await deps.pages(ctx, base).failure(koa, { error: 'slow_down', error_description: message }, error as Error)
    }
  }
}
