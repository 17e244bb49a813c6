/*
 * SMTP by nodemailer's pool. Every step has a time-out of its own, and the attempt as a whole has one: a server that
 * sends a byte now and then never falls silent. Giving up closes the connection, so that the pool gets its place back.
 */
import type SMTPPool from 'nodemailer/lib/smtp-pool'
import { attempt } from './attempt.ts'
import { MailDeliveryError } from './delivery-error.ts'
import { refusalsOf, type SmtpError, smtpFailure, smtpProviderId } from './smtp-answers.ts'
import { type SmtpSettings, type SmtpTransportOptions, smtpSettings } from './smtp-options.ts'
import type { Delivery, MailTransport, OutgoingMail, Refusal } from './transport.ts'

/**
 * Hands mail to an SMTP server. Connections are opened when they are needed, and kept for the next message.
 *
 * @throws StoaError `invalid_options`
 */
export function createSmtpTransport(options: SmtpTransportOptions): MailTransport {
  const settings = smtpSettings(options)
  const closing = new AbortController()
  let opened: Promise<Mailer> | undefined
  const open = () => {
    opened ??= openMailer(settings)
    return opened
  }
  const transport: MailTransport = {
    name: 'smtp',
    timeoutMs: settings.timeoutMs,
    // What every server has to take (RFC 5321, 4.5.3.1.8).
    maxRecipients: 100,
    maxBytes: 100 * 1024 * 1024,
    replacesHeaders: [],
    send: (mail, options = {}) =>
      attempt(transport, mail, options, closing.signal, async (signal) => hand(await open(), mail, signal)),
    async check() {
      const mailer = await open()
      const late = Promise.withResolvers<never>()
      const { connectTimeoutMs, timeoutMs } = settings
      const timer = setTimeout(
        () => late.reject(new MailDeliveryError('timeout', { response: 'no answer in time' })),
        Math.min(timeoutMs, connectTimeoutMs),
      )
      try {
        await Promise.race([mailer.verify(), late.promise])
      } catch (error) {
        throw error instanceof MailDeliveryError ? error : smtpFailure(error as SmtpError)
      } finally {
        clearTimeout(timer)
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('the transport is closed'))
      const mailer = await opened?.catch(() => undefined)
      mailer?.close()
    },
  }
  return Object.freeze(transport)
}

interface Mailer {
  send(mail: OutgoingMail, signal: AbortSignal): Promise<SMTPPool.SentMessageInfo>
  verify(): Promise<unknown>
  close(): void
}

async function openMailer(settings: SmtpSettings): Promise<Mailer> {
  const { createTransport } = await import('nodemailer')
  const { security, user, password: pass, clientName: name, trustedCertificates } = settings
  const mailer = createTransport({
    pool: true,
    host: settings.host,
    port: settings.port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    opportunisticTLS: security === 'opportunistic',
    tls: {
      minVersion: 'TLSv1.2',
      ...(trustedCertificates !== undefined && { ca: await authorities(trustedCertificates) }),
    },
    ...(user !== undefined && { auth: { user, pass } }),
    ...(name !== undefined && { name }),
    maxConnections: settings.maxConnections,
    maxMessages: settings.messagesPerConnection,
    // A kept connection that turns out to be dead is replaced, once; the rest is for whoever asked.
    maxRequeues: 1,
    idleTimeout: settings.idleMs,
    connectionTimeout: settings.connectTimeoutMs,
    dnsTimeout: settings.connectTimeoutMs,
    greetingTimeout: settings.greetingTimeoutMs,
    socketTimeout: settings.silenceTimeoutMs,
    maxResponseSize: 64 * 1024,
    disableFileAccess: true,
    disableUrlAccess: true,
    allowInternalNetworkInterfaces: true,
  })
  return {
    send: (mail, signal) =>
      mailer.sendMail({ raw: mail.content, envelope: { from: mail.from, to: [...mail.to] }, signal }),
    verify: () => mailer.verify(),
    close: () => mailer.transporter.close?.({ force: true }),
  }
}

/** The machine's own authorities stay trusted. */
async function authorities(more: string): Promise<string[]> {
  const { rootCertificates } = await import('node:tls')
  return [...rootCertificates, more]
}

async function hand(mailer: Mailer, mail: OutgoingMail, signal: AbortSignal): Promise<Delivery> {
  try {
    const { rejectedErrors = [], response } = await mailer.send(mail, signal)
    const rejected = refusalsOf(rejectedErrors as readonly SmtpError[])
    return { providerId: smtpProviderId(response), accepted: accepted(mail, rejected), rejected }
  } catch (thrown) {
    const error = thrown as SmtpError
    if (signal.aborted) throw new MailDeliveryError('interrupted', { cause: error })
    const rejected = refusalsOf(error.rejectedErrors ?? [])
    const all = rejected.length === mail.to.length && error.code === 'EENVELOPE'
    // Nobody was accepted, each with an answer: that is an outcome. Anything else is about the attempt as a whole.
    if (all) return { providerId: null, accepted: [], rejected }
    throw smtpFailure(error)
  }
}

function accepted(mail: OutgoingMail, rejected: readonly Refusal[]): string[] {
  const refused = new Set(rejected.map(({ address }) => address.toLowerCase()))
  return mail.to.filter((address) => !refused.has(address.toLowerCase()))
}
