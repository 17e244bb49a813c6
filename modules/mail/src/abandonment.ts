/*
 * A task can end without an attempt that could say so: it is cancelled while it waits, its tries are used up, all its
 * workers died. Its message would wait for ever. So a durable reader listens to how tasks end, and gives their messages
 * up.
 */
import { type Database, tenantById } from '@stoa/db'
import { taskCancelled, taskDead } from '@stoa/jobs/contract'
import type { Journal, JournalEvent } from '@stoa/journal'
import { type BaseCtx, type Ctx, isError, tenantCtx } from '@stoa/kernel'
import { type Mail, mailErrors } from '@stoa/mail'
import type { Columns } from '@stoa/module'
import { queueErrors } from '@stoa/queue'
import { SEND_MAIL } from './jobs/send-mail.ts'

/** What it stands on. */
export interface AbandonmentDeps {
  readonly db: Database
  readonly journal: Journal
  readonly queue: Columns['queue']
  readonly mail: Mail
  readonly ctx: BaseCtx
}

const ENDS: ReadonlySet<string> = new Set([taskCancelled.type, taskDead.type])

/** Gives messages up whose tasks have ended, until it is disposed. */
export function abandonEnded(deps: AbandonmentDeps): AsyncDisposable {
  return deps.journal.reader({ name: 'mail.tasks', from: 'now' }, async (events) => {
    for (const event of events) {
      if (ENDS.has(event.type) && event.data.kind === SEND_MAIL) await abandon(deps, event)
    }
  })
}

async function abandon({ ctx: base, db, mail, queue }: AbandonmentDeps, event: JournalEvent): Promise<void> {
  const tenant = await tenantById(db, base, event.tenantId)
  const id = event.subjects[0]?.replace(/^task:/, '')
  if (tenant === undefined || id === undefined) return
  const ctx = tenantCtx(base, tenant)
  if (!(await hasEnded(queue, ctx, id)) || !(await waits(mail, ctx, id))) return
  const reason = event.type === taskDead.type ? 'it was tried for too long' : 'it was cancelled'
  await db.transaction(ctx, (tx) => mail.abandon(ctx, tx, id, reason))
}

/** Not when somebody has made it new since. */
async function hasEnded(queue: Columns['queue'], ctx: Ctx, id: string): Promise<boolean> {
  try {
    const { state } = await queue.operations.job(ctx, id)
    return state === 'dead' || state === 'cancelled'
  } catch (error) {
    if (isError(error, queueErrors.job_not_found)) return true
    throw error
  }
}

async function waits(mail: Mail, ctx: Ctx, id: string): Promise<boolean> {
  try {
    const { state } = await mail.message(ctx, id)
    return state === 'queued' || state === 'sending'
  } catch (error) {
    if (isError(error, mailErrors.mail_not_found)) return false
    throw error
  }
}
