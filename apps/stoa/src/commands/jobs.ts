import { didYouMean, isError, isId, StoaError } from '@stoa/kernel'
import { DEFAULT_LANES, EXTERNAL_LANE, type JobRow, type JobState, queueErrors } from '@stoa/queue'
import type { Command } from '../command-line.ts'
import { asSentence, Refusal } from '../failure.ts'
import { type OpenQueue, tenantOf, withQueue } from '../with-installation.ts'

const tenant = { type: 'string', value: '<slug>', required: true, doc: 'Whose jobs.' } as const
const STATES: readonly JobState[] = ['ready', 'scheduled', 'held', 'waiting', 'running', 'done', 'dead', 'cancelled']
const MAX_LISTED = 500

/** `stoa jobs list` */
export const jobsListed: Command = {
  name: 'jobs list',
  summary: 'List the jobs of a tenant, the newest first.',
  options: {
    tenant,
    state: {
      type: 'string',
      value: '<state>',
      multiple: true,
      doc: `One of ${STATES.join(', ')}. Several times for several.`,
    },
    kind: { type: 'string', value: '<kind>', doc: 'Only this kind, such as mail.send.' },
    limit: { type: 'string', value: '<n>', doc: `How many, up to ${MAX_LISTED}. Default 50.` },
    json: { type: 'boolean', doc: 'One JSON object per line, with everything.' },
  },
  async run(program, { switches, values }) {
    const states = (values.state ?? []).map(stateOf)
    const limit = limitOf(values.limit?.[0])
    const kind = values.kind?.[0]
    return await withQueue(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      const filter = { limit, ...(states.length > 0 && { states }), ...(kind !== undefined && { kind }) }
      for (const job of await installation.queue.operations.list(own, filter)) {
        program.print(switches.has('json') ? JSON.stringify(job) : lineOf(job))
      }
      return 0
    })
  },
}

/** `stoa jobs show` */
export const jobShown: Command = {
  name: 'jobs show',
  summary: 'Show all of a job: input, result, last failure with its stack.',
  args: ['id'],
  options: { tenant },
  run: (program, { args, values }) =>
    ofJob(program, args.id, values.tenant?.[0], async ({ job }) => program.print(JSON.stringify(job, null, 2))),
}

/** `stoa jobs retry` */
export const jobRetried: Command = {
  name: 'jobs retry',
  summary: 'Run a job now that waits for its next attempt.',
  args: ['id'],
  options: { tenant },
  run: (program, { args, values }) =>
    ofJob(program, args.id, values.tenant?.[0], async ({ id, operations, own }) => {
      await operations.retry(own, id)
      program.print(`${id} runs as soon as a worker is free.`)
    }),
}

/** `stoa jobs cancel` */
export const jobCancelled: Command = {
  name: 'jobs cancel',
  summary: 'Cancel a job: at once when it waits, soon when it runs.',
  args: ['id'],
  options: { tenant },
  run: (program, { args, values }) =>
    ofJob(program, args.id, values.tenant?.[0], async ({ id, operations, own }) => {
      const done = await operations.cancel(own, id)
      program.print(done ? `Cancelled ${id}.` : `${id} runs: its worker is asked to stop it.`)
    }),
}

/** `stoa jobs redrive` */
export const jobRedriven: Command = {
  name: 'jobs redrive',
  summary: 'Make a job new that is dead or cancelled; or all dead ones.',
  args: ['id|all'],
  options: { tenant, kind: { type: 'string', value: '<kind>', doc: "With 'all': only this kind." } },
  async run(program, { args, values }) {
    const slug = values.tenant?.[0]
    if (args['id|all'] !== 'all') {
      return await ofJob(program, args['id|all'], slug, async ({ id, operations, own }) => {
        await operations.redrive(own, id)
        program.print(`${id} is new.`)
      })
    }
    return await withQueue(program, async (installation) => {
      const own = await tenantOf(installation, slug as string)
      const count = await installation.queue.operations.redriveAll(own, values.kind?.[0])
      program.print(`${count} ${count === 1 ? 'job is' : 'jobs are'} new.`)
      return 0
    })
  },
}

/** `stoa jobs pause` */
export const jobsPaused: Command = {
  name: 'jobs pause',
  summary: 'Start no more jobs of a lane or of a kind, in the whole installation. What runs goes on.',
  args: ['lane|kind'],
  details: `A name with a dot is a kind: mail.send, or one that a tenant has declared, of all tenants then. One without is a
lane: ${[...Object.keys(DEFAULT_LANES), EXTERNAL_LANE].join(', ')}. In '${EXTERNAL_LANE}' are the jobs that workers outside claim.`,
  run: (program, { args }) =>
    withQueue(program, async ({ queue }) => {
      await queue.operations.pause(whatOf(queue, args['lane|kind'] as string))
      program.print(`Paused: ${(await queue.operations.paused()).join(', ')}.`)
      return 0
    }),
}

