import { type OptionsInput, type Resolved, resolveOptions } from '@stoa/kernel'

const spec = {
  /** Workers outside that wait for tasks, in a process. From 1 to 100,000; default 1,000. */
  maxWaitingClaims: { type: 'integer', min: 1, max: 100_000, default: 1_000 },
  /** Of one tenant among them. From 1 to 100,000; default 200. */
  maxWaitingClaimsPerTenant: { type: 'integer', min: 1, max: 100_000, default: 200 },
} as const

/** The settings of the room, complete. */
export type JobsConfig = Resolved<typeof spec>

/** Checks the settings and fills in the defaults. Throws `invalid_options` naming every fault. */
export function jobsConfig(input: Readonly<Record<string, unknown>>): JobsConfig {
  return resolveOptions(spec, input as OptionsInput<typeof spec>, { name: 'jobs' })
}
