import { isUniqueViolation, json, queryBuilder, statement, type Tx } from '@stoa/db'
import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely'
import type { ShortAddress } from './codes/short-address.ts'
import { DEFAULT_HOST } from './domains/short-host.ts'
import { type Searched, searchedWords, wordsOf } from './folders/link-words.ts'
import type { Card } from './redirect/preview-card.ts'
import type { Rule, SplitTarget } from './redirect/routing.ts'
import type { Takedown } from './safety/takedown.ts'

/** A row of `links`. */
export interface LinkRow {
  readonly id: string
  /** The name of the short host, which never changes; empty for the installation's own. */
  readonly host: string
  /** The tenant's domain that it is on; null: the installation's own short host. */
  readonly domainId: string | null
  readonly code: string
  readonly target: string
  /** The folder that it is in; null: none. */
  readonly folderId: string | null
  /** For people who work with it. */
  readonly notes: string | null
  readonly title: string | null
  readonly tags: readonly string[]
  readonly startsAt: Date | null
  readonly expiresAt: Date | null
  readonly maxVisits: number | null
  readonly redirectStatus: RedirectStatus
  readonly forwardQuery: boolean
  /** See utm.ts. */
  readonly utm: string | null
  /** See routing.ts; null for none. */
  readonly rules: readonly Rule[] | null
  readonly split: readonly SplitTarget[] | null
  /** See link-password.ts; null for none. */
  readonly password: string | null
  readonly card: Card | null
  readonly archivedAt: Date | null
  /** See takedown.ts; null for none. */
  readonly takedown: Takedown | null
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly createdBy: string
}

/** How a link redirects (RFC 9110, section 15.4). */
export type RedirectStatus = 301 | 302 | 307 | 308

/** What may change of a link, and as what PostgreSQL takes it. */
const changing = {
  target: 'text',
  folderId: 'uuid',
  notes: 'text',
  title: 'text',
  tags: 'text[]',
  startsAt: 'timestamptz',
  expiresAt: 'timestamptz',
  maxVisits: 'integer',
  redirectStatus: 'smallint',
  forwardQuery: 'boolean',
  utm: 'text',
  rules: 'jsonb',
  split: 'jsonb',
  password: 'text',
  card: 'jsonb',
  archivedAt: 'timestamptz',
  takedown: 'jsonb',
  version: 'integer',
  updatedAt: 'timestamptz',
} as const satisfies Partial<Record<keyof LinkRow, string>>

/** What never changes of it. */
const lasting = {
  id: 'uuid',
  host: 'text',
  code: 'text',
  domainId: 'uuid',
  createdAt: 'timestamptz',
  createdBy: 'text',
} as const satisfies Partial<Record<keyof LinkRow, string>>

const lastingFields = Object.keys(lasting) as (keyof typeof lasting)[]
const changingFields = Object.keys(changing) as (keyof typeof changing)[]
const fields = [...lastingFields, ...changingFields]
const types: Readonly<Record<keyof LinkRow, string>> = { ...lasting, ...changing }
const columns = fields.map(columnOf).join(', ')

/** `startsAt` → `starts_at` */
function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function parameterOf(link: LinkRow, field: keyof LinkRow): unknown {
  const value = link[field]
  return types[field] === 'jsonb' && value !== null ? json(value) : value
}

/** The beginning of a block of code numbers that nobody else gets, whether this transaction commits or not. */
export async function nextCodeNumber(tx: Tx): Promise<number> {
  const { number } = await tx.one(codeNumber())
  return number
}
const codeNumber = statement<[], { number: number }>(`select nextval('link_code_numbers') as number`)

/**
 * Adds a link under a code that its maker chose, if it was free: claims the code in the directory first. One statement,
 * so one round trip. False when the code is taken: another transaction that is about to claim it is waited for first.
 */
export async function claimLink(tx: Tx, tenantId: string, link: LinkRow): Promise<boolean> {
  return (await tx.run(linkClaim(...insertionOf(tenantId, link)))) === 1
}

/**
 * Adds a link under a generated code, along with the commit. Should the code be somebody's already, `taken` is called and
 * the transaction runs again: it must choose another one then.
 */
