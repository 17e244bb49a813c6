import { type Database, tenantById } from '@stoa/db'
import type { Ctx } from '@stoa/kernel'
import type { SignInSettings } from './sign-in/sign-in-settings.ts'

/** What a tenant is called on its pages and in its mail. */
export async function tenantName(db: Database, settings: SignInSettings, ctx: Ctx): Promise<string> {
  const { displayName } = await settings.of(ctx)
  return displayName ?? (await tenantById(db, ctx, ctx.tenant.id))?.name ?? ctx.tenant.slug
}
