import { type BaseCtx, Resources, systemCtx } from '@stoa/kernel'
import {
  createFolderTransport,
  createMail,
  createSesIntake,
  type Mail,
  type MailTransport,
  transportOf,
} from '@stoa/mail'
import type { Columns, Room } from '@stoa/module'
import { abandonEnded } from './abandonment.ts'
import { type MailConfig, mailConfig } from './config.ts'
import { recordInto } from './events.ts'
import { sendMail } from './jobs/send-mail.ts'
import { retainMail } from './retention.ts'
import { mailRoutes } from './routes/index.ts'
import { dnsProof } from './sender-proof.ts'
import { Senders } from './senders.ts'
import { SesFeedback } from './ses-feedback.ts'
import { Suppressions } from './suppressions.ts'

/** Opens the room on its columns. */
export function openRoom({ clock, config: given, db, journal, log, queue, secret }: Columns): Room {
  const config = mailConfig(given)
  const ctx = systemCtx({ log, clock }, 'mail')
  const resources = new Resources({ clock })
  const transport = resources.use(carrierOf(config), 'mail transport')
  const { dkim, from, returnPath } = config
  const mail = createMail(
    { from, ...(dkim && { dkim }), ...(returnPath !== null && { returnPath }) },
    { db, transport, key: secret('mail.dkim'), record: recordInto(journal) },
  )
  resources.use(retainMail(mail, ctx, config.keepDays), 'mail retention')
  resources.use(abandonEnded({ db, journal, queue, mail, ctx }), 'ended tasks of mail')
  const suppressions = new Suppressions({ db, journal, mail })
  const senders = new Senders({
    ...{ db, journal, mail },
    from: { address: from.address, name: from.name ?? null },
    proof: config.senderProof === 'none' ? null : dnsProof(secret('mail.proof'), config.txtRecords),
  })
  return {
    routes: mailRoutes({ mail, suppressions, senders, feedback: feedbackOf(config, mail, ctx) }),
    jobs: [sendMail(mail, transport)],
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

function feedbackOf({ sesAgent: agent, sesTopics: topicArns = [] }: MailConfig, mail: Mail, ctx: BaseCtx) {
  return new SesFeedback(topicArns.length === 0 ? null : createSesIntake({ topicArns }, { mail, agent }), ctx)
}

function carrierOf({ folder, sesCredentials, url }: MailConfig): MailTransport {
  return url === null ? createFolderTransport({ folder }) : transportOf(url, { sesCredentials: sesCredentials ?? null })
}
