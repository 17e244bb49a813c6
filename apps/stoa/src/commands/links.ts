import { userInfo } from 'node:os'
import { didYouMean, isError } from '@stoa/kernel'
import { REASONS, type Reason } from '@stoa/links'
import { linkErrors } from '@stoa/links/contract'
import type { Command } from '../command-line.ts'
import { asSentence, Refusal } from '../failure.ts'
import { withTakedowns } from '../with-installation.ts'

const NOTE_MAX = 500
const BY_MAX = 100
const by = {
  type: 'string',
  value: '<name>',
  doc: 'Who decides it, for the audit trail. Default: the login that runs the command.',
} as const
const json = { type: 'boolean', doc: 'One JSON object per line.' } as const

/** `stoa links takedown` */
export const linkTakenDown: Command = {
  name: 'links takedown',
  summary: 'Take a short link down that does harm, whosever it is.',
  args: ['url'],
  options: {
    reason: {
      type: 'string',
      value: '<reason>',
      required: true,
      doc: `${REASONS.join(', ')}. Visitors are told.`,
    },
    note: { type: 'string', value: '<text>', doc: 'What visitors are told besides.' },
    by,
  },
  details: `The address as visitors see it, on whatever host; or the code alone, on the installation's own host. Visitors get 410 with the reason at once,
on all nodes. Only 'stoa links restore' puts it back: nobody of its tenant can. While Stoa runs on PGlite, whoever may moderate links
of the tenant takes one down without stopping it: POST /api/v1/links/{id}/takedown.`,
  async run(program, { args, values }) {
    const reason = reasonOf(values.reason?.[0] as string)
    const note = values.note?.[0]?.trim() || null
    if (note !== null && note.length > NOTE_MAX) throw new Refusal(`--note has at most ${NOTE_MAX} characters.`, 2)
    return await withTakedowns(program, whoever(values.by?.[0]), async (takedowns) => {
      const url = args.url as string
      const { changed, link } = await takedowns.takeDown(url, { reason, note }).catch(toRefusal(url))
      const done = changed ? 'Took down' : 'It is down already:'
      program.print(`${done} ${link.shortUrl} of ${link.tenant}, which leads to ${link.target}: ${reason}.`)
      return 0
    })
  },
}

/** `stoa links restore` */
export const linkRestored: Command = {
  name: 'links restore',
  summary: 'Put a short link back that the operator took down.',
  args: ['url'],
  options: { by },
  run: (program, { args, values }) =>
    withTakedowns(program, whoever(values.by?.[0]), async (takedowns) => {
      const url = args.url as string
      const { changed, link } = await takedowns.lift(url).catch(toRefusal(url))
      if (link.takedown !== null) {
        throw new Refusal(`The tenant '${link.tenant}' took ${link.shortUrl} down itself, and only they put it back.`)
      }
      program.print(`${changed ? 'Put back' : 'It is not down:'} ${link.shortUrl} of ${link.tenant}.`)
      return 0
    }),
}

/** `stoa links takedowns` */
export const linkTakedownsListed: Command = {
  name: 'links takedowns',
  summary: 'List the short links that the operator took down, of all tenants.',
  options: { json },
  run: (program, { switches }) =>
    withTakedowns(program, null, async (takedowns) => {
      for await (const link of takedowns.takenDown()) {
        const { id, shortUrl, takedown, target, tenant } = link
        const { at, note, reason } = takedown ?? {}
        const row = { tenant, id, shortUrl, target, reason, note, at }
        const line = `${at}  ${String(reason).padEnd(8)}  ${tenant.padEnd(20)}  ${shortUrl}  ${target}`
        program.print(switches.has('json') ? JSON.stringify(row) : line)
      }
      return 0
    }),
}

/** `stoa links reports` */
export const linkReportsListed: Command = {
  name: 'links reports',
  summary: 'List what strangers reported of short links and nobody has settled, of all tenants.',
  options: { json },
  run: (program, { switches }) =>
    withTakedowns(program, null, async (takedowns) => {
      for await (const report of takedowns.reported()) {
        const { createdAt, details, reason, shortUrl, target, tenant } = report
        const told = oneLine(details ?? '')
        const line = `${createdAt.toISOString()}  ${reason.padEnd(8)}  ${tenant.padEnd(20)}  ${shortUrl}  ${target}  ${told}`
        program.print(switches.has('json') ? JSON.stringify(report) : line.trimEnd())
      }
      return 0
    }),
}

const DETAILS_SHOWN = 100

/** A stranger wrote it: what steers a terminal is left out. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').slice(0, DETAILS_SHOWN)
}

function reasonOf(word: string): Reason {
  const reason = REASONS.find((one) => one === word)
  if (reason) return reason
  throw new Refusal(
    asSentence(`--reason is one of ${REASONS.join(', ')}, not '${word}'${didYouMean(word, REASONS)}`),
    2,
  )
}

function whoever(name: string | undefined): string | null {
  const given = name?.trim() || login()
  if (given !== null && given.length > BY_MAX) throw new Refusal(`--by has at most ${BY_MAX} characters.`, 2)
  return given
}

/** A container may run as somebody without a name. */
function login(): string | null {
  try {
    return userInfo().username || null
  } catch {
    return null
  }
}

function toRefusal(url: string) {
  return (error: unknown): never => {
    if (!isError(error, linkErrors.link_not_found)) throw error
    throw new Refusal(`There is no short link at '${url}': give its address as visitors see it, or its code.`)
  }
}
