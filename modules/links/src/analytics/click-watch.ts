/*
 * A click that is dropped is dropped in silence for the visitor, so it has to be loud elsewhere: a counter to alert on,
 * and a line in `/health/ready`, from where `stoa doctor` takes it. It is no reason to take the process out of service:
 * redirects work.
 */
import type { Columns } from '@stoa/module'
import type { CheckResult } from '@stoa/telemetry'
import type { ClickCounts, Clicks } from '../clicks/clicks.ts'

/** Shows what becomes of the clicks of this process. `buffer`: how many may wait. */
export function watchClicks(
  { health, metrics }: Pick<Columns, 'health' | 'metrics'>,
  clicks: Pick<Clicks, 'counts'>,
  buffer: number,
): void {
  const seen = { recorded: 0, dropped: 0 }
  for (const [state, help] of [
    ['recorded', 'Clicks that have been written.'],
    ['dropped', 'Clicks that were given up, because too many waited or the database refused them.'],
  ] as const) {
    metrics.counter({
      name: `stoa_links_clicks_${state}_total`,
      help,
      collect: (counter) => {
        const now = clicks.counts[state]
        counter.inc(now - seen[state])
        seen[state] = now
      },
    })
  }
  metrics.gauge({
    name: 'stoa_links_clicks_waiting',
    help: 'Clicks in memory that are not written yet.',
    collect: (gauge) => gauge.set(clicks.counts.waiting),
  })
  health.add('links.clicks', async () => clickHealth(clicks.counts, buffer))
}

/** In words; pure. */
export function clickHealth({ dropped, droppedAt, waiting }: ClickCounts, buffer: number): CheckResult {
  const lines: string[] = []
  if (droppedAt !== null) {
    lines.push(`${dropped} dropped since the start, the last at ${new Date(droppedAt).toISOString()}`)
  }
  if (waiting > buffer / 2) lines.push(`${waiting} of at most ${buffer} wait to be written`)
  return lines.length === 0 ? { ok: true } : { ok: true, detail: lines.join('; ') }
}
