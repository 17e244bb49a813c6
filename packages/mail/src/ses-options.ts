import { functionOption, type OptionsInput, resolveOptions } from '@stoa/kernel'
import { isLoopback } from './smtp-options.ts'

/** Keys of AWS. */
export interface SesCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** With temporary keys. */
  readonly sessionToken?: string | undefined
}

/** The settings of SES. */
const SES_OPTIONS = {
  /** Such as `eu-central-1`. */
  region: { type: 'string', pattern: /^[a-z]{2,}(-[a-z]+)+-\d$/, patternHint: 'a region such as eu-central-1' },
  /**
   * Gives the keys, and is asked before each message: whoever has temporary ones keeps them until they expire. A
   * failure counts as `misconfigured`.
   */
  credentials: functionOption<() => SesCredentials | Promise<SesCredentials>>(),
  /** Configuration set, for events of single messages. Default: none but the identity's own. */
  configurationSet: { type: 'string', pattern: /^[\w-]{1,64}$/, optional: true },
  /** Where the API is: another address for a private endpoint. Default: that of the region. */
  endpoint: { type: 'string', minLength: 1, optional: true },
  /** A whole attempt, in milliseconds. 100–600 000. Default 30 000. */
  timeoutMs: { type: 'integer', min: 100, max: 600_000, default: 30_000 },
} as const

/** Options of {@link createSesTransport}. */
export type SesTransportOptions = OptionsInput<typeof SES_OPTIONS>

/** @throws StoaError `invalid_options` */
export function sesSettings(options: SesTransportOptions) {
  const given = resolveOptions(SES_OPTIONS, options, {
    name: 'createSesTransport',
    relations: [
      ({ endpoint }) => {
        if (endpoint === undefined) return null
        const url = URL.canParse(endpoint) ? new URL(endpoint) : null
        const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
        return safe ? null : 'endpoint must be an https address'
      },
    ],
  })
  const domain = given.region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const endpoint = given.endpoint ?? `https://email.${given.region}.${domain}`
  return {
    ...given,
    url: new URL('/v2/email/outbound-emails', endpoint).href,
    accountUrl: new URL('/v2/email/account', endpoint).href,
  }
}

/** The settings, complete. */
export type SesSettings = ReturnType<typeof sesSettings>
