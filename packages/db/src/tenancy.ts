/**
 * What the catalogue says of tenancy: every table keeps tenants apart, or stands on a committed list with the reason
 * why not.
 *
 * The list is the program's, a committed text with one entry per line that is read in review:
 *
 *     stoa.tenants — the list of tenants itself                         a table without tenant_id
 *     stoa.link_codes.link_codes_pkey — codes are unique per host       a unique key that tenant_id does not lead
 *
 * An entry of `stoa_pool` covers the same table in every tenant's own schema.
 */
import type { AdminSession } from './database.ts'
import { APP_ROLE, POOL_SCHEMA, SHARED_SCHEMA, SYSTEM_ROLE, TENANT_SCHEMA_PREFIX } from './migration.ts'

/** Names of tables and keys that need not keep tenants apart, each with its reason. */
export type TenancyExceptions = ReadonlyMap<string, string>

/**
 * Reads the committed list: `name — reason` per line; empty lines and lines that begin with `#` are skipped.
 *
 * @throws Error for a line without a reason, or a name that is there twice
 */
export function tenancyExceptions(text: string): TenancyExceptions {
  const exceptions = new Map<string, string>()
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const [, name, reason] = /^([a-z0-9_.]+) — (\S.*)$/.exec(line) ?? []
    if (name === undefined || reason === undefined) throw new Error(`'${line}' is not 'schema.table — reason'`)
    if (exceptions.has(name)) throw new Error(`${name} is listed twice`)
    exceptions.set(name, reason)
  }
  return exceptions
}

/** Options of {@link tenancyProblems}. */
export interface TenancyOptions {
  /** All modules are migrated, so an entry of the list that fits nothing is a problem too. Default: false. */
  readonly complete?: boolean
}

/**
 * Every way in which a table, view or function of Stoa's schemas lets tenants see each other; empty when all is well.
 */
export async function tenancyProblems(
  session: AdminSession,
  exceptions: TenancyExceptions,
  { complete = false }: TenancyOptions = {},
): Promise<string[]> {
  const tables = await session.query<TableFacts>(TABLES)
  const loopholes = await session.query<{ problem: string }>(LOOPHOLES)
  const used = new Set<string>()
  const excepted = (name: string): boolean => {
    const listed = name.replace(new RegExp(`^${TENANT_SCHEMA_PREFIX}[a-z0-9_]+`), POOL_SCHEMA)
    if (exceptions.has(listed)) used.add(listed)
    return exceptions.has(listed)
  }
  const problems = tables.flatMap((table) =>
    tableProblems(table, excepted).map((problem) => `${nameOf(table)} ${problem}`),
  )
  const stale = complete ? [...exceptions.keys()].filter((name) => !used.has(name)) : []
  return [
    ...problems,
    ...loopholes.map((row) => row.problem),
    ...stale.map(
      (name) => `${name} is on the list without need: there is no such table or key, or it keeps tenants apart`,
    ),
  ]
}

interface TableFacts {
  readonly schema: string
  readonly name: string
  readonly partition: boolean
  readonly enabled: boolean
  readonly forced: boolean
  /** Type of the column tenant_id, `uuid not null` when all is well; null without one. */
  readonly tenant: string | null
  /** Roles other than the owner that may do something with it. */
  readonly grantees: readonly string[]
  readonly primary: boolean
  /** Unique keys; `first` is their first column, null for an expression. */
  readonly keys: readonly { name: string; first: string | null }[]
  /** Foreign keys to tables that have a tenant_id; `tenant` when it is part of the key. */
  readonly references: readonly { name: string; tenant: boolean }[]
  readonly policies: readonly Policy[]
}

interface Policy {
  readonly name: string
  readonly roles: readonly string[]
  readonly command: string
  readonly using: string | null
  readonly check: string | null
}

function nameOf(table: TableFacts): string {
  return `${table.schema}.${table.name}`
}

function tableProblems(table: TableFacts, excepted: (name: string) => boolean): string[] {
  const open = table.grantees.includes('public') ? ['grants something to every role'] : []
  if (table.partition) {
    const reachable = table.grantees.length > 0 && !(table.enabled && table.forced)
    return reachable
      ? [...open, `is a partition that ${table.grantees.join(' and ')} can reach past its parent's policies`]
      : open
  }
  if (table.tenant === null) {
    return excepted(nameOf(table)) ? open : [...open, 'has no tenant_id and is not on the list of tables without one']
  }
  return [...open, ...rowSecurityProblems(table), ...keyProblems(table, excepted)]
}

