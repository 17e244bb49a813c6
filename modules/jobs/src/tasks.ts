/*
 * The verbs of tasks. A task is a job of the queue that somebody follows; whatever is done to it is done by the queue, in
 * the transaction of the request.
 */
import type { Database } from '@stoa/db'
import { type Ctx, errors, type FieldError, hasPermission, idTime, requirePermission, StoaError } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import { type JobDefinition, type JobRow, type OpenTo, queueErrors } from '@stoa/queue'
import type { NewTask, Task, TaskKind } from './contract.ts'
import { type ExternalKind, type ExternalKinds, shownTo } from './external-kinds.ts'
import { STATES_OF, taskOf } from './task.ts'

/** What the verbs stand on. */
export interface TasksDeps {
  readonly db: Database
  readonly queue: Columns['queue']
  readonly kinds: ExternalKinds
}

/** Which tasks to list, the newest first. */
export interface TaskFilter {
  readonly states?: readonly Task['state'][]
  readonly kind?: string
  /** Tasks made before this one. */
  readonly before?: string
  readonly limit: number
}

const MAX_DELAY_MS = 366 * 86_400_000

/** The verbs of tasks. */
export class Tasks {
  readonly #deps: TasksDeps

  constructor(deps: TasksDeps) {
    this.#deps = deps
  }

  /** The kinds that callers may ask for, by name. */
  async kinds(ctx: Ctx): Promise<TaskKind[]> {
    requirePermission(ctx, 'jobs:read')
    const own = this.#ownKinds().map((job) => kindOf(ctx, job, job.api))
    const names = new Set(own.map(({ kind }) => kind))
    const declared = (await this.#deps.kinds.list(ctx)).map((kind) => shownTo(ctx, kind))
    return [...own, ...declared.filter(({ kind }) => !names.has(kind))].sort((a, b) => (a.kind < b.kind ? -1 : 1))
  }

  /** @throws StoaError `job_kind_unknown` */
  async kind(ctx: Ctx, name: string): Promise<TaskKind> {
    requirePermission(ctx, 'jobs:read')
    const own = this.#ownKinds().find((job) => job.name === name)
    if (own) return kindOf(ctx, own, own.api)
    return shownTo(ctx, await this.#declared(ctx, name))
  }

  /**
   * Makes a task. It exists when the transaction of the request commits.
   *
   * @throws StoaError `job_kind_unknown`, `forbidden`, `job_input_invalid`, `job_input_too_large`, `validation_failed`
   */
  async createTask(ctx: Ctx, { input, kind, runAt }: NewTask): Promise<Task> {
    requirePermission(ctx, 'jobs:write')
    const job = await this.#kindFor(ctx, kind, input)
    const at = timeOf(ctx, runAt)
    return await this.#deps.db.transaction(ctx, async (tx) => {
      const { queue } = this.#deps
      const options = at === null ? {} : { runAt: at }
      try {
        const { id, isNew } = await queue.ask(ctx, tx, job, input, options)
        return isNew ? newTask(ctx, job, id, at) : taskOf(await queue.operations.job(ctx, id))
      } catch (error) {
        throw inBody(error)
      }
    })
  }

