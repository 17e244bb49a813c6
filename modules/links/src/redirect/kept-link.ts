/**
 * What the cache keeps of links: what depends on nothing but rows, so that the events of links are all that can make it
 * wrong. What depends on the time or on the configuration (whether a link has expired, its short address) is added to
 * each answer.
 *
 * A list depends on the time when a status is asked for. One of active links is kept until the first of its links
 * expires or another one begins; one of expired or of scheduled links can change at any moment, and is not kept.
 */
import type { Link } from '../contract.ts'
import type { LinkFilter, LinkRow } from '../link-store.ts'
import type { Rule, SplitTarget } from './routing.ts'
import { shownUtm } from './utm.ts'

/** A link without what depends on the time or on the configuration. Times are as they are shown. */
export type KeptLink = Omit<Link, 'shortUrl' | 'status' | 'tags' | 'rules' | 'split'> & {
  readonly host: string
  readonly tags: readonly string[]
  readonly rules: readonly Rule[]
  readonly split: readonly SplitTarget[]
}

/** The version of {@link KeptLink}: another one does not find what the one before has kept. */
const KEPT_VERSION = 8
/** How long a link or a list is kept, in milliseconds. It is a safety net: events drop what changes. */
const KEPT_MS = 10 * 60_000
/** Carried by every list of a tenant: the kind of the events' subjects. */
const ANY_LINK = 'link'

/** Of a row. */
export function keptLink(row: LinkRow): KeptLink {
  const { archivedAt, code, createdAt, createdBy, expiresAt, id, tags, target, title, updatedAt, version } = row
  const { forwardQuery, maxVisits, redirectStatus, rules, split, startsAt, utm } = row
  return {
    id,
    host: row.host,
    domainId: row.domainId,
    code,
    target,
    folderId: row.folderId,
    title,
    notes: row.notes,
    tags,
    startsAt: startsAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
    maxVisits,
    redirectStatus,
    forwardQuery,
    utm: shownUtm(utm),
    rules: rules ?? [],
    split: split ?? [],
    hasPassword: row.password !== null,
    card: row.card,
    archivedAt: archivedAt?.toISOString() ?? null,
    takedown: row.takedown,
    version,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    createdBy,
  }
}

/** Whether it redirects at a time, in milliseconds since the epoch, and if not, why. */
export function statusAt({ archivedAt, expiresAt, startsAt, takedown }: KeptLink, now: number): Link['status'] {
  if (takedown !== null) return 'taken-down'
  if (archivedAt !== null) return 'archived'
  if (expiresAt !== null && Date.parse(expiresAt) <= now) return 'expired'
  return startsAt !== null && Date.parse(startsAt) > now ? 'scheduled' : 'active'
}

/** Under which name one link is kept, and how. */
export function keptAs(id: string) {
  const own = `${ANY_LINK}:${id}`
  return { key: own, options: { tags: [own], ttlMs: KEPT_MS, version: KEPT_VERSION } }
}

/**
 * Under which name a list is kept, and how.
 *
 * @param nextStart when the next link of the tenant begins, in milliseconds since the epoch; asked after the list is loaded
 */
export function listKeptAs(filter: Omit<LinkFilter, 'now'>, now: () => number, nextStart: () => number) {
  const { after, createdFrom, createdTo, descending, limit, search, sort, status } = filter
  const tags = filter.tags && [...new Set(filter.tags)].sort()
  const { at, domainId = '', folderId = '' } = filter
  const places = [folderId, domainId]
  const asked = [
    sort,
    descending,
    limit,
    after?.at,
    after?.id,
    status,
    search,
    createdFrom,
    createdTo,
    tags,
    places,
    at,
  ]
  const ttlMs = (links: readonly KeptLink[]) =>
    status === 'active' ? Math.min(KEPT_MS, activeFor(links, now()), nextStart() - now()) : KEPT_MS
  return {
    key: `links ${JSON.stringify(asked)}`,
    options: { tags: [ANY_LINK], ttlMs, version: KEPT_VERSION, bypass: status === 'expired' || status === 'scheduled' },
  }
}

function activeFor(links: readonly KeptLink[], now: number): number {
  return Math.min(
    ...links.map(({ expiresAt }) => (expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt) - now)),
  )
}
