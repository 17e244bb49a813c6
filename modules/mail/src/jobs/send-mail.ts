/*
 * `mail.send`. Whoever asks for it sends a message; it goes into the outbox in the transaction that makes the job, under
 * the job's id, and the job keeps no more than that id. So the task and the message are one thing by two names, and what
 * somebody may see of the task says nothing of the message.
 */
import { type Ctx, isError } from '@stoa/kernel'
import {
  type DeliveryFault,
  type Mail,
  MailDeliveryError,
  type MailMessage,
  type MailTransport,
  mailErrors,
} from '@stoa/mail'
import { defineJob, giveUpJob, type RunningJob, retryAfter, snoozeJob } from '@stoa/queue'
import { type Static, Type } from 'typebox'
import { messageOf } from '../new-mail.ts'
import { NewMail } from '../schema.ts'

/** The name of the kind. */
export const SEND_MAIL = 'mail.send'
/** With the waits that the outbox asks for, this is about two days: as long as receivers' servers may be down. */
const RETRIES = 60
const MAX_INPUT_BYTES = 3_145_728
/** An attempt has written its outcome by then. */
const GRACE_MS = 30_000

/** The kind of job that sends a message of the outbox. */
export function sendMail(mail: Mail, { timeoutMs }: Pick<MailTransport, 'timeoutMs'>) {
  return defineJob({
    name: SEND_MAIL,
    description:
      'Sends a message. It is in the outbox at once, under the id of the task: GET /api/v1/mail/messages/{id} says what became of each receiver.',
    // A server that hangs takes half of a worker at most, and delays no other kind of job.
    lane: 'remote',
    timeoutMs: timeoutMs + GRACE_MS,
    retries: RETRIES,
    input: Type.Object({ messageId: Type.String({ format: 'uuid' }) }, { additionalProperties: false }),
    api: {
      permission: 'mail:send',
      acceptance: {
        input: NewMail,
        maxInputBytes: MAX_INPUT_BYTES,
        async accept(ctx, tx, input: Static<typeof NewMail>, id) {
          return { messageId: await mail.compose(ctx, tx, messageOf(input), { id, pointer: '/input' }) }
        },
      },
    },
    run: (ctx, { messageId }, job) => send(mail, ctx, messageId, job),
  })
}

async function send(mail: Mail, ctx: Ctx, id: string, job: RunningJob) {
  try {
    // Who was refused is tried again when somebody has made the job new.
    return outcomeOf(await mail.deliver(ctx, id, { signal: job.signal, again: job.attempt > 1 }))
  } catch (error) {
    throw verdictOf(error)
  }
}

/** How many, and no addresses: whoever may look at tasks need not know who gets mail. */
function outcomeOf({ recipients, state }: MailMessage) {
  const count = (wanted: string) => recipients.filter((recipient) => recipient.state === wanted).length
  return { state, sent: count('sent'), failed: count('failed'), suppressed: count('suppressed') }
}

/** What the queue is to do about an error. */
function verdictOf(error: unknown): unknown {
  if (isError(error, mailErrors.mail_in_flight)) return snoozeJob((error.retryAfterSeconds ?? 1) * 1_000)
  if (!(error instanceof MailDeliveryError)) return error
  const words = WORDS[error.fault]
  return error.retryAfterMs === null ? giveUpJob(words, error) : retryAfter(error.retryAfterMs, words, error)
}

/** For whoever asked. What the server said, with its addresses and hosts, is in the outbox. */
const WORDS: Readonly<Record<DeliveryFault, string>> = {
  refused: 'Every receiver was refused for good.',
  deferred: 'The mail server asked to come back later.',
  throttled: 'The mail provider takes no more at the moment.',
  unreachable: 'The mail server cannot be reached.',
  timeout: 'The mail server did not answer in time.',
  misconfigured: 'The mail settings of this installation do not work.',
  interrupted: 'The attempt was interrupted.',
}
