import { hash } from 'node:crypto'
import { type Ctx, grouped, StoaError } from '@stoa/kernel'
import { defineJob, type RunningJob } from '@stoa/queue'
import { type Static, Type } from 'typebox'
import type { Links } from '../links.ts'
import { NewLink } from '../schema.ts'

const MAX_LINKS = 10_000
const MAX_REFUSALS = 100
/** So many are made at the same time, each in a transaction of its own. */
const AT_ONCE = 4
/** After so many it says how far it is, and looks whether it is to stop. */
const STEP = 100

const Input = Type.Object(
  { links: Type.Array(NewLink, { minItems: 1, maxItems: MAX_LINKS, description: 'As for `POST /api/v1/links`.' }) },
  { additionalProperties: false },
)

type NewLinkInput = Static<typeof NewLink>

/** A link that was not made. */
export interface Refused {
  /** Its place in the list, from 0. */
  readonly index: number
  readonly code: string
  readonly message: string
}

/**
 * `links.import`: makes up to 10,000 links from a list. Each has an id that follows from the job's and its place, so that
 * a run after a crash makes none of them twice.
 */
export function importLinks(links: Links) {
  return defineJob({
    name: 'links.import',
    description: `Makes up to ${grouped(MAX_LINKS)} short links from a list. The result has how many were made, and why others were not.`,
    lane: 'bulk',
    timeoutMs: 900_000,
    maxInputBytes: 3_145_728,
    api: { permission: 'links:write' },
    input: Input,
    async run(ctx, { links: wanted }, job) {
      const refused: Refused[] = []
      let failed = 0
      for (let first = 0; first < wanted.length; first += STEP) {
        job.signal.throwIfAborted()
        const found = await importStep(links, ctx, job, wanted.slice(first, first + STEP), first)
        failed += found.length
        refused.push(...found.slice(0, MAX_REFUSALS - refused.length))
        const made = Math.min(first + STEP, wanted.length)
        job.progress(made / wanted.length, `${made} of ${wanted.length}`)
      }
      return { created: wanted.length - failed, refused: failed, reasons: refused }
    },
  })
}

/** Makes some of the links of a job. @returns what was refused */
export async function importStep(
  links: Links,
  ctx: Ctx,
  job: RunningJob,
  wanted: readonly NewLinkInput[],
  first: number,
): Promise<Refused[]> {
  const ids = wanted.map((_, index) => idOf(job.id, first + index))
  const before = job.attempt === 1 ? new Set() : await links.linksAmong(ctx, ids)
  const refused: Refused[] = []
  const entries = wanted.map((link, index) => ({ link, index: first + index, id: ids[index] as string }))
  const make = async (some: Iterable<(typeof entries)[number]>) => {
    for (const { id, index, link } of some) {
      if (before.has(id)) continue
      try {
        await links.createLink(ctx, link, id)
      } catch (error) {
        if (!isRefusal(error)) throw error
        refused.push({ index, code: error.code, message: error.message })
      }
    }
  }
  // Of several with one slug, the one that comes first in the list gets it.
  const slugs = new Set<string>()
  const isRepeated = ({ link: { slug } }: (typeof entries)[number]) => {
    if (slug === undefined) return false
    const known = slugs.has(slug)
    slugs.add(slug)
    return known
  }
  const repeated = new Set(entries.filter(isRepeated))
  const shared = entries.filter((entry) => !repeated.has(entry)).values()
  await Promise.all(Array.from({ length: AT_ONCE }, () => make(shared)))
  await make(repeated)
  return refused.sort((a, b) => a.index - b.index)
}

/** Whether it is about this link, and will not be otherwise the next time. */
export function isRefusal(error: unknown): error is StoaError {
  return error instanceof StoaError && (error.kind === 'invalid' || error.kind === 'conflict')
}

/** A UUIDv7 of the job's time, and otherwise of its id and the place. */
function idOf(jobId: string, index: number): string {
  const digest = hash('sha256', `${jobId} ${index}`)
  const variant = '89ab'[Number.parseInt(digest[3] as string, 16) & 3]
  return `${jobId.slice(0, 13)}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`
}
