import type { Database } from '@stoa/db'
import { type BaseCtx, type OptionsInput, type OptionsSpec, type Repeating, repeat, resolveOptions } from '@stoa/kernel'
import { ensurePartitions, retain } from './partitions.ts'

const MAINTENANCE_OPTIONS = {
  retainMonths: { type: 'integer', min: 1, max: 1_200, default: null },
  everyMs: { type: 'integer', min: 60_000, max: 604_800_000, default: 86_400_000 },
} as const satisfies OptionsSpec

/**
 * How the journal is kept in order.
 *
 * - `retainMonths`: how many whole months to keep besides the present one. Null keeps everything. 1–1 200. Default
 *   null.
 * - `everyMs`: how often to look, in milliseconds. One minute to one week. Default one day.
 */
export type MaintenanceOptions = OptionsInput<typeof MAINTENANCE_OPTIONS>

/** Maintenance that runs until disposed. `first` is the run at the start. */
export type Maintenance = Repeating

/**
 * Makes partitions ahead and drops old ones, now and every `everyMs`. A run that fails is logged; the next one tries
 * again.
 */
export function maintain(db: Database, ctx: BaseCtx, input: MaintenanceOptions): Maintenance {
  const { everyMs, retainMonths } = resolveOptions(MAINTENANCE_OPTIONS, input, { name: 'journal.maintain' })
  const run = async (signal: AbortSignal): Promise<void> => {
    const own = { ...ctx, signal }
    await ensurePartitions(db, own)
    if (retainMonths !== null) await retain(db, own, retainMonths)
  }
  const onError = (err: unknown) => ctx.log.error({ err }, 'journal: maintenance failed, the next run tries again')
  return repeat(run, { clock: ctx.clock, firstMs: 0, everyMs, onError })
}