  /** @throws StoaError `job_not_found` */
  async taskById(ctx: Ctx, id: string): Promise<Task> {
    requirePermission(ctx, 'jobs:read')
    return taskOf(await this.#tracked(ctx, id))
  }

  /** Tasks, the newest first. */
  async taskList(ctx: Ctx, { before, kind, limit, states }: TaskFilter): Promise<Task[]> {
    requirePermission(ctx, 'jobs:read')
    const rows = await this.#deps.queue.operations.list(ctx, {
      tracked: true,
      limit,
      ...(states && { states: states.flatMap((state) => STATES_OF[state]) }),
      ...(kind !== undefined && { kind }),
      ...(before !== undefined && { before }),
    })
    return rows.map(taskOf)
  }

  /** Cancels a task: at once when it waits, and soon when it runs. @throws StoaError `job_not_found`, `job_finished` */
  cancelTask(ctx: Ctx, id: string): Promise<Task> {
    return this.#change(ctx, id, async () => void (await this.#deps.queue.operations.cancel(ctx, id)))
  }

  /** Runs a task now that waits for its next attempt. @throws StoaError `job_not_found`, `job_finished`, `forbidden` */
  retryTask(ctx: Ctx, id: string): Promise<Task> {
    return this.#change(ctx, id, async (row) => {
      this.#requireKind(ctx, row)
      await this.#deps.queue.operations.retry(ctx, id)
    })
  }

  /**
   * Makes a task new that was given up or cancelled.
   *
   * @throws StoaError `job_not_found`, `job_not_finished`, `job_finished` when it is done, `forbidden`
   */
  redriveTask(ctx: Ctx, id: string): Promise<Task> {
    return this.#change(ctx, id, async (row) => {
      this.#requireKind(ctx, row)
      await this.#deps.queue.operations.redrive(ctx, id)
    })
  }

  #change(ctx: Ctx, id: string, change: (row: JobRow) => Promise<void>): Promise<Task> {
    requirePermission(ctx, 'jobs:write')
    return this.#deps.db.transaction(ctx, async () => {
      await change(await this.#tracked(ctx, id))
      return taskOf(await this.#tracked(ctx, id))
    })
  }

  /** Jobs that the program made for itself are nobody's tasks. */
  async #tracked(ctx: Ctx, id: string): Promise<JobRow> {
    const row = await this.#deps.queue.operations.job(ctx, id)
    if (!row.tracked) throw new StoaError(queueErrors.job_not_found)
    return row
  }

  /** Whoever has work done again needs what asking for it needs. */
  #requireKind(ctx: Ctx, { kind }: JobRow): void {
    const api = this.#deps.queue.definitions.get(kind)?.api
    if (api) requirePermission(ctx, api.permission)
  }

  /** The kind that somebody asks for, whether he may, and whether the input fits when the queue cannot tell. */
  async #kindFor(ctx: Ctx, name: string, input: unknown): Promise<JobDefinition> {
    const own = this.#deps.queue.definitions.get(name)
    if (own?.api) {
      requirePermission(ctx, own.api.permission)
      return own
    }
    const { job, schema } = await this.#declared(ctx, name)
    const fields = schema().errorsOf(input, '/body/input')
    if (fields.length > 0) throw new StoaError(queueErrors.job_input_invalid, { fields })
    return job
  }

  /** What the program does for itself is not for callers: as if it did not exist. @throws StoaError `job_kind_unknown` */
  async #declared(ctx: Ctx, name: string): Promise<ExternalKind> {
    const { kinds, queue } = this.#deps
    const found = queue.definitions.has(name) ? null : await kinds.find(ctx, name)
    if (found) return found
    throw await kinds.unknown(
      ctx,
      name,
      this.#ownKinds().map((job) => job.name),
    )
  }

  #ownKinds(): OpenKind[] {
    return [...this.#deps.queue.definitions.values()].filter((job): job is OpenKind => job.api !== null)
  }
}

/** A kind that callers may ask for. */
type OpenKind = JobDefinition & { readonly api: NonNullable<JobDefinition['api']> }

function timeOf(ctx: Ctx, runAt: string | undefined): Date | null {
  if (runAt === undefined) return null
  const at = new Date(runAt)
  if (at.getTime() - ctx.clock.now() <= MAX_DELAY_MS) return at
  const fields = [{ pointer: '/body/runAt', code: 'too_large', message: 'must be within 366 days' }]
  throw new StoaError(errors.validation_failed, { fields })
}

/** What it is before anybody has looked: no query is needed. */
function newTask(ctx: Ctx, { name }: JobDefinition, id: string, at: Date | null): Task {
  const now = idTime(id)
  const isLater = at !== null && at.getTime() > ctx.clock.now()
  return {
    id,
    kind: name,
    state: isLater ? 'scheduled' : 'queued',
    createdAt: now,
    createdBy: `${ctx.actor.type}:${ctx.actor.id}`,
    runAt: at ?? now,
    startedAt: null,
    finishedAt: null,
    attempt: 0,
    failures: 0,
    progress: null,
    result: null,
    failure: null,
    cancelRequested: false,
  }
}

function kindOf(ctx: Ctx, job: JobDefinition, { acceptance, permission }: OpenTo): TaskKind {
  return {
    kind: job.name,
    description: job.description,
    permission,
    allowed: hasPermission(ctx, permission),
    external: false,
    timeoutSeconds: job.timeoutMs / 1_000,
    leaseSeconds: null,
    retries: job.retries,
    maxInputBytes: (acceptance ?? job).maxInputBytes,
    inputSchema: (acceptance ?? job).input,
  }
}

/**
 * The queue says where in the input it is wrong; callers want to know where in their body. What the kind itself refuses
 * is an input that does not fit it, too.
 */
function inBody(error: unknown): unknown {
  if (!(error instanceof StoaError && error.kind === 'invalid')) return error
  const fields: FieldError[] = (error.fields ?? []).map((field) => ({ ...field, pointer: `/body${field.pointer}` }))
  return new StoaError(queueErrors.job_input_invalid, { fields, message: error.message, cause: error })
}
