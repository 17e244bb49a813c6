import { errors, type OptionsInput, type Resolved, resolveOptions, StoaError } from '@stoa/kernel'

/** The settings of SMTP. */
const SMTP_OPTIONS = {
  /** Name or address of the server. */
  host: { type: 'string', minLength: 1, maxLength: 255 },
  /** 1–65 535; 0 for the port of `security`: 465 with `tls`, else 587. Default 0. */
  port: { type: 'integer', min: 0, max: 65_535, default: 0 },
  /**
   * `tls`: encrypted from the first byte. `starttls`: encrypted before anything is said, or nothing is sent.
   * `opportunistic`: encrypted where the server offers it, which whoever is between can prevent. `none`: in the clear.
   * A password needs one of the first two, unless the server is this machine. Default: `tls` on port 465, else
   * `starttls`.
   */
  security: { type: 'enum', values: ['tls', 'starttls', 'opportunistic', 'none'], optional: true },
  /** The login; none when the server wants none. */
  user: { type: 'string', minLength: 1, optional: true },
  password: { type: 'string', minLength: 1, optional: true, secret: true },
  /** What this machine calls itself in EHLO. Default: its host name. */
  clientName: { type: 'string', minLength: 1, maxLength: 255, optional: true },
  /** Certificates that are trusted beside the machine's own list, in PEM: for a server with a private authority. */
  trustedCertificates: { type: 'string', minLength: 1, optional: true },
  /** Connections at the same time. More is faster until the server refuses. 1–50. Default 5. */
  maxConnections: { type: 'integer', min: 1, max: 50, default: 5 },
  /** Messages after which a connection is replaced. 1–10 000. Default 100. */
  messagesPerConnection: { type: 'integer', min: 1, max: 10_000, default: 100 },
  /** After how long without work a connection is closed, in milliseconds. 1 000–600 000. Default 30 000. */
  idleMs: { type: 'integer', min: 1_000, max: 600_000, default: 30_000 },
  /** To find the name and connect, in milliseconds. 100–120 000. Default 10 000. */
  connectTimeoutMs: { type: 'integer', min: 100, max: 120_000, default: 10_000 },
  /** Until the greeting, in milliseconds. Some servers make strangers wait. 100–300 000. Default 30 000. */
  greetingTimeoutMs: { type: 'integer', min: 100, max: 300_000, default: 30_000 },
  /** Silence after which a connection is given up, in milliseconds. 100–600 000. Default 30 000. */
  silenceTimeoutMs: { type: 'integer', min: 100, max: 600_000, default: 30_000 },
  /**
   * A whole attempt, waiting for a free connection included, in milliseconds: it ends what drips on for ever.
   * 100–600 000. Default 90 000.
   */
  timeoutMs: { type: 'integer', min: 100, max: 600_000, default: 90_000 },
} as const

/** Options of {@link createSmtpTransport}. */
export type SmtpTransportOptions = OptionsInput<typeof SMTP_OPTIONS>

/** The settings, complete. */
export interface SmtpSettings extends Omit<Resolved<typeof SMTP_OPTIONS>, 'security'> {
  readonly security: 'tls' | 'starttls' | 'opportunistic' | 'none'
}

/** @throws StoaError `invalid_options` */
export function smtpSettings(options: SmtpTransportOptions): SmtpSettings {
  const given = resolveOptions(SMTP_OPTIONS, options, {
    name: 'createSmtpTransport',
    relations: [
      (o) => ((o.user === undefined) === (o.password === undefined) ? null : 'user and password go together'),
      (o) =>
        o.user === undefined || o.security === undefined || encrypts(o.security) || isLoopback(o.host)
          ? null
          : `a password is not sent with security '${o.security}': use tls or starttls`,
    ],
  })
  const security = given.security ?? (given.port === 465 ? 'tls' : 'starttls')
  return { ...given, security, port: given.port || (security === 'tls' ? 465 : 587) }
}

function encrypts(security: string): boolean {
  return security === 'tls' || security === 'starttls'
}

/** Whether a host is this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

/**
 * Options from an address: `smtps://user:password@mail.example.org`, `smtp://relay.example.org:2525?security=none`.
 * `smtps` is `tls`; `timeoutMs` can be said too; reserved characters of user and password are percent-encoded.
 *
 * @throws StoaError `invalid_options`, without the password
 */
export function smtpOptionsOf(url: string): SmtpTransportOptions {
  const parsed = URL.canParse(url) ? new URL(url) : null
  const wrong = (message: string) =>
    new StoaError(errors.invalid_options, { message: `the address of SMTP ${message}` })
  if (parsed === null || !['smtp:', 'smtps:'].includes(parsed.protocol) || parsed.hostname === '') {
    throw wrong('must be like smtps://user:password@mail.example.org')
  }
  if (!['', '/'].includes(parsed.pathname) || parsed.hash !== '') throw wrong('has no path')
  const security = parsed.protocol === 'smtps:' ? 'tls' : parsed.searchParams.get('security')
  const timeoutMs = parsed.searchParams.get('timeoutMs')
  for (const name of parsed.searchParams.keys()) {
    if (!['security', 'timeoutMs'].includes(name)) {
      throw wrong(`has an unknown parameter '${name}'; there are 'security' and 'timeoutMs'`)
    }
  }
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    ...(parsed.port !== '' && { port: Number(parsed.port) }),
    ...(security !== null && { security: security as SmtpSettings['security'] }),
    ...(timeoutMs !== null && { timeoutMs: Number(timeoutMs) }),
    ...(parsed.username !== '' && { user: decoded(parsed.username, wrong) }),
    ...(parsed.password !== '' && { password: decoded(parsed.password, wrong) }),
  }
}

function decoded(text: string, wrong: (message: string) => StoaError): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong('has a % that encodes nothing')
  }
}
