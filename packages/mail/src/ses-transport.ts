/*
 * SES by its API, version 2: one signed request per message. The client of AWS is 30 packages, slow to load, for what
 * is one POST; the signature is aws4fetch's, which needs nothing else.
 *
 * SES takes a message for all of its receivers or for none, and tells of those who do not exist later, by a bounce. It
 * gives the message a Message-ID and a date of its own.
 */
import { attempt } from './attempt.ts'
import { MailDeliveryError } from './delivery-error.ts'
import { bodyText } from './http-body.ts'
import { type SesRefusal, sesFailure } from './ses-answers.ts'
import { type SesCredentials, type SesSettings, type SesTransportOptions, sesSettings } from './ses-options.ts'
import type { Delivery, MailTransport, OutgoingMail } from './transport.ts'

/** The tag that carries the id of a message through the events of a configuration set. */
const SES_MESSAGE_TAG = 'stoa-message'

/**
 * Hands mail to Amazon SES.
 *
 * @throws StoaError `invalid_options`
 */
export function createSesTransport(options: SesTransportOptions): MailTransport {
  const settings = sesSettings(options)
  const closing = new AbortController()
  const transport: MailTransport = {
    name: 'ses',
    timeoutMs: settings.timeoutMs,
    maxRecipients: 50,
    // 40 MB after base64, for the whole request.
    maxBytes: 28 * 1024 * 1024,
    replacesHeaders: ['message-id', 'date'],
    send: (mail, options = {}) =>
      attempt(transport, mail, options, closing.signal, (signal) => hand(settings, mail, signal)),
    check: () => checkAccount(settings),
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('the transport is closed'))
    },
  }
  return Object.freeze(transport)
}

/** Keys that may send need not be allowed to see the account; that they are known is enough. */
async function checkAccount(settings: SesSettings): Promise<void> {
  const { url, headers } = await signedBy(settings, { method: 'GET', url: settings.accountUrl })
  let answer: Response
  let text: string
  try {
    answer = await fetch(url, { headers, signal: AbortSignal.timeout(settings.timeoutMs), redirect: 'error' })
    text = await bodyText(answer, MAX_ANSWER_BYTES)
  } catch (cause) {
    throw new MailDeliveryError('unreachable', { cause, response: reasonOf(cause) })
  }
  const refusal = refusalOf(answer, text)
  if (!answer.ok && refusal.type !== 'AccessDeniedException') throw sesFailure(refusal)
}

async function hand(settings: SesSettings, mail: OutgoingMail, signal: AbortSignal): Promise<Delivery> {
  const { url, method, headers, body } = await signed(settings, mail)
  let answer: Response
  let text: string
  try {
    answer = await fetch(url, { method, headers, body: body ?? null, signal, redirect: 'error' })
    text = await bodyText(answer, MAX_ANSWER_BYTES)
  } catch (cause) {
    throw new MailDeliveryError(signal.aborted ? 'interrupted' : 'unreachable', { cause, response: reasonOf(cause) })
  }
  const content = parsed(text)
  const providerId = content.MessageId
  if (answer.ok && typeof providerId === 'string' && providerId !== '') {
    return { providerId, accepted: mail.to, rejected: [] }
  }
  // Taken, as far as one can see, and yet nothing that tells which: asking again is the lesser harm.
  if (answer.ok) throw new MailDeliveryError('unreachable', { response: 'the answer names no message' })
  throw sesFailure(refusalOf(answer, text))
}

function refusalOf({ headers, status }: Response, text: string): SesRefusal {
  const content = parsed(text)
  const named = headers.get('x-amzn-errortype') ?? content.__type ?? content.code
  return {
    status,
    type: (typeof named === 'string' ? named : '').replace(/^.*#/, '').replace(/:.*$/, ''),
    message: String(content.message ?? content.Message ?? text),
    retryAfter: headers.get('retry-after') ?? '',
  }
}

const MAX_ANSWER_BYTES = 64 * 1024

async function signed(settings: SesSettings, mail: OutgoingMail) {
  const { configurationSet, url } = settings
  const body = JSON.stringify({
    FromEmailAddress: mail.from,
    Destination: { ToAddresses: mail.to },
    Content: { Raw: { Data: mail.content.toString('base64') } },
    EmailTags: [{ Name: SES_MESSAGE_TAG, Value: mail.id.replaceAll('.', '_') }],
    ...(configurationSet !== undefined && { ConfigurationSetName: configurationSet }),
  })
  return signedBy(settings, { method: 'POST', url, headers: { 'content-type': 'application/json' }, body })
}

/** What of a request is signed. */
interface Unsigned {
  readonly method: string
  readonly url: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

async function signedBy(settings: SesSettings, request: Unsigned) {
  const { AwsV4Signer } = await import('aws4fetch')
  const { accessKeyId, secretAccessKey, sessionToken } = await credentialsOf(settings)
  const { region } = settings
  const signer = new AwsV4Signer({
    ...request,
    service: 'ses',
    region,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
  })
  return signer.sign()
}

async function credentialsOf({ credentials }: SesSettings): Promise<SesCredentials> {
  try {
    return await credentials()
  } catch (cause) {
    throw new MailDeliveryError('misconfigured', { cause, response: 'the credentials could not be read' })
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** fetch says `fetch failed` and hides why in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  return String(cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : error)
}
