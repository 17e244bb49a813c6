// One attempt of an engine: refused before it begins where it cannot end well, and over when its time is.

import { MailDeliveryError } from './delivery-error.ts'
import type { Delivery, MailTransport, OutgoingMail, SendOptions } from './transport.ts'

/**
 * Runs `send` with a signal that aborts when the caller gives up, when the time of the engine is over, or when the
 * engine closes. Settles then, whatever `send` does.
 *
 * @throws MailDeliveryError
 */
export async function attempt(
  transport: Pick<MailTransport, 'name' | 'timeoutMs' | 'maxBytes' | 'maxRecipients'>,
  mail: OutgoingMail,
  { signal }: SendOptions,
  closed: AbortSignal,
  send: (signal: AbortSignal) => Promise<Delivery>,
): Promise<Delivery> {
  const { name, timeoutMs, maxBytes, maxRecipients } = transport
  const givenUp = AbortSignal.any([closed, ...(signal ? [signal] : [])])
  if (givenUp.aborted) throw interrupted(givenUp)
  if (mail.content.length > maxBytes) {
    throw new MailDeliveryError('refused', { response: `${name} takes up to ${maxBytes} bytes` })
  }
  if (mail.to.length === 0 || mail.to.length > maxRecipients) {
    throw new MailDeliveryError('refused', { response: `${name} takes 1 to ${maxRecipients} receivers at once` })
  }
  const timer = new AbortController()
  const timeout = setTimeout(() => timer.abort(), timeoutMs)
  const over = AbortSignal.any([givenUp, timer.signal])
  const stopped = Promise.withResolvers<never>()
  const stop = () => {
    stopped.reject(
      givenUp.aborted
        ? interrupted(givenUp)
        : new MailDeliveryError('timeout', { response: `no outcome within ${timeoutMs} ms` }),
    )
  }
  over.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([send(over), stopped.promise])
  } finally {
    clearTimeout(timeout)
    over.removeEventListener('abort', stop)
  }
}

function interrupted(signal: AbortSignal): MailDeliveryError {
  return new MailDeliveryError('interrupted', { cause: signal.reason, response: 'the attempt was given up' })
}
