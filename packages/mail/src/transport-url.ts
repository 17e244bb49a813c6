/*
 * An engine by its address, for whoever configures by text:
 *
 *   smtps://user:password@mail.example.org        smtp://relay.example.org:2525?security=none
 *   ses://eu-central-1?configurationSet=stoa      ses://eu-central-1?endpoint=https://vpce-1.email.example.org
 */
import { errors, StoaError } from '@stoa/kernel'
import type { SesCredentials } from './ses-options.ts'
import { createSesTransport } from './ses-transport.ts'
import { smtpOptionsOf } from './smtp-options.ts'
import { createSmtpTransport } from './smtp-transport.ts'
import type { MailTransport } from './transport.ts'

/** What an address does not say. */
export interface TransportUrlOptions {
  /** The keys of AWS, for `ses://`. */
  readonly sesCredentials?: SesCredentials | null
}

/**
 * The engine at an address. Nothing is connected yet. Both take `timeoutMs`, the time of a whole attempt.
 *
 * @throws StoaError `invalid_options`, without the password
 */
export function transportOf(url: string, { sesCredentials = null }: TransportUrlOptions = {}): MailTransport {
  if (!/^ses:/i.test(url)) return createSmtpTransport(smtpOptionsOf(url))
  const parsed = URL.canParse(url) ? new URL(url) : null
  const wrong = (message: string) => new StoaError(errors.invalid_options, { message: `the address of SES ${message}` })
  const bare = parsed !== null && parsed.username === '' && parsed.password === '' && parsed.port === ''
  if (!bare || !['', '/'].includes(parsed.pathname) || parsed.hash !== '') {
    throw wrong('must be like ses://eu-central-1, without keys in it')
  }
  if (sesCredentials === null) throw wrong('needs the keys of AWS')
  const { configurationSet, endpoint, timeoutMs, ...others } = Object.fromEntries(parsed.searchParams)
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw wrong(`has an unknown parameter '${unknown}'; there are 'configurationSet', 'endpoint' and 'timeoutMs'`)
  }
  return createSesTransport({
    region: parsed.hostname,
    credentials: () => sesCredentials,
    ...(configurationSet !== undefined && { configurationSet }),
    ...(endpoint !== undefined && { endpoint }),
    ...(timeoutMs !== undefined && { timeoutMs: Number(timeoutMs) }),
  })
}
