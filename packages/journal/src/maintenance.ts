import type { Database } from '@stoa/db'
import { type BaseCtx, type OptionsInput, type OptionsSpec, resolveOptions } from '@stoa/kernel'
import { Alarm } from './alarm.ts'
import { ensurePartitions, retain } from './partitions.ts'

const MAINTENANCE_OPTIONS = {
  retainMonths: { type: 'integer', min: 1, max: 1_200, default: null },
  everyMs: { type: 'integer', min: 60_000, max: 604_800_000, default: 86_400_000 },
} as const satisfies OptionsSpec

/**
 * How the journal is kept in order.
 *
 * - `retainMonths`: how many whole months to keep besides the present one. Null keeps everything. 1–1 200. Default null.
 * - `everyMs`: how often to look, in milliseconds. One minute to one week. Default one day.
 */
export type MaintenanceOptions = OptionsInput<typeof MAINTENANCE_OPTIONS>

/** Maintenance that runs until disposed. */
export interface Maintenance extends AsyncDisposable {
  /** Resolves when the first run is over, however it went. */
  readonly first: Promise<void>
}

/** Makes partitions ahead and drops old ones, now and every `everyMs`. A run that fails is logged; the next one tries again. */
export function maintain(db: Database, ctx: BaseCtx, input: MaintenanceOptions): Maintenance {
  const options = resolveOptions(MAINTENANCE_OPTIONS, input, { name: 'journal.maintain' })
  const { retainMonths } = options
  const alarm = new Alarm()
  let closed = false

  const once = async (): Promise<void> => {
    try {
      await ensurePartitions(db, ctx)
      if (retainMonths !== null) await retain(db, ctx, retainMonths)
    } catch (err) {
      ctx.log.error({ err }, 'journal: maintenance failed, the next run tries again')
    }
  }
  const first = once()
  const running = (async () => {
    await first
    while (!closed) {
      await alarm.wait(ctx.clock, options.everyMs)
      if (!closed) await once()
    }
  })()

  return {
    first,
    async [Symbol.asyncDispose]() {
      closed = true
      alarm.ring()
      await running
    },
  }
}