export function addLink(tx: Tx, tenantId: string, link: LinkRow, taken: () => void): void {
  const retryOn = (error: unknown): boolean => {
    if (!isUniqueViolation(error, 'link_codes_pkey')) return false
    taken()
    return true
  }
  tx.later(codeAddition(spaceOf(link), link.code, tenantId, link.id), { retryOn })
  tx.later(linkAddition(...insertionOf(tenantId, link)))
}

type Insertion = [tenantId: string, id: string, host: string, code: string, domainId: string | null, ...rest: unknown[]]

/** The namespace of its code: empty, or the id of the domain. */
export function spaceOf({ domainId }: Pick<LinkRow, 'domainId'>): string {
  return domainId ?? ''
}

function insertionOf(tenantId: string, link: LinkRow): Insertion {
  return [tenantId, ...fields.map((field) => parameterOf(link, field))] as Insertion
}

/** The parameters of {@link insertionOf}, from `$2` on. */
const inserted = fields.map((field, index) => `$${index + 2}::${types[field]}`).join(', ')

const linkClaim = statement<Insertion, never>(`
with claimed as (
  insert into link_codes (host, code, tenant_id, link_id)
  values (coalesce($5::uuid::text, ''), $4, $1, $2)
  on conflict (host, code) do nothing
  returning tenant_id
)
insert into links (tenant_id, worded, ${columns})
select tenant_id, true, ${inserted} from claimed`)

const codeAddition = statement<[host: string, code: string, tenantId: string, linkId: string], never>(
  'insert into link_codes (host, code, tenant_id, link_id) values ($1, $2, $3, $4)',
)

const linkAddition = statement<Insertion, never>(
  `insert into links (tenant_id, worded, ${columns}) values ($1, true, ${inserted})`,
)

/** The link, or undefined. */
export function linkRow(tx: Tx, tenantId: string, id: string): Promise<LinkRow | undefined> {
  return tx.maybe(linkById(tenantId, id))
}
const linkById = statement<[string, string], LinkRow>(`select ${columns} from links where tenant_id = $1 and id = $2`)

/** Which of these ids are links. */
export async function linkIdsAmong(tx: Tx, tenantId: string, ids: readonly string[]): Promise<string[]> {
  return (await tx.many(linksOfIds(tenantId, ids))).map(({ id }) => id)
}
const linksOfIds = statement<[string, readonly string[]], { id: string }>(
  'select id from links where tenant_id = $1 and id = any ($2::uuid[])',
)

/** The link, kept from being changed by others until the transaction ends; or undefined. */
export function lockedLinkRow(tx: Tx, tenantId: string, id: string): Promise<LinkRow | undefined> {
  return tx.maybe(lockedLinkById(tenantId, id))
}
const lockedLinkById = statement<[string, string], LinkRow>(
  `select ${columns} from links where tenant_id = $1 and id = $2 for no key update`,
)

/** Writes what may change of a link. The row is locked and known by then, so the statement rides with the commit. */
export function saveLink(tx: Tx, tenantId: string, link: LinkRow): void {
  tx.later(linkSaving(tenantId, link.id, ...changingFields.map((field) => parameterOf(link, field))))
}
const linkSaving = statement<[tenantId: string, id: string, ...rest: unknown[]], never>(`
update links
set ${changingFields.map((field, index) => `${columnOf(field)} = $${index + 3}::${types[field]}`).join(', ')}
where tenant_id = $1 and id = $2`)

/** Notes which tags a link has from now on. What differs rides with the commit; nothing does when nothing differs. */
export function saveLinkTags(
  tx: Tx,
  tenantId: string,
  linkId: string,
  tags: { readonly before: readonly string[]; readonly after: readonly string[] },
): void {
  const removed = tags.before.filter((tag) => !tags.after.includes(tag))
  const added = tags.after.filter((tag) => !tags.before.includes(tag))
  if (removed.length > 0) tx.later(tagRemoval(tenantId, linkId, removed))
  if (added.length > 0) tx.later(tagAddition(tenantId, linkId, added))
}
const tagRemoval = statement<[string, string, readonly string[]], never>(
  'delete from link_tags where tenant_id = $1 and link_id = $2 and tag = any ($3::text[])',
)
const tagAddition = statement<[string, string, readonly string[]], never>(
  'insert into link_tags (tenant_id, link_id, tag) select $1, $2, unnest($3::text[])',
)

