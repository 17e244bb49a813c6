/**
 * Puts the room together and takes it apart: codes, memory of destinations, gathering of clicks, verbs, routes.
 */
import type { Journal, JournalEvent } from '@stoa/journal'
import { type BaseCtx, Resources, systemCtx, tenantCtx } from '@stoa/kernel'
import type { Columns, Room } from '@stoa/module'
import { withSpan } from '@stoa/telemetry'
import { retainClicks } from './click-retention.ts'
import { insertClicks } from './click-store.ts'
import { watchClicks } from './click-watch.ts'
import { Clicks, type ClicksOptions } from './clicks.ts'
import { CodeFilter } from './code-filter.ts'
import { CodeSupply } from './code-supply.ts'
import { type LinksConfig, linksConfig } from './config.ts'
import { Destinations } from './destinations.ts'
import { Directory } from './directory.ts'
import { clicksRecorded } from './events.ts'
import { unknownPlaces } from './geo.ts'
import { importLinks } from './jobs/import-links.ts'
import { Links } from './links.ts'
import { watchLookups } from './lookup-watch.ts'
import { Redirects } from './redirect.ts'
import { linkRoutes } from './routes/index.ts'
import { codePermutation } from './short-code.ts'
import { VisitLimit } from './visit-limit.ts'
import { takeVisits } from './visit-store.ts'
import { Visitors } from './visitors.ts'

/** Opens the room on its columns. */
export async function openRoom(columns: Columns): Promise<Room> {
  const { cache, db, journal, clock, log } = columns
  const config = linksConfig(columns.config)
  const ctx = systemCtx({ log, clock }, 'links')
  const resources = new Resources({ clock })
  const splitKey = columns.secret('links.split')
  const geo = unknownPlaces
  const directory = new Directory(db, ctx, splitKey)
  const filter = new CodeFilter()
  const destinations = new Destinations({
    entries: config.cacheEntries,
    ttlMs: config.cacheTtlMs,
    clock,
    load: directory.find,
    filter,
  })
  watchLookups(columns, destinations, directory)
  const clicks = resources.use(new Clicks(clicksOptions(columns, config, ctx)), 'clicks')
  watchClicks(columns, clicks, config.clickBuffer)
  resources.use(retainClicks(db, ctx, config.clickDays), 'click retention')
  const watch = resources.use(watchChanges(journal, destinations), 'link changes')
  resources.use(directory.keep(filter, watch.ready), 'filter of codes')
  const links = new Links({
    db,
    journal,
    cache,
    codes: new CodeSupply(codePermutation(columns.secret('links.code', 16))),
    targetRules: () => ({ ...config, publicUrl: columns.publicUrl() }),
    shortUrl: shortUrls(columns.publicUrl, config.shortHost),
    changed: (host, code) => destinations.forget(host, code),
    splitKey,
    geo,
  })
  const redirects = new Redirects({
    destinations,
    visitors: new Visitors(),
    clicks,
    limit: visitLimitOf(columns, ctx),
    clock,
    geo,
  })
  const visitLimit = { capacity: config.visitBurst, refillPerSecond: config.visitsPerSecond }
  return {
    routes: linkRoutes({ links, redirects, shortHost: config.shortHost, visitLimit }),
    jobs: [importLinks(links)],
    async ready() {
      await watch.ready
      // What was found before then may have changed unheard.
      destinations.clear()
    },
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

/**
 * The address of a code: on the short host when there is one, with the scheme of the public address, which is known
 * once the server listens.
 */
function shortUrls(publicUrl: () => string, shortHost: string | null): (code: string) => string {
  let known = ''
  let base = ''
  return (code) => {
    const now = publicUrl()
    // A list has a hundred of them.
    if (now !== known) {
      const { origin, protocol } = new URL(now)
      base = shortHost === null ? `${origin}/l/` : `${protocol}//${shortHost}/`
      known = now
    }
    return base + code
  }
}

function visitLimitOf({ db }: Columns, ctx: BaseCtx): VisitLimit {
  return new VisitLimit((tenant, linkId, wanted) =>
    db.transaction(tenantCtx(ctx, tenant), (tx) => takeVisits(tx, tenant.id, linkId, wanted)),
  )
}

function clicksOptions({ db, journal, clock, log }: Columns, config: LinksConfig, ctx: BaseCtx): ClicksOptions {
  return {
    buffer: config.clickBuffer,
    flushMs: config.clickFlushMs,
    batch: config.clickBatch,
    clock,
    log,
    async write(tenant, clicks) {
      const own = tenantCtx(ctx, tenant)
      await withSpan('links.clicks', { 'stoa.clicks': clicks.length }, () =>
        db.transaction(own, async (tx) => {
          const recorded = await insertClicks(tx, tenant.id, clicks)
          if (recorded.links > 0) journal.append(own, tx, clicksRecorded.of({ ...recorded }, [`tenant:${tenant.id}`]))
        }),
      )
    },
  }
}

/**
 * What other processes changed is forgotten here when the journal tells of it, whatever transaction is open beside it.
 */
function watchChanges(journal: Journal, destinations: Destinations) {
  return journal.watch({ name: 'links.changes' }, (events, snapshot) => {
    for (const event of events) {
      if (isLinkEvent(event)) destinations.forget(String(event.data.host), String(event.data.code))
    }
    if (snapshot !== null) destinations.heard()
  })
}

function isLinkEvent({ type }: JournalEvent): boolean {
  return type.startsWith('link.')
}
