import { OneOf } from '@stoa/http'
import { type Ctx, grouped, isError, StoaError } from '@stoa/kernel'
import type { Fetcher, PageInfo } from '@stoa/outbound'
import { defineJob, type JobDefinition, type Queue, type RunningJob } from '@stoa/queue'
import { type Static, Type } from 'typebox'
import type { Link } from '../contract.ts'
import { linkErrors } from '../errors.ts'
import type { Links } from '../links.ts'
import type { Card } from '../redirect/preview-card.ts'
import type { Blocklists } from '../safety/blocklist.ts'
import { checkTarget, type TargetCheck } from '../targets/target-check.ts'

const MAX_IDS = 1_000
const MAX_LINKS = 20_000
const MAX_FINDINGS = 200
const PAGE = 100
/** Targets that are visited at the same time. */
const AT_ONCE = 8
const SHOWN_MAX = 300

const Input = Type.Object(
  {
    ids: Type.Optional(
      Type.Array(Type.String({ format: 'uuid' }), {
        minItems: 1,
        maxItems: MAX_IDS,
        description: `Links to look at. Default: all that are active, up to ${grouped(MAX_LINKS)}, the newest first.`,
      }),
    ),
    titles: Type.Optional(
      Type.Boolean({ description: 'Gives links without a title that of their page. Default false.' }),
    ),
    cards: Type.Optional(
      Type.Boolean({
        description:
          'Gives links without a card what their page says of itself: title, description, picture. Default false.',
      }),
    ),
    again: Type.Optional(
      OneOf(['day', 'week', 'month'], {
        description:
          'Looks again so long after the end, and so on: each time is a task of its own, which waits until then. Cancel that one to end it. A month has 30 days. Default: once.',
      }),
    ),
  },
  { additionalProperties: false },
)

const DAYS = { day: 1, week: 7, month: 30 } as const
const DAY_MS = 86_400_000

/** A link that somebody should look at. */
interface Finding extends Omit<TargetCheck, 'page'> {
  readonly linkId: string
  readonly target: string
}

interface Report {
  readonly counts: Record<TargetCheck['outcome'], number>
  readonly findings: Finding[]
  titled: number
  carded: number
}

/** What links are given that lack it. */
interface Wanted {
  readonly titles: boolean
  readonly cards: boolean
}

/** What a check stands on. */
interface CheckDeps {
  readonly links: Links
  readonly fetcher: Fetcher
  readonly blocklists: Pick<Blocklists, 'of'>
  readonly queue: Pick<Queue, 'enqueue'>
}

/**
 * `links.check`: visits the targets of links, by a fetcher that goes nowhere private, and says which are broken, lead to
 * another host than they name, or to one on the list.
 */
export function checkLinks({ blocklists, fetcher, links, queue }: CheckDeps): JobDefinition {
  const check: JobDefinition<typeof Input> = defineJob({
    name: 'links.check',
    description:
      'Visits the targets of links. The result has those that are broken, lead to another host or into a private network, or are on the list of blocked hosts. Needs links:read too.',
    lane: 'bulk',
    timeoutMs: 7_200_000,
    retries: 3,
    api: { permission: 'links:write' },
    input: Input,
    async run(ctx, input, job) {
      const { again, cards = false, ids, titles = false } = input
      const isBlocked = await blocklists.of(ctx)
      const counts = { ok: 0, moved: 0, broken: 0, private: 0, blocked: 0 }
      const report: Report = { counts, findings: [], titled: 0, carded: 0 }
      const visit = async (link: Link) => {
        const check = await checkTarget(fetcher, isBlocked, link.target, job.signal)
        await note(report, links, ctx, link, check, { cards, titles })
      }
      let checked = 0
      for await (const page of pagesOf(links, ctx, ids)) {
        await together(page, visit, job)
        checked += page.length
        const all = ids?.length ?? MAX_LINKS
        job.progress(Math.min(1, checked / all), `${checked} links`)
      }
      if (again === undefined) return { checked, ...report }
      // The next one comes with the end of this one, or not at all.
      const nextAt = new Date(ctx.clock.now() + DAYS[again] * DAY_MS)
      return await job.transaction(async (tx) => {
        const nextTaskId = queue.enqueue(ctx, tx, check, input, { runAt: nextAt })
        return { checked, ...report, nextTaskId, nextAt: nextAt.toISOString() }
      })
    },
  })
  return check
}

async function together(page: readonly Link[], visit: (link: Link) => Promise<void>, job: RunningJob): Promise<void> {
  const rest = page.values()
  const work = async () => {
    for (const link of rest) {
      job.signal.throwIfAborted()
      await visit(link)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

async function* pagesOf(links: Links, ctx: Ctx, ids: Static<typeof Input>['ids']): AsyncGenerator<Link[]> {
  if (ids !== undefined) {
    for (let first = 0; first < ids.length; first += PAGE)
      yield await linksOf(links, ctx, ids.slice(first, first + PAGE))
    return
  }
  const asked = { status: 'active', sort: 'createdAt', descending: true, limit: PAGE, fresh: true } as const
  let after: { at: string; id: string } | undefined
  for (let seen = 0; seen < MAX_LINKS; seen += PAGE) {
    const { value: page } = await links.linkList(ctx, { ...asked, ...(after && { after }) })
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    after = { at: last.createdAt, id: last.id }
  }
}

/** Those that there are. */
async function linksOf(links: Links, ctx: Ctx, ids: readonly string[]): Promise<Link[]> {
  const found: Link[] = []
  for (const id of ids) {
    try {
      found.push((await links.linkById(ctx, { id })).value)
    } catch (error) {
      if (!(error instanceof StoaError && error.kind === 'not_found')) throw error
    }
  }
  return found
}

async function note(
  report: Report,
  links: Links,
  ctx: Ctx,
  link: Link,
  { page, ...check }: TargetCheck,
  wanted: Wanted,
): Promise<void> {
  const { id, target } = link
  report.counts[check.outcome]++
  if (check.outcome !== 'ok' && report.findings.length < MAX_FINDINGS) {
    report.findings.push({ linkId: id, target: target.slice(0, SHOWN_MAX), ...check })
  }
  if (page === null || page.title === null || check.outcome !== 'ok') return
  const title = wanted.titles && link.title === null ? { title: page.title } : {}
  const card = wanted.cards && link.card === null ? { card: cardOf(page.title, page) } : {}
  const change = { ...title, ...card }
  if (Object.keys(change).length === 0) return
  await give(links, ctx, id, change)
  if ('title' in change) report.titled++
  if ('card' in change) report.carded++
}

function cardOf(title: string, { description, image }: PageInfo): Card {
  return { title, ...(description !== null && { description }), ...(image !== null && { image }) }
}

/** A picture where no link may lead is left out. */
async function give(links: Links, ctx: Ctx, id: string, change: { readonly title?: string; readonly card?: Card }) {
  // Whoever has changed the link meanwhile knows better.
  const precondition = { check: () => undefined }
  try {
    await links.updateLink(ctx, { id, precondition, change })
  } catch (error) {
    if (!isError(error, linkErrors.target_refused) || change.card === undefined) throw error
    const { image: _, ...card } = change.card
    await links.updateLink(ctx, { id, precondition, change: { ...change, card } })
  }
}
