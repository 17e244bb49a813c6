import { didYouMean, type OptionsInput, type OptionsSpec, type Resolved, resolveOptions } from '@stoa/kernel'

const LANE_OPTIONS = {
  reserved: { type: 'integer', default: 1, min: 0, max: 1_000 },
  share: { type: 'number', default: 1, min: 0.01, max: 1 },
  keepDays: { type: 'integer', default: 7, min: 0, max: 366 },
  keepDeadDays: { type: 'integer', default: 30, min: 0, max: 366 },
  durable: { type: 'boolean', default: true },
} as const satisfies OptionsSpec

/**
 * The policy of a lane.
 *
 * - `reserved`: slots of each worker that no other lane gets. Default 1.
 * - `share`: the largest part of a worker's slots that it may use. Default 1: all but what others have reserved.
 * - `keepDays`: for how many days finished jobs can be looked up; 0: not at all, which is fastest. 0–366. Default 7.
 * - `keepDeadDays`: the same of dead letters, and of cancelled jobs. Default 30.
 * - `durable`: false lets enqueues and acknowledgements of this lane be confirmed before they are on the disk. When the
 *   database's machine then loses power, the last half second of them is lost: jobs that are not run, or run again.
 *   Default true.
 */
export type LaneOptions = OptionsInput<typeof LANE_OPTIONS>

/** A lane's policy, complete. */
export type Lane = Resolved<typeof LANE_OPTIONS> & { readonly name: string }

/**
 * `critical` for what somebody waits for, `default`, `remote` for what waits for servers of others, and `bulk` for what
 * can wait. The last two never take more than half of a worker: a mail server that hangs holds up nobody else.
 */
export const DEFAULT_LANES: Readonly<Record<string, LaneOptions>> = Object.freeze({
  critical: { reserved: 2 },
  default: { reserved: 1 },
  remote: { reserved: 1, share: 0.5 },
  bulk: { reserved: 0, share: 0.5, keepDays: 1 },
})

/**
 * Where jobs wait that programs outside run: see {@link Leases}. Every queue has this lane, and no worker claims from
 * it.
 */
export const EXTERNAL_LANE = 'external'

const NAME = /^[a-z][a-z0-9-]{0,30}$/

/**
 * The lanes by name, in the order in which they are given, which is also who starts first. {@link EXTERNAL_LANE} is one
 * of them, the last unless it is given.
 *
 * @throws TypeError for a name that is none; StoaError `invalid_options`
 */
export function lanesOf(input: Readonly<Record<string, LaneOptions>>): ReadonlyMap<string, Lane> {
  const lanes = new Map<string, Lane>()
  const all = EXTERNAL_LANE in input ? input : { ...input, [EXTERNAL_LANE]: { reserved: 0 } }
  for (const [name, options] of Object.entries(all)) {
    if (!NAME.test(name)) throw new TypeError(`'${name}' is not a lane: small letters, digits and dashes, up to 31`)
    lanes.set(name, { name, ...resolveOptions(LANE_OPTIONS, options, { name: `lane ${name}` }) })
  }
  return lanes
}

/** @throws TypeError when there is no such lane */
export function laneNamed(lanes: ReadonlyMap<string, Lane>, name: string): Lane {
  const lane = lanes.get(name)
  if (!lane) throw new TypeError(`there is no lane '${name}'${didYouMean(name, [...lanes.keys()])}`)
  return lane
}
