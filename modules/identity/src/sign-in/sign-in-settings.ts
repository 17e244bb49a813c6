import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, requirePermission } from '@stoa/kernel'
import type { Static } from 'typebox'
import { signInSettingsChanged } from '../events.ts'
import type * as schema from '../schema.ts'
import {
  lockedSettingsRow,
  removeSettings,
  type SettingsRow,
  saveSettings,
  settingsRow,
} from './sign-in-settings-store.ts'

/** What it stands on. */
export interface SignInSettingsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
}

/** What settings are to be; all of them. */
export type SignInSettingsChange = Static<typeof schema.SignInSettingsChange>

/** What holds where nobody has set anything. */
const NONE: Omit<SettingsRow, 'updatedAt'> = {
  registration: 'closed',
  displayName: null,
  color: null,
  logoUrl: null,
  version: 0,
}

/** How the pages of a tenant look, and who may register. */
export class SignInSettings {
  readonly #deps: SignInSettingsDeps

  constructor(deps: SignInSettingsDeps) {
    this.#deps = deps
  }

  /** For the pages: whoever opens one sees what they say. */
  async of(ctx: Ctx): Promise<Omit<SettingsRow, 'updatedAt'>> {
    return (await this.#deps.db.read(ctx, (tx) => settingsRow(tx, ctx.tenant.id))) ?? NONE
  }

  /** Needs `identity:configure`. */
  async get(ctx: Ctx): Promise<Static<typeof schema.SignInSettings>> {
    requirePermission(ctx, 'identity:configure')
    return shown((await this.#deps.db.read(ctx, (tx) => settingsRow(tx, ctx.tenant.id))) ?? null)
  }

  /** Needs `identity:configure`. @throws StoaError `precondition_failed` when somebody else was first */
  async set(
    ctx: Ctx,
    { change, precondition }: { change: SignInSettingsChange; precondition: { check(version: number): void } },
  ): Promise<Static<typeof schema.SignInSettings>> {
    requirePermission(ctx, 'identity:configure')
    const { db, journal } = this.#deps
    return await db.transaction(ctx, async (tx) => {
      const version = (await lockedSettingsRow(tx, ctx.tenant.id))?.version ?? 0
      precondition.check(version)
      const { color = null, displayName = null, logoUrl = null, registration = 'closed' } = change
      const next = { registration, displayName, color, logoUrl, version: version + 1 }
      const row = { ...next, updatedAt: new Date(ctx.clock.now()) }
      saveSettings(tx, ctx.tenant.id, row)
      journal.append(ctx, tx, signInSettingsChanged.of(next, [`tenant:${ctx.tenant.id}`]))
      return shown(row)
    })
  }

  /** As if nobody had set anything. Needs `identity:configure`. @throws StoaError `precondition_failed` */
  async remove(ctx: Ctx, precondition: { check(version: number): void } | null = null): Promise<void> {
    requirePermission(ctx, 'identity:configure')
    const { db, journal } = this.#deps
    await db.transaction(ctx, async (tx) => {
      const { version, ...none } = NONE
      // What was deleted is what is checked: settings that somebody else makes meanwhile were not there to be locked.
      const removed = await removeSettings(tx, ctx.tenant.id)
      precondition?.check(removed ?? version)
      if (removed === undefined) return
      journal.append(ctx, tx, signInSettingsChanged.of({ ...none, version }, [`tenant:${ctx.tenant.id}`]))
    })
  }
}

function shown(row: SettingsRow | null): Static<typeof schema.SignInSettings> {
  const { color, displayName, logoUrl, registration, version } = row ?? NONE
  return { registration, displayName, color, logoUrl, version, updatedAt: row?.updatedAt ?? null }
}
