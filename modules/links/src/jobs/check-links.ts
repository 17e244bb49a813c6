import { type Ctx, StoaError } from '@stoa/kernel'
import type { Fetcher } from '@stoa/outbound'
import { defineJob, type RunningJob } from '@stoa/queue'
import { type Static, Type } from 'typebox'
import type { Link } from '../contract.ts'
import type { Links } from '../links.ts'
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
        description: `Links to look at. Default: all that are active, up to ${MAX_LINKS.toLocaleString('en')}, the newest first.`,
      }),
    ),
    titles: Type.Optional(
      Type.Boolean({ description: 'Gives links without a title that of their page. Default false.' }),
    ),
  },
  { additionalProperties: false },
)

/** A link that somebody should look at. */
interface Finding extends Omit<TargetCheck, 'title'> {
  readonly linkId: string
  readonly target: string
}

interface Report {
  readonly counts: Record<TargetCheck['outcome'], number>
  readonly findings: Finding[]
  titled: number
}

/**
 * `links.check`: visits the targets of links, by a fetcher that goes nowhere private, and says which are broken, lead to
 * another host than they name, or to one on the list.
 */
export function checkLinks(links: Links, fetcher: Fetcher, blocklists: Pick<Blocklists, 'of'>) {
  return defineJob({
    name: 'links.check',
    description:
      'Visits the targets of links. The result has those that are broken, lead to another host or into a private network, or are on the list of blocked hosts. Needs links:read too.',
    lane: 'bulk',
    timeoutMs: 7_200_000,
    retries: 3,
    api: { permission: 'links:write' },
    input: Input,
    async run(ctx, { ids, titles = false }, job) {
      const isBlocked = await blocklists.of(ctx)
      const counts = { ok: 0, moved: 0, broken: 0, private: 0, blocked: 0 }
      const report: Report = { counts, findings: [], titled: 0 }
      const visit = async (link: Link) => {
        const check = await checkTarget(fetcher, isBlocked, link.target, job.signal)
        await note(report, links, ctx, link, check, titles)
      }
      let checked = 0
      for await (const page of pagesOf(links, ctx, ids)) {
        await together(page, visit, job)
        checked += page.length
        const all = ids?.length ?? MAX_LINKS
        job.progress(Math.min(1, checked / all), `${checked} links`)
      }
      return { checked, ...report }
    },
  })
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
  { id, target, title }: Link,
  { title: found, ...check }: TargetCheck,
  titles: boolean,
): Promise<void> {
  report.counts[check.outcome]++
  if (check.outcome !== 'ok' && report.findings.length < MAX_FINDINGS) {
    report.findings.push({ linkId: id, target: target.slice(0, SHOWN_MAX), ...check })
  }
  if (!titles || title !== null || found === null || check.outcome !== 'ok') return
  // Whoever has changed the link meanwhile knows better.
  const precondition = { check: () => undefined }
  await links.updateLink(ctx, { id, precondition, change: { title: found } })
  report.titled++
}
