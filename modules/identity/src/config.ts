import { type OptionsInput, optionalFunction, type Resolved, resolveOptions } from '@stoa/kernel'
import type { TxtRecords } from '@stoa/module'
import type { Fetcher } from '@stoa/outbound'

const spec = {
  /**
   * How long a session lasts that nobody uses, in minutes. Longer is kinder, shorter safer where machines are shared.
   * From 5 to 525,600; default 10,080: a week.
   */
  sessionIdleMinutes: { type: 'integer', min: 5, max: 525_600, default: 10_080 },
  /** How long a session lasts at the most, in days, however much it is used. From 1 to 365; default 30. */
  sessionDays: { type: 'integer', min: 1, max: 365, default: 30 },
  /**
   * How many passwords a process hashes at once. Each takes 19 MiB and one of Node's four helper threads for some 20 ms.
   * From 1 to 16; default 2.
   */
  passwordHashes: { type: 'integer', min: 1, max: 16, default: 2 },
  /**
   * How long an access token lasts, in seconds. Shorter is safer where other APIs check tokens by themselves; every longer
   * one spares requests. From 60 to 3,600; default 600.
   */
  accessTokenSeconds: { type: 'integer', min: 60, max: 3_600, default: 600 },
  /** What new keys sign with: `ES256` is understood everywhere; default `ES256`. */
  signingAlgorithm: { type: 'enum', values: ['ES256', 'EdDSA'], default: 'ES256' },
  /**
   * How long a new key is published before it signs, in seconds: as long as others may keep the key set of before. From 0
   * to 86,400; default 900.
   */
  keyPublishSeconds: { type: 'integer', min: 0, max: 86_400, default: 900 },
  /**
   * Whether applications, and other providers that people sign in by, may be on this machine or in a private network, for
   * what is sent to them: where a program tries out its sign-on. Default false.
   */
  allowPrivateApplications: { type: 'boolean', default: false },
  /**
   * How many providers a process keeps, one for each tenant; less than 200 KB each. The one that was asked least recently goes, and
   * is made anew when it is asked for, which costs some milliseconds. From 1 to 10,000; default 300.
   */
  maxProviders: { type: 'integer', min: 1, max: 10_000, default: 300 },
  /**
   * Requests that a client which has proven who it is may make at once to the endpoints of programs (tokens, introspection
   * …). From 10 to 1,000,000; default 3,000.
   */
  clientBurst: { type: 'integer', min: 10, max: 1_000_000, default: 3_000 },
  /** How many more it may make each second. From 1 to 1,000,000; default 500. */
  clientRequestsPerSecond: { type: 'integer', min: 1, max: 1_000_000, default: 500 },
  /**
   * The same for all clients of one address together, whether or not they prove who they are: those of a server all come
   * from there. From 10 to 10,000,000; default 12,000.
   */
  addressBurst: { type: 'integer', min: 10, max: 10_000_000, default: 12_000 },
  /** How many more each second. From 1 to 10,000,000; default 2,000. */
  addressRequestsPerSecond: { type: 'integer', min: 1, max: 10_000_000, default: 2_000 },
  /** Asks other providers that people sign in by. Default: one that keeps to the public internet. */
  fetcher: optionalFunction<Fetcher>(),
  /** How many hosts of its own a tenant may have for its issuer; it is at one of them at a time. From 0 to 100; default 5. */
  issuerHostsPerTenant: { type: 'integer', min: 0, max: 100, default: 5 },
  /**
   * Whether a tenant has to prove by DNS that a host is its own before its issuer can be there: `dns`, or `none` where all
   * tenants are trusted. Default `dns`.
   */
  issuerHostProof: { type: 'enum', values: ['dns', 'none'], default: 'dns' },
  /** The texts (TXT) at a name of DNS. Default: the resolver of the machine. */
  txtRecords: optionalFunction<TxtRecords>(),
} as const

/** The settings of the room, complete. */
export type IdentityConfig = Resolved<typeof spec>

/** Checks the settings and fills in the defaults. Throws `invalid_options` naming every fault. */
export function identityConfig(input: Readonly<Record<string, unknown>>): IdentityConfig {
  return resolveOptions(spec, input as OptionsInput<typeof spec>, { name: 'identity' })
}