/** `stoa jobs resume` */
export const jobsResumed: Command = {
  name: 'jobs resume',
  summary: 'Start jobs again of a lane or of a kind that is paused.',
  args: ['lane|kind'],
  run: (program, { args }) =>
    withQueue(program, async ({ queue }) => {
      await queue.operations.resume(whatOf(queue, args['lane|kind'] as string))
      const paused = await queue.operations.paused()
      program.print(paused.length === 0 ? 'Nothing is paused.' : `Still paused: ${paused.join(', ')}.`)
      return 0
    }),
}

/** `stoa jobs lanes` */
export const lanesListed: Command = {
  name: 'jobs lanes',
  summary: 'Say of each lane how many jobs wait, and for how long; and what is paused.',
  options: { json: { type: 'boolean', doc: 'One JSON object per line.' } },
  run: (program, { switches }) =>
    withQueue(program, async ({ queue }) => {
      const [depths, paused] = await Promise.all([queue.operations.depths(), queue.operations.paused()])
      for (const { held, lane, oldestMs, ready, scheduled } of depths) {
        const row = { lane, ready, scheduled, held, oldestSeconds: oldestMs / 1_000 }
        const oldest = oldestMs === 0 ? '' : `, the oldest for ${Math.round(oldestMs / 1_000)} s`
        const words = `${lane.padEnd(12)} ${ready} ready${oldest}; ${scheduled} scheduled, ${held} held`
        program.print(switches.has('json') ? JSON.stringify(row) : words)
      }
      if (paused.length > 0 && !switches.has('json')) program.print(`Paused: ${paused.join(', ')}.`)
      return 0
    }),
}

interface OneJob {
  readonly id: string
  readonly job: JobRow
  readonly own: Awaited<ReturnType<typeof tenantOf>>
  readonly operations: OpenQueue['queue']['operations']
}

/** Works on one job. @throws Refusal when there is none, or it is not in a state for it */
async function ofJob(
  program: Parameters<Command['run']>[0],
  id = '',
  slug = '',
  work: (one: OneJob) => Promise<void>,
): Promise<number> {
  if (!isId(id)) throw new Refusal(`'${id}' is not the id of a job: 'npx stoa jobs list' shows ids.`, 2)
  return await withQueue(program, async (installation) => {
    const own = await tenantOf(installation, slug)
    const { operations } = installation.queue
    try {
      await work({ id, own, operations, job: await operations.job(own, id) })
    } catch (error) {
      if (isError(error, queueErrors.job_not_found)) {
        throw new Refusal(`The tenant '${slug}' has no job ${id}: 'npx stoa jobs list' shows its jobs.`)
      }
      if (error instanceof StoaError && error.kind === 'conflict') throw new Refusal(error.message)
      throw error
    }
    return 0
  })
}

function whatOf({ lanes }: OpenQueue['queue'], name: string): { lane: string } | { kind: string } {
  if (name.includes('.')) return { kind: name }
  if (lanes.has(name)) return { lane: name }
  throw new Refusal(asSentence(`There is no lane '${name}'${didYouMean(name, [...lanes.keys()])}`), 2)
}

function stateOf(word: string): JobState {
  const state = STATES.find((one) => one === word)
  if (state) return state
  throw new Refusal(asSentence(`--state is one of ${STATES.join(', ')}, not '${word}'${didYouMean(word, STATES)}`), 2)
}

function limitOf(text = '50'): number {
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_LISTED) return limit
  throw new Refusal(`--limit takes a number from 1 to ${MAX_LISTED}, not '${text}'.`, 2)
}

function lineOf({ attempt, error, id, kind, lane, progress, runAt, state }: JobRow): string {
  const more = [
    state === 'scheduled' && runAt ? `at ${runAt.toISOString()}` : '',
    state === 'running' && progress ? `${Math.round(progress.fraction * 100)} %` : '',
    error && state !== 'done' ? `${error.reason}: ${error.message.split('\n')[0]?.slice(0, 100)}` : '',
  ]
  const known = `${id}  ${state.padEnd(9)}  ${kind.padEnd(24)} ${lane.padEnd(8)} ${attempt}`
  return [known, ...more.filter((part) => part !== '')].join('  ')
}