function rowSecurityProblems({ enabled, forced, policies }: TableFacts): string[] {
  const problems: string[] = []
  if (!enabled) problems.push('has row level security switched off')
  if (!forced) problems.push('does not force row level security on its owner')
  const forApp = policies.filter((policy) => policy.roles.some((role) => role === APP_ROLE || role === 'public'))
  if (!forApp.some((policy) => policy.command === '*')) problems.push(`has no policy for ${APP_ROLE}`)
  for (const policy of forApp) {
    if (!boundToTenant(policy))
      problems.push(`has the policy ${policy.name}, which shows ${APP_ROLE} other tenants' rows`)
  }
  const everything = policies.find((policy) => policy.roles.includes(SYSTEM_ROLE) && policy.command === '*')
  if (everything?.using !== 'true' || everything.check !== 'true')
    problems.push(`has no policy 'true' for ${SYSTEM_ROLE}`)
  return problems
}

const OWN_ROWS = /^\(tenant_id = \( SELECT \(current_setting\('stoa\.tenant'::text\)\)::uuid AS current_setting\)\)$/

/** Without a WITH CHECK, PostgreSQL checks new rows by USING; a policy for INSERT has the former only. */
function boundToTenant({ using, check }: Policy): boolean {
  return (using !== null || check !== null) && [using, check].every((text) => text === null || OWN_ROWS.test(text))
}

function keyProblems(table: TableFacts, excepted: (name: string) => boolean): string[] {
  const problems = table.tenant === 'uuid not null' ? [] : [`has tenant_id as ${table.tenant} instead of uuid not null`]
  if (!table.primary) problems.push('has no primary key')
  for (const { name, first } of table.keys) {
    if (first !== 'tenant_id' && !excepted(`${nameOf(table)}.${name}`)) {
      problems.push(`has the unique key ${name}, which does not begin with tenant_id`)
    }
  }
  for (const { name, tenant } of table.references) {
    if (!tenant) problems.push(`has the foreign key ${name}, which can point at another tenant's row`)
  }
  return problems
}

const OURS = `(n.nspname in ('${SHARED_SCHEMA}', '${POOL_SCHEMA}') or n.nspname like '${TENANT_SCHEMA_PREFIX.replaceAll('_', '\\_')}%')`

/** A column of a table by name, as its number. */
const TENANT_COLUMN = (table: string) =>
  `(select attnum from pg_attribute where attrelid = ${table} and attname = 'tenant_id' and not attisdropped)`

const TABLES = `
select n.nspname::text as schema, c.relname::text as name, c.relispartition as partition,
  c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
  (select format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end
    from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped) as tenant,
  array(select distinct case when grantee = 0 then 'public' else grantee::regrole::text end
    from aclexplode(c.relacl) where grantee <> c.relowner order by 1) as grantees,
  exists (select from pg_index where indrelid = c.oid and indisprimary) as primary,
  (select coalesce(jsonb_agg(jsonb_build_object('name', x.relname, 'first', a.attname) order by x.relname), '[]')
    from pg_index i join pg_class x on x.oid = i.indexrelid
      left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0] and a.attnum > 0
    where i.indrelid = c.oid and i.indisunique) as keys,
  (select coalesce(jsonb_agg(jsonb_build_object('name', k.conname, 'tenant', exists (
        select from unnest(k.conkey, k.confkey) as pair(own, other)
        where own = ${TENANT_COLUMN('c.oid')} and other = ${TENANT_COLUMN('k.confrelid')})) order by k.conname), '[]')
    from pg_constraint k
    where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0 and ${TENANT_COLUMN('k.confrelid')} is not null) as references,
  (select coalesce(jsonb_agg(jsonb_build_object('name', polname, 'command', polcmd,
        'roles', (select jsonb_agg(case when r = 0 then 'public' else r::regrole::text end) from unnest(polroles) as r),
        'using', pg_get_expr(polqual, polrelid), 'check', pg_get_expr(polwithcheck, polrelid)) order by polname), '[]')
    from pg_policy where polrelid = c.oid and polpermissive) as policies
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and ${OURS}
order by n.nspname collate "C", c.relname collate "C"`

/**
 * What reads or writes past row level security: views as their owner, definer's functions, tables that belong to the
 * roles.
 */
const LOOPHOLES = `
select n.nspname || '.' || c.relname || ' is a materialized view, which has no row level security' as problem
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' and ${OURS}
union all
select n.nspname || '.' || c.relname || ' is a view that reads as its owner: security_invoker is not set'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v' and ${OURS} and not coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on'], false)
union all
select n.nspname || '.' || p.proname || ' is a function that acts as its owner: SECURITY DEFINER'
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.prosecdef and ${OURS}
union all
select n.nspname || '.' || c.relname || ' belongs to ' || c.relowner::regrole || ', which can switch its policies off'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm') and ${OURS} and c.relowner::regrole::text in ('${APP_ROLE}', '${SYSTEM_ROLE}')
order by 1`
