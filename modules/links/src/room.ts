/**
 * Puts the room together and takes it apart: codes, memory of destinations, gathering of clicks, verbs, routes.
 */
import type { Database } from '@stoa/db'
import type { Journal, JournalEvent } from '@stoa/journal'
import { type BaseCtx, type Ctx, isId, Resources, StoaError, systemCtx, tenantCtx } from '@stoa/kernel'
import { createLimiter } from '@stoa/limiter'
import type { Columns, Room } from '@stoa/module'
import { createFetcher, isPublicAddress } from '@stoa/outbound'
import { Analytics } from './analytics/analytics.ts'
import { ClickDetailsFinder } from './analytics/click-details.ts'
import { watchClicks } from './analytics/click-watch.ts'
import { openPlaces, type Places } from './analytics/geo.ts'
import { Orphans } from './analytics/orphans.ts'
import { VisitorSalts } from './analytics/visitor-salts.ts'
import { Visitors } from './analytics/visitors.ts'
import { BulkLinks } from './bulk/bulk.ts'
import { keepClickDays } from './clicks/click-days.ts'
import { clickWriting } from './clicks/click-writing.ts'
import { Clicks } from './clicks/clicks.ts'
import { CodeFilter } from './codes/code-filter.ts'
import { CodeSupply } from './codes/code-supply.ts'
import { Directory } from './codes/directory.ts'
import { SharedLinks } from './codes/shared-links.ts'
import { codePermutation } from './codes/short-code.ts'
import { shortUrls } from './codes/short-url.ts'
import { type LinksConfig, linksConfig } from './config.ts'
import { openDomains } from './domains/open-domains.ts'
import { ShortHosts } from './domains/short-hosts.ts'
import { linkErrors } from './errors.ts'
import { Folders } from './folders/folders.ts'
import { keepWords } from './folders/word-filling.ts'
import { checkLinks } from './jobs/check-links.ts'
import { foldClicks } from './jobs/fold-clicks.ts'
import { importCsv } from './jobs/import-csv.ts'
import { importLinks } from './jobs/import-links.ts'
import { Links, type LinksDeps } from './links.ts'
import { LinkPasswords } from './redirect/link-password.ts'
import { watchLookups, watchOrphans } from './redirect/lookup-watch.ts'
import { Redirects } from './redirect/redirect.ts'
import { VisitLimit } from './redirect/visit-limit.ts'
import { takeVisits } from './redirect/visit-store.ts'
import { linkRoutes } from './routes/index.ts'
import { BlockedHosts } from './safety/blocked-hosts.ts'
import { Blocklists } from './safety/blocklist.ts'
import { Reports } from './safety/reports.ts'
import { Destinations } from './targets/destinations.ts'

