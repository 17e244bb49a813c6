import type { Agent } from 'node:https'
import {
  type OptionsInput,
  objectOption,
  optionalFunction,
  optionalObject,
  type Resolved,
  resolveOptions,
} from '@stoa/kernel'
import type { AddressInput, DkimInput, SesCredentials } from '@stoa/mail'

const spec = {
  /**
   * How mail leaves: `smtps://user:password@mail.example.org`, `ses://eu-central-1`. null: into `folder`, as files.
   * Default null.
   */
  url: { type: 'string', minLength: 1, default: null, secret: true },
  /** Where the files go when there is no `url`. */
  folder: { type: 'string', minLength: 1 },
  /** The keys of AWS, for `ses://`. Default: none. */
  sesCredentials: optionalObject<SesCredentials>(),
  /** Whom mail is from when a tenant has no sender of its own. */
  from: objectOption<Exclude<AddressInput, string>>(),
  /** Signs mail that is from there. Default: none, and it is not signed. */
  dkim: optionalObject<Required<DkimInput>>(),
  /** Where bounces go. Default null: to whom the message is from. */
  returnPath: { type: 'string', minLength: 3, default: null },
  /**
   * Whether a tenant has to prove by DNS that a domain is its own before mail is from there: `dns`, or `none` where all
   * tenants are trusted. Default `dns`.
   */
  senderProof: { type: 'enum', values: ['dns', 'none'], default: 'dns' },
  /** The texts (TXT) at a name of DNS. Default: the resolver of the machine. */
  txtRecords: optionalFunction<(name: string) => Promise<readonly (readonly string[])[]>>(),
  /**
   * The topics of SNS that bounces and complaints of SES come by: up to 20 ARNs. Default: none, and nothing is taken in.
   */
  sesTopics: optionalObject<readonly string[]>(),
  /** Connects to Amazon. Default: Node's own. */
  sesAgent: optionalObject<Agent>(),
  /** How many days messages are kept that have had their outcome. From 1 to 36,500; default 90. */
  keepDays: { type: 'integer', min: 1, max: 36_500, default: 90 },
} as const

/** The settings of the room, complete. */
export type MailConfig = Resolved<typeof spec>

/** Checks the settings and fills in the defaults. Throws `invalid_options` naming every fault. */
export function mailConfig(input: Readonly<Record<string, unknown>>): MailConfig {
  return resolveOptions(spec, input as OptionsInput<typeof spec>, { name: 'mail' })
}
