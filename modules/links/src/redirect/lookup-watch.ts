/* How codes are found: out of this process, as a rule. */
import type { Columns } from '@stoa/module'
import type { Orphans } from '../analytics/orphans.ts'
import type { Directory } from '../codes/directory.ts'
import type { SharedLinks } from '../codes/shared-links.ts'
import type { Destinations } from '../targets/destinations.ts'

/** Shows how codes are found in this process. */
export function watchLookups(
  { metrics }: Pick<Columns, 'metrics'>,
  destinations: Pick<Destinations, 'counts'>,
  directory: Pick<Directory, 'questions'>,
  shared: Pick<SharedLinks, 'counts'> | null,
): void {
  const seen = { memory: 0, filter: 0, redis: 0, database: 0 }
  metrics.counter({
    name: 'stoa_links_lookups_total',
    help: 'Codes that were looked up, by what knew them or knew that they are unknown.',
    labels: ['by'],
    collect(counter) {
      const { database: loaded, filter, memory } = destinations.counts
      const redis = shared?.counts.found ?? 0
      // What is under way counts for the database until it is found elsewhere.
      const now = { memory, filter, redis, database: Math.max(seen.database, loaded - redis) }
      for (const by of Object.keys(seen) as (keyof typeof seen)[]) {
        counter.labels(by).inc(now[by] - seen[by])
        seen[by] = now[by]
      }
    },
  })
  let sharedReads = 0
  metrics.counter({
    name: 'stoa_links_shared_reads_total',
    help: 'Times that Redis was asked for links that other processes have looked up, each for all that were wanted at the time.',
    collect(counter) {
      const now = shared?.counts.questions ?? 0
      counter.inc(now - sharedReads)
      sharedReads = now
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
