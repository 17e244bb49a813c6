import { readdir } from 'node:fs/promises'
import {
  APP_ROLE,
  type Database,
  DataFolderError,
  type MigrationRef,
  type MigrationStatus,
  migrationStatus,
  type Pooling,
  poolingOf,
  SYSTEM_ROLE,
} from '@stoa/db'
import { type JournalAhead, journalAhead } from '@stoa/journal'
import { type BaseCtx, type Logger, StoaError, silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import type { Config, DatabaseConfig } from '../config/config.ts'
import { findSecret } from '../config/secrets.ts'
import { failureOf } from '../failure.ts'
import { secretFingerprint } from '../installation.ts'
import { migrationSets, modules } from '../manifest.ts'
import { openDatabase, pgliteFolder } from '../open-database.ts'
import { TRIES_POOL_SIZE } from '../open-limits.ts'
import { openTables, type ServerFacts, serverFacts } from './database-store.ts'
import { type Finding, findings } from './finding.ts'

const OLDEST_SERVER = 150_000
const SKEW_WARN_MS = 2_000
const SKEW_FAIL_MS = 60_000

const { fail, ok, warn } = findings('Database')

/** The database: reachable, recent, with the right roles and schema, and made with this secret. */
export async function databaseFindings(config: Config, log: Logger = silentLogger): Promise<Finding[]> {
  if (config.database === null && (await isNew(pgliteFolder(config)))) {
    return [ok('PGlite; its folder is made at the first start.'), durabilityFinding(config, null)]
  }
  const deps = { log, clock: systemClock }
  try {
    await using db = await openDatabase(config, deps)
    return await lookInside(config, db, systemCtx(deps, 'doctor'))
  } catch (error) {
    return [whyClosed(error, config)]
  }
}

/** Opening such a folder would make a database in it. */
async function isNew(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function whyClosed(error: unknown, config: Config): Finding {
  const { text } = failureOf(error, config)
  if (error instanceof DataFolderError && /in use by the process/.test(text)) {
    return warn(
      `${text.split('. ')[0]}: what is inside was not looked at.`,
      'That is fine if it is Stoa: /health/ready says how it is. Stop it to look at everything.',
    )
  }
  return fail(text, 'Nothing else about the database was looked at.')
}

async function lookInside(config: Config, db: Database, ctx: BaseCtx): Promise<Finding[]> {
  const pooler = config.database === null ? [] : poolerFindings(config.database, await poolingOf(config.database.url))
  // Such a pooler gives wrong answers to whatever is asked next.
  if (pooler.some(({ level }) => level === 'fail')) return pooler
  const askedAt = Date.now()
  const facts = await db.admin(serverFacts)
  const skewMs = Math.abs(facts.now.getTime() - (askedAt + Date.now()) / 2)
  const status = await migrationStatus(db, migrationSets)
  const check = await db.check()
  const isNew = status.missing.some((ref) => ref.owner === 'db')
  const login = db.engine === 'postgres' ? loginFindings(config, facts, isNew) : []
  // The fingerprint is read as a role that the login may lack.
  const isReadable = status.missing.length === 0 && login.every(({ level }) => level !== 'fail')
  return [
    versionFinding(db.engine, facts),
    ...login,
    ...pooler,
    ...schemaFindings(status, isNew),
    ...(isNew ? [] : await rowFindings(db)),
    ...(isReadable ? [await fingerprintFinding(config, db, ctx)] : []),
    ...(status.missing.length === 0 ? [journalFinding(await db.admin(journalAhead))] : []),
    ...(isReadable ? await roomFindings(db, ctx) : []),
    skewFinding(skewMs),
    durabilityFinding(config, check.durability),
  ]
}

function versionFinding(engine: Database['engine'], { version, versionNum }: ServerFacts): Finding {
  if (engine === 'pglite') return ok(`PGlite answers, with PostgreSQL ${version} in it.`)
  if (versionNum >= OLDEST_SERVER) return ok(`PostgreSQL ${version} answers.`)
  return fail(`PostgreSQL ${version} is too old.`, 'Use PostgreSQL 15 or newer.')
}

function loginFindings({ database, redisUrl }: Config, facts: ServerFacts, isNew: boolean): Finding[] {
  const { login, loginSeesAll, maxConnections, mayCreate } = facts
  const found: Finding[] = []
  if (loginSeesAll) {
    found.push(
      warn(
        `The login '${login}' is a superuser or has BYPASSRLS. Requests act as ${APP_ROLE}, which is neither; a login that is neither is one more wall.`,
        `Use another one: create role stoa login password '…'; grant ${APP_ROLE}, ${SYSTEM_ROLE} to stoa; alter database "${facts.database}" owner to stoa;`,
      ),
    )
  }
  found.push(...roleFindings(facts, isNew))
  if (!mayCreate) {
    const what = `The login '${login}' may not create schemas`
    const advice = `grant create on database "${facts.database}" to "${login}";`
    found.push(
      isNew ? fail(`${what}.`, advice) : warn(`${what}: tenants with a schema of their own cannot be made.`, advice),
    )
  }
  // Those for LISTEN and for a migration; and where tries are counted.
  const wanted = (database?.poolSize ?? 0) + 2 + (redisUrl === null ? TRIES_POOL_SIZE : 0)
  if (wanted > maxConnections) {
    found.push(
      warn(
        `One process may want ${wanted} connections; the server has ${maxConnections}.`,
        'Lower STOA_DATABASE_POOL_SIZE.',
      ),
    )
  }
  if (found.length === 0) found.push(ok(`The login '${login}' and the roles have the rights they need, and no more.`))
  return found
}

function roleFindings({ login, mayCreateRoles, roles }: ServerFacts, isNew: boolean): Finding[] {
  return [APP_ROLE, SYSTEM_ROLE].flatMap((name) => {
    const role = roles.find((one) => one.name === name)
    const grant = `grant ${name} to "${login}";`
    if (role?.seesAll)
      return [fail(`The role ${name} can see every tenant.`, `alter role ${name} nosuperuser nobypassrls;`)]
    if (role) return role.usable ? [] : [fail(`The login '${login}' cannot act as ${name}.`, grant)]
    if (!isNew) return [fail(`The role ${name} is not there.`, `create role ${name} nologin nobypassrls; ${grant}`)]
    if (mayCreateRoles) return []
    return [
      fail(
        `The role ${name} is not there, and the login '${login}' may not make it.`,
        `create role ${name} nologin nobypassrls; ${grant}`,
      ),
    ]
  })
}

function poolerFindings({ directUrl, preparedStatements, url }: DatabaseConfig, pooling: Pooling): Finding[] {
  const about = findings('Pooler')
  if (pooling === 'none') return []
  if (pooling === 'session') return [about.ok('One is in between, and gives each client a connection to itself.')]
  const found: Finding[] = []
  if (pooling === 'untracked' && preparedStatements) {
    found.push(
      about.fail(
        'One is in between that hands connections on after each transaction, and does not keep prepared statements apart.',
        'Use PgBouncer 1.21 or newer with max_prepared_statements above 0, or set STOA_DATABASE_PREPARED=false.',
      ),
    )
  }
  if (directUrl === url) {
    found.push(
      about.fail(
        'One is in between that hands connections on after each transaction: migrations would lose their lock, and LISTEN hears nothing.',
        'Set STOA_DATABASE_DIRECT_URL to the database itself.',
      ),
    )
  }
  const how = pooling === 'tracked' ? 'keeps prepared statements apart' : 'is sent none that are prepared'
  return found.length > 0 ? found : [about.ok(`One is in between, which ${how}.`)]
}

function schemaFindings({ changed, missing, unknown }: MigrationStatus, isNew: boolean): Finding[] {
  const about = findings('Schema')
  if (isNew && missing.length > 0)
    return [about.warn('The database is empty.', 'stoa up (npm start) or stoa migrate fills it.')]
  const found: Finding[] = []
  const breaking = unknown.filter((ref) => ref.breaking)
  if (breaking.length > 0) {
    found.push(
      about.fail(
        `A newer release changed it in a way that breaks this one: ${named(breaking)}.`,
        'Start the newer release.',
      ),
    )
  }
  if (changed.length > 0) {
    found.push(
      about.fail(`These were applied with another text: ${named(changed)}.`, 'Use an unchanged copy of this release.'),
    )
  }
  for (const [schema, refs] of Map.groupBy(missing, (ref) => ref.schema)) {
    found.push(about.fail(`${schema} is behind by ${refs.length}: ${named(refs)}.`, 'Run stoa migrate.'))
  }
  if (found.length > 0) return found
  const newer = unknown.length > 0 ? ` It has ${unknown.length} of a newer release, which do no harm.` : ''
  return [about.ok(`Every schema is up to date.${newer}`)]
}

function named(refs: readonly MigrationRef[]): string {
  const names = refs.slice(0, 3).map((ref) => `${ref.owner}/${ref.name}`)
  return names.join(', ') + (refs.length > 3 ? ` and ${refs.length - 3} more` : '')
}

/** What the rooms say of their rows. */
async function roomFindings(db: Database, ctx: BaseCtx): Promise<Finding[]> {
  const found: Finding[] = []
  for (const { examine, name } of modules) {
    const { ok, warn } = findings(`Room ${name}`)
    for (const { advice = '', ok: isWell, text } of (await examine?.(db, ctx)) ?? []) {
      found.push(isWell ? ok(text) : warn(text, advice))
    }
  }
  return found
}

async function rowFindings(db: Database): Promise<Finding[]> {
  const about = findings('Tenants apart')
  const open = await db.admin(openTables)
  if (open.length === 0) return [about.ok("Every table with tenants' rows has row level security, forced.")]
  return [
    about.fail(
      `Row level security is off or not forced: ${open.join(', ')}.`,
      open.map((table) => `alter table ${table} enable row level security, force row level security;`).join(' '),
    ),
  ]
}

async function fingerprintFinding(config: Config, db: Database, ctx: BaseCtx): Promise<Finding> {
  const about = findings('Same secret')
  const kept = await secretFingerprint(db, ctx)
  const secret = await findSecret(config.secret, config.dataDir).catch((error: unknown) => {
    if (error instanceof StoaError) return null
    throw error
  })
  if (kept === null) return about.ok('The database has not met one yet.')
  if (secret === null)
    return about.fail(
      'The database was made with one that is not there.',
      'Put it back from a backup, or set STOA_SECRET.',
    )
  if (secret.fingerprint === kept) return about.ok('It is the one that the database was made with.')
  return about.fail(
    'The database was made with another one.',
    `Set the right one instead of the one in ${secret.source}.`,
  )
}

function journalFinding(ahead: JournalAhead | null): Finding {
  const about = findings('Journal')
  if (ahead === null) return about.ok('Its events belong to this database cluster.')
  return about.fail(
    `It was restored from another cluster: its transactions go up to ${ahead.highest}, and this cluster is at ${ahead.next}. Readers would wait until then, and new events would come before old ones.`,
    'Stop Stoa, and run stoa journal adopt.',
  )
}

function skewFinding(skewMs: number): Finding {
  const about = findings('Clocks')
  const text = `The clock of the database differs by ${(skewMs / 1000).toFixed(1)} s.`
  const advice = 'Let both machines keep time by NTP: expiry, audit trail and retention go by the clock.'
  if (skewMs > SKEW_FAIL_MS) return about.fail(text, advice)
  return skewMs > SKEW_WARN_MS ? about.warn(text, advice) : about.ok(text)
}

function durabilityFinding({ database }: Config, durability: string | null): Finding {
  const about = findings('Durability')
  if (database === null) {
    return about.warn(
      durability === null ? 'PGlite survives a crash of the process, not a power loss.' : `${capital(durability)}.`,
      'For data that must not be lost, set DATABASE_URL to a PostgreSQL.',
    )
  }
  const text = `${capital(durability ?? 'unknown')}.`
  return /may be lost|unknown/.test(text) ? about.warn(text, 'Set fsync and synchronous_commit to on.') : about.ok(text)
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
