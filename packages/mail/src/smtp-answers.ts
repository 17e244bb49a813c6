/*
 * What the answers of an SMTP server mean. 4xx: not now; 5xx: no (RFC 5321, 4.2.1). Some 5xx are about us and not about
 * the message: without them a wrong password would fail every mail for good.
 */
import { type DeliveryFault, MailDeliveryError, oneLine } from './delivery-error.ts'
import type { Refusal } from './transport.ts'

/** An error as nodemailer gives it. */
export interface SmtpError extends Error {
  readonly code?: string
  /** The server's three digits. */
  readonly responseCode?: number | undefined
  /** The server's whole answer. */
  readonly response?: string | undefined
  readonly recipient?: string
  readonly rejectedErrors?: readonly SmtpError[] | undefined
}

/** Authentication required, mechanism too weak, credentials wrong, encryption needed, too weak. */
const ABOUT_US = new Set([530, 534, 535, 538, 523])
const CODES: Readonly<Record<string, DeliveryFault>> = {
  EABORT: 'interrupted',
  EAUTH: 'misconfigured',
  ENOAUTH: 'misconfigured',
  ETLS: 'misconfigured',
  EREQUIRETLS: 'misconfigured',
  ECONFIG: 'misconfigured',
  ETIMEDOUT: 'timeout',
}

/** Why an attempt failed as a whole. */
export function smtpFailure(error: SmtpError): MailDeliveryError {
  const { response = error.message } = error
  return new MailDeliveryError(faultOf(error), { response, cause: error })
}

/** nodemailer calls these ESOCKET, as it does a connection that breaks; only the text tells. */
const TRUST = /certificate|does not match certificate's altnames|SSL routines/i

function faultOf({ code = '', message, responseCode }: SmtpError): DeliveryFault {
  if (code === 'ESOCKET' && TRUST.test(message)) return 'misconfigured'
  if (responseCode === undefined) return CODES[code] ?? 'unreachable'
  if (ABOUT_US.has(responseCode)) return 'misconfigured'
  // The service goes down, or the connection was refused before anything was said of a message.
  if (responseCode === 421 || code === 'ECONNECTION' || code === 'EPROTOCOL') return 'unreachable'
  if (responseCode < 500) return 'deferred'
  return code === 'EENVELOPE' || code === 'EMESSAGE' ? 'refused' : 'misconfigured'
}

/** Enhanced status codes (RFC 3463, RFC 7505): bad mailbox, bad system, bad syntax, moved, the domain takes no mail. */
const NO_SUCH_ADDRESS = /\b5\.1\.(?:1|2|3|6|10)\b/

/** Those whom the server refused one by one. */
export function refusalsOf(errors: readonly SmtpError[]): Refusal[] {
  return errors.map((error) => {
    const { fault, response, retryAfterMs } = smtpFailure(error)
    const permanent = fault === 'refused'
    const addressUnknown = permanent && NO_SUCH_ADDRESS.test(response)
    return { address: error.recipient ?? '', permanent, addressUnknown, response, retryAfterMs }
  })
}

/** What the server calls the message: its queue id where its answer has one, else the answer. */
export function smtpProviderId(response: string): string {
  const queued = /\bqueued as ([\w.-]{1,100})/i.exec(response)?.[1]
  return queued ?? oneLine(response).slice(0, 200)
}
