import { type OptionsInput, type Resolved, resolveOptions } from '@stoa/kernel'

const spec = {
  /**
   * How long a session lasts that nobody uses, in minutes. Longer is kinder, shorter safer where machines are shared.
   * From 5 to 525,600; default 10,080: a week.
   */
  sessionIdleMinutes: { type: 'integer', min: 5, max: 525_600, default: 10_080 },
  /** How long a session lasts at the most, in days, however much it is used. From 1 to 365; default 30. */
  sessionDays: { type: 'integer', min: 1, max: 365, default: 30 },
  /**
   * How many passwords a process hashes at once. Each takes 19 MiB and one of Node's four helper threads for some 30 ms.
   * From 1 to 16; default 2.
   */
  passwordHashes: { type: 'integer', min: 1, max: 16, default: 2 },
} as const

/** The settings of the room, complete. */
export type IdentityConfig = Resolved<typeof spec>

/** Checks the settings and fills in the defaults. Throws `invalid_options` naming every fault. */
export function identityConfig(input: Readonly<Record<string, unknown>>): IdentityConfig {
  return resolveOptions(spec, input as OptionsInput<typeof spec>, { name: 'identity' })
}