/** Opens the room on its columns. */
export async function openRoom(columns: Columns): Promise<Room> {
  const { cache, db, journal, clock, log } = columns
  const config = linksConfig(columns.config)
  const ctx = systemCtx({ log, clock }, 'links')
  const resources = new Resources({ clock })
  const splitKey = columns.secret('links.split')
  const geo = await openPlaces(config.geo, log)
  const { changed, destinations, directory, filter } = openMemory(columns, config, ctx, splitKey)
  const { clicks, fold } = openClicks(columns, config, { ctx, geo }, resources)
  resources.use(keepWords(db, ctx), 'words of links')
  resources.use(keepClickDays(db, ctx, config.clickDays), 'days of clicks')
  const hosts = new ShortHosts(db, ctx, config.shortHost, columns.hosts)
  const lists = await openBlocklists(db, ctx, config, resources)
  const watch = resources.use(watchChanges(journal, { changed, destinations, hosts, lists }), 'link changes')
  resources.use(directory.keep(filter, watch.ready), 'filter of codes')
  const targetRules = () => ({
    ...config,
    publicUrl: columns.publicUrl(),
    isShortHost: (host: string) => hosts.has(host),
  })
  const shortUrl = shortUrls(columns.publicUrl, config.shortHost)
  const passwords = openPasswords(columns, resources)
  const links = new Links({
    db,
    journal,
    cache,
    codes: new CodeSupply(codePermutation(columns.secret('links.code', 16))),
    targetRules,
    isOwnHost: (host) => columns.hosts.isOwn(host),
    blocked: (own) => lists.of(own),
    shortUrl,
    passwords,
    changed,
    splitKey,
    geo,
  })
  const domains = openDomains(columns, config, { hosts, targetRules, blocked: (own) => lists.of(own) })
  const limit = visitLimitOf(columns, ctx)
  const orphans = resources.use(new Orphans(db, ctx), 'visits without a link')
  watchOrphans(columns, orphans)
  const redirects = new Redirects({
    ...{ destinations, visitors: new Visitors(), clicks, limit, clock, geo, hosts },
    ...{ orphans, passwords, shortUrl },
  })
  const visitLimit = { capacity: config.visitBurst, refillPerSecond: config.visitsPerSecond }
  return {
    routes: linkRoutes({
      ...{ analytics: new Analytics(db, geo), bulk: new BulkLinks(db, links), links, orphans, redirects, visitLimit },
      ...{ domains: domains.verbs, hosts },
      folders: new Folders({ cache: columns.cache, db, journal }),
      blocked: new BlockedHosts({ db, journal, lists }),
      reportLimit: { capacity: config.reportBurst, refillPerSecond: 1 / 30 },
      reports: new Reports({ db, journal, destinations, hosts, isOwnHost: (host) => columns.hosts.isOwn(host) }),
    }),
    jobs: [importLinks(links), importCsv(links, db), checkJob(columns, links, config, lists), fold, domains.job],
    admits: linkAdmission(links),
    async ready() {
      await watch.ready
      // What was found before then may have changed unheard.
      destinations.clear()
      await hosts.load()
    },
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

/** Nobody follows what happens to a link that is not there, or is another tenant's. */
function linkAdmission(links: Links): NonNullable<Room['admits']> {
  const admit = async (ctx: Ctx, { id = '' }: Readonly<Record<string, string>>) => {
    if (!isId(id)) throw new StoaError(linkErrors.link_not_found)
    await links.linkById(ctx, { id })
  }
  return { 'link:{id}': admit, 'link-clicks:{id}': admit }
}

/** Where codes lead, as this process remembers it. */
function openMemory(columns: Columns, { cacheEntries, cacheTtlMs }: LinksConfig, ctx: BaseCtx, splitKey: Buffer) {
  const { clock, db } = columns
  const shared = columns.shared ? new SharedLinks(columns.shared) : null
  const directory = new Directory(db, ctx, splitKey, shared)
  const filter = new CodeFilter()
  const load = directory.find
  const destinations = new Destinations({ entries: cacheEntries, ttlMs: cacheTtlMs, clock, load, filter })
  watchLookups(columns, destinations, directory, shared)
  const changed = (space: string, code: string, version: number) => {
    shared?.changed(space, code, version)
    destinations.forget(space, code)
  }
  return { changed, destinations, directory, filter }
}

function openClicks(
  columns: Columns,
  { clickBatch: batch, clickBuffer: buffer, clickFlushMs: flushMs }: LinksConfig,
  { ctx, geo }: { readonly ctx: BaseCtx; readonly geo: Places },
  resources: Resources,
) {
  const { clock, db, journal, log, queue } = columns
  const fold = foldClicks(db)
  const details = new ClickDetailsFinder(geo, new VisitorSalts(db, ctx))
  const write = clickWriting({ db, journal, queue, ctx, details, fold })
  const clicks = resources.use(new Clicks({ buffer, flushMs, batch, clock, log, write }), 'clicks')
  watchClicks(columns, clicks, buffer)
  return { clicks, fold }
}

function openPasswords({ limitStore, log, publicUrl, secret }: Columns, resources: Resources): LinkPasswords {
  const onStoreFailure = (err: unknown) => log.warn({ err }, 'attempts at passwords are counted in each process')
  const limiter = createLimiter({ ...(limitStore && { store: limitStore }), onStoreFailure })
  resources.use(limiter, 'limits of passwords')
  const isSecure = () => publicUrl().startsWith('https:')
  return new LinkPasswords({ key: secret('links.password'), limiter, isSecure })
}

/** @throws Error when there is to be a file and it cannot be read */
async function openBlocklists(db: Database, ctx: BaseCtx, { blocklist }: LinksConfig, resources: Resources) {
  const lists = new Blocklists(db, blocklist)
  await lists.refresh()
  if (blocklist !== null) resources.use(lists.keep(ctx), 'list of blocked hosts')
  return lists
}

function checkJob(
  { queue }: Columns,
  links: Links,
  { allowPrivateTargets, fetcher }: LinksConfig,
  blocklists: Blocklists,
) {
  const isAllowed = allowPrivateTargets ? () => true : isPublicAddress
  const own = createFetcher({ userAgent: 'Mozilla/5.0 (compatible; Stoa link check)', isAllowed })
  return checkLinks({ links, fetcher: fetcher ?? own, blocklists, queue })
}

function visitLimitOf({ db }: Columns, ctx: BaseCtx): VisitLimit {
  return new VisitLimit((tenant, linkId, wanted) =>
    db.transaction(tenantCtx(ctx, tenant), (tx) => takeVisits(tx, tenant.id, linkId, wanted)),
  )
}

/**
 * What other processes changed is forgotten here when the journal tells of it, whatever transaction is open beside it.
 */
function watchChanges(
  journal: Journal,
  {
    changed,
    destinations,
    hosts,
    lists,
  }: {
    readonly changed: LinksDeps['changed']
    readonly destinations: Destinations
    readonly hosts: ShortHosts
    readonly lists: Blocklists
  },
) {
  return journal.watch({ name: 'links.changes' }, (events, snapshot) => {
    for (const event of events) {
      if (isLinkEvent(event)) {
        const { code, domainId, version } = event.data
        changed(String(domainId ?? ''), String(code), Number(version))
      } else if (event.type.startsWith('link_host.')) lists.forget(event.tenantId)
      else if (event.type.startsWith('link_domain.')) hosts.changed(String(event.data.host))
    }
    hosts.refresh()
    if (snapshot !== null) destinations.heard()
  })
}

function isLinkEvent({ type }: JournalEvent): boolean {
  return type.startsWith('link.')
}
