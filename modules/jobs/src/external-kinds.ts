/*
 * Kinds of tasks that a tenant declares itself, and whose tasks its own workers run outside of this program: see
 * task-work.ts. A kind of a room cannot be declared; one that a room brings later hides what was declared before it.
 */
import type { Database } from '@stoa/db'
import { type CallerSchema, callerSchema } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import { type Ctx, didYouMean, hasPermission, requirePermission, StoaError } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import { defineJob, EXTERNAL_LANE, type LeaseKind, queueErrors } from '@stoa/queue'
import { Type } from 'typebox'
import type { NewTaskKind, TaskKind } from './contract.ts'
import { jobsErrors } from './errors.ts'
import { taskKindDeclared, taskKindRemoved } from './events.ts'
import { type KindRow, kindCount, kindDeclared, kindList, kindRemoved } from './kind-store.ts'

/** What kinds stand on. */
export interface ExternalKindsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly queue: Pick<Columns['queue'], 'definitions'>
}

/** A kind that was declared. */
export interface ExternalKind extends LeaseKind {
  /** Compiled when it is asked for. */
  readonly schema: () => CallerSchema
  readonly shown: Omit<TaskKind, 'allowed'>
}

/** Whoever asks for a task of such a kind needs no more than to ask for tasks. */
const PERMISSION = 'jobs:write'
const MAX_KINDS = 1_000
const MAX_SCHEMAS = 500
/** The queue takes whatever the schema of the kind has let pass. */
const ANYTHING = Type.Unknown()
const DEFAULTS = { description: '', timeoutSeconds: 3_600, leaseSeconds: 60, retries: 8, maxInputBytes: 262_144 }

/** The kinds that tenants have declared. */
export class ExternalKinds {
  readonly #deps: ExternalKindsDeps
  /** Compiled, by their text. */
  readonly #schemas = new Map<string, CallerSchema>()

  constructor(deps: ExternalKindsDeps) {
    this.#deps = deps
  }

  /** The kind of this name; null when it is not declared. */
  async find(ctx: Ctx, kind: string): Promise<ExternalKind | null> {
    const [row] = await this.#rows(ctx, [kind])
    return row ? this.#kindOf(row) : null
  }

  /** All that are declared, or these. @throws StoaError `job_kind_unknown` naming the one that is not */
  async list(ctx: Ctx, kinds: readonly string[] | null = null): Promise<ExternalKind[]> {
    const rows = await this.#rows(ctx, kinds)
    for (const kind of kinds ?? []) {
      if (!rows.some((row) => row.kind === kind)) throw await this.unknown(ctx, kind, [])
    }
    return rows.map((row) => this.#kindOf(row))
  }

  /** Why there is no such kind. @param others what it could be besides */
  async unknown(ctx: Ctx, kind: string, others: readonly string[]): Promise<StoaError> {
    const names = (await this.#rows(ctx, null)).map((row) => row.kind)
    const isOfRoom = this.#deps.queue.definitions.get(kind)?.api && others.length === 0
    const message = isOfRoom
      ? `Tasks of the kind '${kind}' are run by the program itself.`
      : `There is no kind of task '${kind}'${didYouMean(kind, [...names, ...others]) || '.'}`
    return new StoaError(queueErrors.job_kind_unknown, { message })
  }

  /**
   * Makes a kind, or changes it to this. Tasks that wait are run as it says from now on.
   *
   * @throws StoaError `task_kind_taken`, `too_many_task_kinds`, `validation_failed` for the schema
   */
  async declare(ctx: Ctx, input: NewTaskKind): Promise<TaskKind> {
    requirePermission(ctx, 'jobs:work')
    const { db, journal, queue } = this.#deps
    const { description, inputSchema, kind, leaseSeconds, maxInputBytes, retries, timeoutSeconds } = {
      ...DEFAULTS,
      ...input,
    }
    if (queue.definitions.has(kind)) throw new StoaError(jobsErrors.task_kind_taken)
    const row = {
      ...{ kind, description, inputSchema, retries, maxInputBytes },
      timeoutMs: timeoutSeconds * 1_000,
      leaseMs: leaseSeconds * 1_000,
    }
    const declared = this.#kindOf(row)
    declared.schema()
    await db.transaction(ctx, async (tx) => {
      const at = new Date(ctx.clock.now())
      const text = JSON.stringify(inputSchema)
      const columns = [kind, description, text, row.timeoutMs, row.leaseMs, retries, maxInputBytes, at] as const
      const changed = await tx.maybe(kindDeclared(ctx.tenant.id, ...columns))
      if (!changed) return
      if (changed.version === 1 && (await tx.one(kindCount(ctx.tenant.id))).count > MAX_KINDS) {
        throw new StoaError(jobsErrors.too_many_task_kinds)
      }
      journal.append(ctx, tx, taskKindDeclared.of({ version: changed.version }, [`task_kind:${kind}`]))
    })
    return shownTo(ctx, declared)
  }

  /** Removes a kind. Its tasks stay, and nobody can claim them until it is declared again. @throws StoaError `job_kind_unknown` */
  async remove(ctx: Ctx, kind: string): Promise<void> {
    requirePermission(ctx, 'jobs:work')
    const { db, journal } = this.#deps
    await db.transaction(ctx, async (tx) => {
      const removed = await tx.maybe(kindRemoved(ctx.tenant.id, kind))
      if (!removed) throw await this.unknown(ctx, kind, [])
      journal.append(ctx, tx, taskKindRemoved.of({}, [`task_kind:${kind}`]))
    })
  }

  #rows(ctx: Ctx, kinds: readonly string[] | null): Promise<KindRow[]> {
    return this.#deps.db.read(ctx, (tx) => tx.many(kindList(ctx.tenant.id, kinds)))
  }

  #kindOf(row: KindRow): ExternalKind {
    const { description, inputSchema, kind, leaseMs, maxInputBytes, retries, timeoutMs } = row
    return {
      job: defineJob({
        ...{ name: kind, description, lane: EXTERNAL_LANE, timeoutMs, retries, maxInputBytes },
        input: ANYTHING,
        tracked: true,
      }),
      leaseMs,
      schema: () => this.#schemaOf(inputSchema),
      shown: {
        ...{ kind, description, permission: PERMISSION, external: true, retries, maxInputBytes, inputSchema },
        timeoutSeconds: timeoutMs / 1_000,
        leaseSeconds: leaseMs / 1_000,
      },
    }
  }

  #schemaOf(inputSchema: unknown): CallerSchema {
    const text = JSON.stringify(inputSchema)
    let schema = this.#schemas.get(text)
    if (!schema) {
      schema = callerSchema(inputSchema, '/body/inputSchema')
      if (this.#schemas.size >= MAX_SCHEMAS) this.#schemas.clear()
      this.#schemas.set(text, schema)
    }
    return schema
  }
}

/** A kind as it is shown to somebody. */
export function shownTo(ctx: Ctx, { shown }: ExternalKind): TaskKind {
  return { ...shown, allowed: hasPermission(ctx, PERMISSION) }
}
