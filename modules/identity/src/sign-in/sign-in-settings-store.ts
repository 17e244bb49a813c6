import { statement, type Tx } from '@stoa/db'

/** A row of `sign_in_settings`. */
export interface SettingsRow {
  readonly registration: 'closed' | 'open'
  readonly displayName: string | null
  /** `#1a2b3c`. */
  readonly color: string | null
  readonly logoUrl: string | null
  readonly version: number
  readonly updatedAt: Date
}

const columns = 'registration, display_name, color, logo_url, version, updated_at'

/** The settings of a tenant, or undefined when nobody has set any. */
export function settingsRow(tx: Tx, tenantId: string): Promise<SettingsRow | undefined> {
  return tx.maybe(settingsOfTenant(tenantId))
}
const settingsOfTenant = statement<[string], SettingsRow>(
  `select ${columns} from stoa.sign_in_settings where tenant_id = $1`,
)

/** The same, kept from being changed by others until the transaction ends. */
export function lockedSettingsRow(tx: Tx, tenantId: string): Promise<SettingsRow | undefined> {
  return tx.maybe(settingsLocked(tenantId))
}
const settingsLocked = statement<[string], SettingsRow>(
  `select ${columns} from stoa.sign_in_settings where tenant_id = $1 for no key update`,
)

/** Writes the settings of a tenant; it rides with the commit. */
export function saveSettings(tx: Tx, tenantId: string, settings: SettingsRow): void {
  const { color, displayName, logoUrl, registration, updatedAt, version } = settings
  tx.later(settingsSaving(tenantId, registration, displayName, color, logoUrl, version, updatedAt))
}
const settingsSaving = statement<[string, string, string | null, string | null, string | null, number, Date], never>(`
insert into stoa.sign_in_settings (tenant_id, registration, display_name, color, logo_url, version, updated_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id) do update
set registration = excluded.registration, display_name = excluded.display_name, color = excluded.color,
  logo_url = excluded.logo_url, version = excluded.version, updated_at = excluded.updated_at`)

/** Deletes the settings of a tenant. Gives the version that they had, or undefined when there are none. */
export async function removeSettings(tx: Tx, tenantId: string): Promise<number | undefined> {
  return (await tx.maybe(settingsRemoval(tenantId)))?.version
}
const settingsRemoval = statement<[string], Pick<SettingsRow, 'version'>>(
  'delete from stoa.sign_in_settings where tenant_id = $1 returning version',
)
