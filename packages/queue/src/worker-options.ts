import { type OptionsInput, type OptionsSpec, objectOption, type Resolved, resolveOptions } from '@stoa/kernel'
import { EXTERNAL_LANE, type Lane } from './lanes.ts'

const WORKER_OPTIONS = {
  lanes: { ...objectOption<readonly string[]>(), default: null },
  slots: { type: 'integer', default: 20, min: 1, max: 10_000 },
  maxSlots: { type: 'integer', default: null, min: 1, max: 10_000 },
  scaleAtAgeMs: { type: 'integer', default: 1_000, min: 10, max: 3_600_000 },
  maxPrefetch: { type: 'integer', default: 500, min: 1, max: 5_000 },
  pollMs: { type: 'integer', default: 1_000, min: 10, max: 60_000 },
  heartbeatMs: { type: 'integer', default: 2_500, min: 10, max: 60_000 },
  deadAfterMs: { type: 'integer', default: 10_000, min: 50, max: 600_000 },
  drainMs: { type: 'integer', default: 20_000, min: 0, max: 3_600_000 },
} as const satisfies OptionsSpec

/**
 * How a worker works.
 *
 * - `lanes`: which lanes it serves. Default: all.
 * - `slots`: how many jobs run at the same time. More helps jobs that wait for something, and hurts those that compute. At
 *   least what the lanes reserve, and one more when a lane reserves none: it would never begin. 1–10 000. Default 20.
 * - `maxSlots`: when jobs wait for longer than `scaleAtAgeMs`, the slots grow up to this, and shrink again when nothing
 *   waits. Null: they stay. Default null.
 * - `scaleAtAgeMs`: see `maxSlots`. In milliseconds, 10 – 1 h. Default 1 s.
 * - `maxPrefetch`: how many jobs of a lane may be claimed and not begun: only as many as end within 20 ms are, and of a
 *   lane with a smaller `share` so much less. 1–5 000. Default 500.
 * - `pollMs`: how often to look without a hint, in milliseconds, 10 – 60 000. Default 1 s.
 * - `heartbeatMs`: the time between two signs of life, in milliseconds, 10 – 60 000. Default 2.5 s.
 * - `deadAfterMs`: a worker that was silent for so long has lost its jobs: they run again elsewhere. Shorter rescues
 *   sooner, and takes jobs from workers that are only slow. At least three times `heartbeatMs`. Default 10 s.
 * - `drainMs`: how long running jobs may take to end when the worker stops; then their signals abort. Default 20 s.
 */
export type WorkerOptions = OptionsInput<typeof WORKER_OPTIONS>

/** Complete options of a worker. */
export type ResolvedWorkerOptions = Resolved<typeof WORKER_OPTIONS>

/** @throws StoaError `invalid_options` */
export function resolveWorkerOptions(input: WorkerOptions, lanes: ReadonlyMap<string, Lane>): ResolvedWorkerOptions {
  return resolveOptions(WORKER_OPTIONS, input, {
    name: 'queue.work',
    relations: [
      (o) => (o.deadAfterMs >= 3 * o.heartbeatMs ? null : 'deadAfterMs must be at least three times heartbeatMs'),
      (o) => (o.maxSlots === null || o.maxSlots >= o.slots ? null : 'maxSlots must not be below slots'),
      (o) => {
        const unknown = o.lanes?.find((lane) => !lanes.has(lane))
        if (o.lanes?.includes(EXTERNAL_LANE)) return `the lane '${EXTERNAL_LANE}' is for programs outside`
        return unknown === undefined ? null : `there is no lane '${unknown}'`
      },
      (o) => {
        const served = [...lanes.values()].filter(({ name }) => o.lanes?.includes(name) ?? name !== EXTERNAL_LANE)
        const reserved = served.reduce((sum, lane) => sum + lane.reserved, 0)
        const left = served.some((lane) => lane.reserved === 0) ? 1 : 0
        const more = left > 0 ? ' and leave one more for those that reserve none' : ''
        return reserved + left <= o.slots ? null : `the lanes reserve ${reserved} slots${more}, and slots is ${o.slots}`
      },
    ],
  })
}