/**
 * Notes by which words a link is found from now on. What differs rides with the commit.
 *
 * @param before null for a new link
 */
export function saveLinkWords(
  tx: Tx,
  tenantId: string,
  after: Searched & Pick<LinkRow, 'id'>,
  before: Searched | null,
) {
  if (before === null) {
    tx.later(firstWords(tenantId, after.id, wordsOf(after)))
    return
  }
  const [old, words] = [wordsOf(before), wordsOf(after)]
  const removed = old.filter((word) => !words.includes(word))
  const added = words.filter((word) => !old.includes(word))
  if (removed.length > 0) tx.later(wordRemoval(tenantId, after.id, removed))
  if (added.length > 0) tx.later(wordAddition(tenantId, after.id, added))
}
// A new link has none that could be there already: to look for each would be two fifths of the work.
const firstWords = statement<[string, string, readonly string[]], never>(
  'insert into link_words (tenant_id, link_id, word) select $1, $2, unnest($3::text[])',
)
const wordRemoval = statement<[string, string, readonly string[]], never>(
  'delete from link_words where tenant_id = $1 and link_id = $2 and word = any ($3::text[])',
)
// A link that was not worded yet may have some of them.
const wordAddition = statement<[string, string, readonly string[]], never>(
  'insert into link_words (tenant_id, link_id, word) select $1, $2, unnest($3::text[]) on conflict do nothing',
)

/** Gives some links their words that have none yet. @returns how many */
export async function fillWords(tx: Tx, tenantId: string, limit: number): Promise<number> {
  const links = await tx.many(unwordedLinks(tenantId, limit))
  if (links.length === 0) return 0
  const ids: string[] = []
  const words: string[] = []
  for (const link of links) {
    for (const word of wordsOf(link)) {
      ids.push(link.id)
      words.push(word)
    }
  }
  tx.later(wordsAddition(tenantId, ids, words))
  tx.later(
    linksWorded(
      tenantId,
      links.map(({ id }) => id),
    ),
  )
  return links.length
}
const wordsAddition = statement<[string, readonly string[], readonly string[]], never>(`
insert into link_words (tenant_id, link_id, word)
select $1, link_id, word from unnest($2::uuid[], $3::text[]) as given (link_id, word)
on conflict do nothing`)
const unwordedLinks = statement<[string, number], Searched & Pick<LinkRow, 'id'>>(`
select id, code, notes, tags, target, title from links
where tenant_id = $1 and not worded order by id limit $2 for no key update skip locked`)
const linksWorded = statement<[string, readonly string[]], never>(
  'update links set worded = true where tenant_id = $1 and id = any ($2::uuid[])',
)

/** Which links to list, in which order, from where on. */
export interface LinkFilter {
  /** Links that carry all of these tags. */
  readonly tags?: readonly string[]
  readonly status?: 'active' | 'archived' | 'expired' | 'scheduled' | 'taken-down'
  /** Each of its words begins a word of the link; see link-words.ts. */
  readonly search?: string
  /** At this address. */
  readonly at?: ShortAddress
  /** In this folder; null: in none. */
  readonly folderId?: string | null
  /** On this domain; null: on the installation's own host. */
  readonly domainId?: string | null
  /** Made at this time or later. */
  readonly createdFrom?: Date
  /** Made before this time. */
  readonly createdTo?: Date
  readonly sort: 'createdAt' | 'updatedAt'
  readonly descending: boolean
  /** The sort field and the id of the last row of the page before; a time as it left, in RFC 3339. */
  readonly after?: { readonly at: string; readonly id: string }
  readonly limit: number
  readonly now: Date
}

interface Tables {
  links: LinkRow & { tenantId: string }
  linkTags: { tenantId: string; tag: string; linkId: string }
  linkWords: { tenantId: string; word: string; linkId: string }
}
const builder = queryBuilder<Tables>()

/**
 * A page of links. Time and id together are unique and indexed in both orders, so a page costs the same however far in
 * it lies. With tags the planner has the choice: all links of a rare tag, sorted, or the links in their order, each
 * probed for a common one.
 */
