/* How codes are found: out of this process, as a rule. */
import type { Columns } from '@stoa/module'
import type { Orphans } from '../analytics/orphans.ts'
import type { Directory } from '../codes/directory.ts'
import type { Destinations, LookupCounts } from '../targets/destinations.ts'

/** Shows how codes are found in this process. */
export function watchLookups(
  { metrics }: Pick<Columns, 'metrics'>,
  destinations: Pick<Destinations, 'counts'>,
  directory: Pick<Directory, 'questions'>,
): void {
  const seen = { memory: 0, filter: 0, database: 0 }
  metrics.counter({
    name: 'stoa_links_lookups_total',
    help: 'Codes that were looked up, by what knew them or knew that they are unknown.',
    labels: ['by'],
    collect(counter) {
      for (const by of Object.keys(seen) as (keyof LookupCounts)[]) {
        const now = destinations.counts[by]
        counter.labels(by).inc(now - seen[by])
        seen[by] = now
      }
    },
  })
  let asked = 0
  metrics.counter({
    name: 'stoa_links_directory_reads_total',
    help: 'Times that the database was asked for codes, each for all that were wanted at the time.',
    collect(counter) {
      counter.inc(directory.questions - asked)
      asked = directory.questions
    },
  })
}

/** Shows how many visits of this process found no link. */
export function watchOrphans({ metrics }: Pick<Columns, 'metrics'>, orphans: Pick<Orphans, 'counted'>): void {
  let seen = 0
  metrics.counter({
    name: 'stoa_links_orphan_visits_total',
    help: 'Visits that found no link.',
    collect(counter) {
      counter.inc(orphans.counted - seen)
      seen = orphans.counted
    },
  })
}
