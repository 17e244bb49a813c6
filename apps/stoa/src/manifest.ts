/*
 * What this program is made of. A new room is one more line here. Nothing happens at import: the checks of the
 * repository read these lists too.
 */
import { groundMigrations, type MigrationSet, migrationErrors, tenantErrors } from '@stoa/db'
import { apiKeyErrors, httpEvents, httpMigrations, httpPermissions, httpTags, protocolErrors } from '@stoa/http'
import { identityModule } from '@stoa/identity'
import { jobsModule } from '@stoa/jobs'
import { type EventDefinition, journalErrors, journalMigrations, journalPermissions } from '@stoa/journal'
import { type ErrorSpec, errors } from '@stoa/kernel'
import { linksModule } from '@stoa/links'
import { mailModule } from '@stoa/mail-room'
import type { LeastRole, Module } from '@stoa/module'
import { queueErrors, queueMigrations } from '@stoa/queue'
import { type ChannelKind, realtimeErrors, realtimePermissions, realtimeTags } from '@stoa/realtime'
import { secretErrors } from './config/secrets.ts'
import { stoaMigrations } from './migrations/index.ts'

/** The rooms. */
export const modules: readonly Module[] = [identityModule, linksModule, jobsModule, mailModule]

/** Every migration, in the order in which they run. */
export const migrationSets: readonly MigrationSet[] = [
  groundMigrations,
  journalMigrations,
  httpMigrations,
  queueMigrations,
  stoaMigrations,
  ...modules.map((module) => module.migrations),
]

/** Every error code, by the package or room that it belongs to. No code is in two of them. */
export const errorTables: Readonly<Record<string, Readonly<Record<string, ErrorSpec>>>> = {
  kernel: errors,
  http: protocolErrors,
  apiKeys: apiKeyErrors,
  journal: journalErrors,
  queue: queueErrors,
  realtime: realtimeErrors,
  migrations: migrationErrors,
  tenants: tenantErrors,
  secrets: secretErrors,
  ...Object.fromEntries(modules.map((module) => [module.name, module.errors])),
}

/** Every permission, with what it allows. */
export const permissions: Readonly<Record<string, string>> = Object.assign(
  { ...httpPermissions, ...journalPermissions, ...realtimePermissions },
  ...modules.map((module) => module.permissions),
)

/** What operations with a tag have in common, in the order of the documentation. */
export const tags: Readonly<Record<string, string>> = Object.assign({}, ...modules.map((module) => module.tags ?? {}), {
  ...httpTags,
  ...realtimeTags,
  Audit:
    'Who did what, and when: the journal of the organisation, which is written with each change and never changed.',
})

/** The least built-in role that has a permission, where it is another than its last word says. */
export const leastRoles: Readonly<Record<string, LeastRole>> = Object.assign(
  {
    'apiKeys:read': 'admin',
    'apiKeys:write': 'admin',
    'apiKeys:own': 'admin',
    'audit:read': 'admin',
    'realtime:connect': 'viewer',
  },
  ...modules.map((module) => module.leastRoles ?? {}),
)

/** Every kind of channel that can be followed. */
export const channels: readonly ChannelKind[] = modules.flatMap((module) => [...(module.channels ?? [])])

/** Every event that can be appended. */
export const events: readonly EventDefinition[] = [...httpEvents, ...modules.flatMap((module) => [...module.events])]