export function linkRows(tx: Tx, tenantId: string, filter: LinkFilter): Promise<LinkRow[]> {
  return tx.many(linkPage(tenantId, filter))
}

/** The query of {@link linkRows}. */
export function linkPage(tenantId: string, filter: LinkFilter) {
  const direction = filter.descending ? 'desc' : 'asc'
  return builder
    .selectFrom('links')
    .select(fields)
    .where('tenantId', '=', tenantId)
    .where((e) => e.and(conditions(e, tenantId, filter)))
    .orderBy(filter.sort, direction)
    .orderBy('id', direction)
    .limit(filter.limit)
}

type Links = ExpressionBuilder<Tables, 'links'>

function conditions(e: Links, tenantId: string, filter: LinkFilter): ExpressionWrapper<Tables, 'links', SqlBool>[] {
  const all: ExpressionWrapper<Tables, 'links', SqlBool>[] = []
  const { tags = [], status, search, at, folderId, domainId, createdFrom, createdTo, after, now } = filter
  for (const tag of new Set(tags)) {
    const tagged = e.selectFrom('linkTags').select('linkId').where('tenantId', '=', tenantId).where('tag', '=', tag)
    all.push(e('id', 'in', tagged))
  }
  if (status !== undefined) all.push(ofStatus(e, status, now))
  if (search !== undefined) {
    const words = searchedWords(search)
    if (words.length === 0) all.push(e.lit(false))
    for (const word of words) all.push(e('id', 'in', wordedAs(e, tenantId, word)))
  }
  if (at?.codes.length === 0) all.push(e.lit(false))
  else if (at !== undefined) all.push(e('host', '=', at.host ?? DEFAULT_HOST), e('code', 'in', at.codes))
  if (folderId !== undefined) all.push(folderId === null ? e('folderId', 'is', null) : e('folderId', '=', folderId))
  if (domainId !== undefined) all.push(domainId === null ? e('domainId', 'is', null) : e('domainId', '=', domainId))
  if (createdFrom !== undefined) all.push(e('createdAt', '>=', createdFrom))
  if (createdTo !== undefined) all.push(e('createdAt', '<', createdTo))
  if (after !== undefined) {
    const beyond = filter.descending ? '<' : '>'
    all.push(e(e.refTuple(filter.sort, 'id'), beyond, e.tuple(sql<Date>`${after.at}::timestamptz`, after.id)))
  }
  return all
}

/** The links with a word that begins so. Between these two, by bytes, is nothing else. */
function wordedAs(e: Links, tenantId: string, beginning: string) {
  return worded(e, tenantId).where('word', '>=', beginning).where('word', '<', `${beginning}\u{10ffff}`)
}

function worded(e: Links, tenantId: string) {
  return e.selectFrom('linkWords').select('linkId').where('tenantId', '=', tenantId)
}

function ofStatus(e: Links, status: NonNullable<LinkFilter['status']>, now: Date) {
  if (status === 'taken-down') return e('takedown', 'is not', null)
  const kept = e('takedown', 'is', null)
  if (status === 'archived') return e.and([kept, e('archivedAt', 'is not', null)])
  const up = e.and([kept, e('archivedAt', 'is', null)])
  if (status === 'expired') return e.and([up, e('expiresAt', '<=', now)])
  const notOver = e.or([e('expiresAt', 'is', null), e('expiresAt', '>', now)])
  const begun =
    status === 'scheduled' ? e('startsAt', '>', now) : e.or([e('startsAt', 'is', null), e('startsAt', '<=', now)])
  return e.and([up, notOver, begun])
}

/**
 * Links on a host that lead to a target and are neither archived nor taken down, the newest first. Targets have no index of
 * their own: the words of this one that are likely to be rare find them.
 */
