import type { Migration } from '@stoa/db'

/*
 * A claim changes its row in place: no index sees a column that a claim changes, so PostgreSQL writes a second version
 * into the same page (which is why half of each page is left free) and not one entry into an index. That halves what a
 * claim costs, and what is left for vacuum.
 *
 * So indexes know a job by `indexed_state`, under which a job that was just claimed is still `ready`: a claim looks at
 * `state` too, and passes over those that run. Jobs that run for long would be passed over by every claim, so their
 * worker lets them step aside (`runs_long`), and what programs outside hold, often for minutes, steps aside at once.
 *
 * It breaks with the release before, whose claims look at `state` alone: without an index for that they would read the
 * whole table each time. So the table may be written anew here, which takes half a second for 100,000 jobs.
 *
 * `runs_long` is never taken back: it means something only while a job runs, and the next claim of such a job writes
 * into the indexes, as it would without all of this.
 */
export const jobsInPlace: Migration = {
  name: '0008_jobs_in_place',
  scope: 'shared',
  breaking: true,
  up: `
drop index jobs_ready;
drop index jobs_due;
drop index jobs_keyed;
drop index jobs_external;
alter table jobs set (fillfactor = 45);
alter table jobs
  add column runs_long boolean not null default false,
  add column indexed_state text generated always as (
    case when state = 'running' and lane <> 'external' and not runs_long then 'ready' else state end
  ) stored;
create index jobs_ready on jobs (lane, rank, tenant_id, run_at, id) where indexed_state = 'ready';
create index jobs_due on jobs (run_at) where indexed_state = 'scheduled';
create index jobs_keyed on jobs (tenant_id, kind, concurrency_key, indexed_state, id) where concurrency_key is not null;
create index jobs_external on jobs (tenant_id, kind, run_at, id) where lane = 'external' and indexed_state = 'ready';
`,
}
