import type { Database } from '@stoa/db'
import { type Ctx, grouped, StoaError } from '@stoa/kernel'
import { defineJob, queueErrors, type RunningJob } from '@stoa/queue'
import { Type } from 'typebox'
import { linksOfCsv, type ReadLine } from '../bulk/link-csv.ts'
import type { NewLink } from '../contract.ts'
import type { Links } from '../links.ts'
import { importStep, isRefusal } from './import-links.ts'

const MAX_BYTES = 8_388_608
const MAX_LINES = 20_000
const MAX_FAULTS = 100
/** After so many it says how far it is, and looks whether it is to stop. */
const STEP = 100

const Input = Type.Object(
  {
    csv: Type.String({
      minLength: 1,
      maxLength: MAX_BYTES,
      description:
        'The file. Its first line names the columns: `target`, `slug`, `title`, `tags` (separated by `|`), `startsAt`, `expiresAt`, `maxVisits`, `redirectStatus`, `forwardQuery`; those of an export that cannot be set are passed over.',
    }),
    dryRun: Type.Optional(
      Type.Boolean({ description: 'Says what would be refused, and makes nothing. Default false.' }),
    ),
  },
  { additionalProperties: false },
)

/** A line that is no link. */
interface Fault {
  /** Where the line begins, from 1. */
  readonly line: number
  readonly code: string
  readonly message: string
}

type Good = Extract<ReadLine, { link: NewLink }>

/** Undoes what was tried. */
class Undo extends Error {}

/**
 * `links.import_csv`: makes links from the lines of a file. Ids follow from the job's and the line, so that a run after a
 * crash makes none of them twice.
 */
export function importCsv(links: Links, db: Database) {
  return defineJob({
    name: 'links.import_csv',
    description: `Makes short links from a CSV file of up to ${grouped(MAX_LINES)} lines, or tries it out. The result has how many were made, and which lines were refused and why.`,
    lane: 'bulk',
    timeoutMs: 1_800_000,
    maxInputBytes: MAX_BYTES * 2,
    api: { permission: 'links:write' },
    input: Input,
    async run(ctx, { csv, dryRun = false }, job) {
      const lines = read(csv)
      const good = lines.filter((line): line is Good => 'link' in line)
      const faults = new Map<number, Fault>()
      for (const line of lines) {
        if ('fault' in line) faults.set(line.line, { line: line.line, code: 'validation_failed', message: line.fault })
      }
      const seen = new Map<string, number>()
      for (let first = 0; first < good.length; first += STEP) {
        job.signal.throwIfAborted()
        const part = good.slice(first, first + STEP)
        const found = dryRun ? await tried(links, db, ctx, part, seen) : await made(links, ctx, job, good, first)
        for (const fault of found) faults.set(fault.line, fault)
        const reached = Math.min(first + STEP, good.length)
        job.progress(reached / good.length, `${reached} of ${good.length}`)
      }
      const all = [...faults.values()].sort((a, b) => a.line - b.line)
      return {
        dryRun,
        lines: lines.length,
        created: dryRun ? 0 : lines.length - all.length,
        accepted: lines.length - all.length,
        refused: all.length,
        faults: all.slice(0, MAX_FAULTS),
      }
    },
  })
}

function read(csv: string): ReadLine[] {
  let lines: ReadLine[]
  try {
    lines = linksOfCsv(csv)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw unreadable(error.message)
  }
  if (lines.length > MAX_LINES) throw unreadable(`there are more than ${MAX_LINES} lines`)
  return lines
}

function unreadable(reason: string): StoaError {
  return new StoaError(queueErrors.job_input_invalid, { message: `The file cannot be read: ${reason}.` })
}

async function made(links: Links, ctx: Ctx, job: RunningJob, good: readonly Good[], first: number): Promise<Fault[]> {
  const part = good.slice(first, first + STEP)
  const refused = await importStep(
    links,
    ctx,
    job,
    part.map(({ link }) => link),
    first,
  )
  return refused.map(({ code, index, message }) => ({ line: (good[index] as Good).line, code, message }))
}

/** Makes them and takes it back. `seen`: slugs of the lines before. */
async function tried(
  links: Links,
  db: Database,
  ctx: Ctx,
  part: readonly Good[],
  seen: Map<string, number>,
): Promise<Fault[]> {
  const faults: Fault[] = []
  const attempt = db.transaction(ctx, async () => {
    faults.length = 0
    for (const { line, link } of part) {
      const before = link.slug === undefined ? undefined : seen.get(link.slug)
      if (before !== undefined && before !== line) {
        faults.push({ line, code: 'slug_taken', message: `Line ${before} has this slug already.` })
        continue
      }
      if (link.slug !== undefined) seen.set(link.slug, line)
      try {
        await links.createLink(ctx, link)
      } catch (error) {
        if (!isRefusal(error)) throw error
        faults.push({ line, code: error.code, message: error.message })
      }
    }
    throw new Undo()
  })
  await attempt.catch((error: unknown) => {
    if (!(error instanceof Undo)) throw error
  })
  return faults
}