export function linksTo(
  tx: Tx,
  tenantId: string,
  { host, target }: Pick<LinkRow, 'host' | 'target'>,
): Promise<LinkRow[]> {
  tx.later(reuseLock(tenantId, host, target))
  const rare = searchedWords(target).sort((a, b) => b.length - a.length)
  const query = builder
    .selectFrom('links')
    .select(fields)
    .where('tenantId', '=', tenantId)
    .where((e) =>
      e.and(rare.slice(0, RARE_WORDS).map((word) => e('id', 'in', worded(e, tenantId).where('word', '=', word)))),
    )
    .where('target', '=', target)
    .where('host', '=', host)
    .where('archivedAt', 'is', null)
    .where('takedown', 'is', null)
    .orderBy('createdAt', 'desc')
    .orderBy('id', 'desc')
    .limit(REUSABLE_MAX)
  return tx.many(query)
}
const RARE_WORDS = 3
const REUSABLE_MAX = 100
/** Of two that ask for the same at once, the later one finds what the other has made. */
const reuseLock = statement<[string, string, string], never>(
  "select pg_advisory_xact_lock(hashtextextended('links of ' || $1::text || ' ' || $2 || ' ' || $3, 0))",
)

/** When the next link of a tenant begins to redirect after a time; null when none will. */
export async function nextStart(tx: Tx, tenantId: string, after: Date): Promise<Date | null> {
  return (await tx.one(earliestStart(tenantId, after))).at
}
const earliestStart = statement<[string, Date], { at: Date | null }>(
  'select min(starts_at) as at from links where tenant_id = $1 and starts_at > $2',
)

/** What a redirect needs of a link, beside its target. */
const followed = [
  'version',
  'startsAt',
  'expiresAt',
  'archivedAt',
  'takedown',
  'maxVisits',
  'redirectStatus',
  'forwardQuery',
  'utm',
  'rules',
  'split',
  'password',
  'card',
] as const satisfies readonly (keyof LinkRow)[]

/** What a redirect needs of a link. */
export interface DestinationRow extends Pick<LinkRow, 'id' | 'target' | (typeof followed)[number]> {}

/** A row of the directory with its tenant, and with its link when that is in the pool; else the target is null. */
export interface FoundCode extends Omit<DestinationRow, 'id' | 'target'> {
  readonly code: string
  readonly tenantId: string
  readonly tenantSlug: string
  readonly tenantSchema: string
  readonly linkId: string
  readonly target: string | null
}

/** The same of a link that was found. */
export interface FoundLink extends FoundCode {
  readonly target: string
}

/** Who owns codes, and where pooled ones lead: asked across tenants, in the system role. Unknown codes are missing. */
export function destinationsByCode(tx: Tx, space: string, codes: readonly string[]): Promise<FoundCode[]> {
  return tx.many(codeDestinations(space, codes))
}
const codeDestinations = statement<[string, readonly string[]], FoundCode>(`
select c.code, c.link_id, t.id as tenant_id, t.slug as tenant_slug, t.schema as tenant_schema, l.target, ${followed.map((field) => `l.${columnOf(field)}`).join(', ')}
from link_codes c
join tenants t on t.id = c.tenant_id
left join links l on l.tenant_id = c.tenant_id and l.id = c.link_id
where c.host = $1 and c.code = any ($2::text[])`)

/** Where links of one tenant lead. */
export function destinationsById(tx: Tx, tenantId: string, ids: readonly string[]): Promise<DestinationRow[]> {
  return tx.many(linkDestinations(tenantId, ids))
}
const linkDestinations = statement<[string, readonly string[]], DestinationRow>(
  `select id, target, ${followed.map(columnOf).join(', ')} from links where tenant_id = $1 and id = any ($2::uuid[])`,
)

/** A code, and the namespace that it is in. */
export interface SpacedCode {
  readonly space: string
  readonly code: string
}

/** A page of all codes, in their order: asked across tenants, in the system role. */
export function codesAfter(tx: Tx, after: SpacedCode, limit: number): Promise<SpacedCode[]> {
  return tx.many(codePage(after.space, after.code, limit))
}
const codePage = statement<[string, string, number], SpacedCode>(
  'select host as space, code from link_codes where (host, code) > ($1, $2) order by host, code limit $3',
)

/** How many codes there are: asked across tenants, in the system role. */
export async function codeCount(tx: Tx): Promise<number> {
  return (await tx.one(codesCounted())).count
}
const codesCounted = statement<[], { count: number }>('select count(*) as count from link_codes')
