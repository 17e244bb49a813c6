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
import { CodeSupply } from './code-supply.ts'
import { type LinksConfig, linksConfig } from './config.ts'
import { Destinations, type DestinationsOptions } from './destinations.ts'
import { clicksRecorded } from './events.ts'
import { importLinks } from './jobs/import-links.ts'
import { codeOwner, linkRow } from './link-store.ts'
import { Links } from './links.ts'
import { Redirects } from './redirect.ts'
import { linkRoutes } from './routes/index.ts'
import { codePermutation } from './short-code.ts'

/** Opens the room on its columns. */
export async function openRoom(columns: Columns): Promise<Room> {
  const { cache, db, journal, clock, log } = columns
  const config = linksConfig(columns.config)
  const ctx = systemCtx({ log, clock }, 'links')
  const resources = new Resources({ clock })
  const destinations = new Destinations({
    entries: config.cacheEntries,
    ttlMs: config.cacheTtlMs,
    clock,
    load: loadDestination(columns, ctx),
  })
  const clicks = resources.use(new Clicks(clicksOptions(columns, config, ctx)), 'clicks')
  watchClicks(columns, clicks, config.clickBuffer)
  resources.use(retainClicks(db, ctx, config.clickDays), 'click retention')
  const watch = resources.use(watchChanges(journal, destinations), 'link changes')
  const links = new Links({
    db,
    journal,
    cache,
    codes: new CodeSupply(codePermutation(columns.secret('links.code', 16))),
    targetRules: () => ({ ...config, publicUrl: columns.publicUrl() }),
    shortUrl: shortUrls(columns.publicUrl, config.shortHost),
    changed: (host, code) => destinations.forget(host, code),
  })
  const redirects = new Redirects({ destinations, clicks, clock })
  return {
    routes: linkRoutes({ links, redirects, shortHost: config.shortHost }),
    jobs: [importLinks(links)],
    ready: async () => void (await watch.ready),
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

/**
 * Two steps, because a code says neither tenant nor placement: the directory first, and then the tenant's own table.
 */
function loadDestination({ db }: Columns, ctx: BaseCtx): DestinationsOptions['load'] {
  return async (host, code) => {
    const owner = await db.systemRead(ctx, (tx) => codeOwner(tx, host, code))
    if (owner === undefined) return null
    const tenant = { id: owner.tenantId, slug: owner.tenantSlug, schema: owner.tenantSchema }
    const link = await db.read(tenantCtx(ctx, tenant), (tx) => linkRow(tx, tenant.id, owner.linkId))
    if (link === undefined) return null
    return {
      tenant,
      linkId: link.id,
      target: link.target,
      expiresAt: link.expiresAt?.getTime() ?? null,
      archived: link.archivedAt !== null,
    }
  }
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
  return journal.watch({ name: 'links.changes' }, (events) => {
    for (const event of events) {
      if (isLinkEvent(event)) destinations.forget(String(event.data.host), String(event.data.code))
    }
  })
}

function isLinkEvent({ type }: JournalEvent): boolean {
  return type.startsWith('link.')
}
