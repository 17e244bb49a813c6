/*
 * What PostgreSQL itself can do with a queue, by two loops of plain SQL over 500 rows at a time, with nothing around them:
 *
 *   claim, then delete    a row is marked as taken by one transaction and deleted by another, as every queue does that loses
 *                         no job when a process dies
 *   delete at once        a row is gone as soon as it is taken: a job whose process dies is lost
 */
import { Pool, type PoolClient } from 'pg'

/** How a loop takes rows. */
export type RawLoop = 'claim, then delete' | 'delete at once'

const BATCH = 500
const PICKED = `with picked as (select ctid from raw_jobs where not taken order by id limit ${BATCH} for update skip locked)`
const CLAIM = `${PICKED}
update raw_jobs set taken = true where ctid = any (array (select ctid from picked)) returning id, input`
const DELETE = 'delete from raw_jobs where id = any ($1::bigint[])'
const DELETE_AT_ONCE = `${PICKED}
delete from raw_jobs where ctid = any (array (select ctid from picked)) returning id, input`

/** Takes rows until there are none. */
const LOOPS: Record<RawLoop, (client: PoolClient) => Promise<void>> = {
  async 'claim, then delete'(client) {
    for (;;) {
      const { rows } = await client.query<{ id: string }>({ name: 'claim', text: CLAIM })
      if (rows.length === 0) return
      await client.query({ name: 'delete', text: DELETE, values: [rows.map(({ id }) => id)] })
    }
  },
  async 'delete at once'(client) {
    for (;;) {
      const { rowCount } = await client.query({ name: 'delete at once', text: DELETE_AT_ONCE })
      if (rowCount === 0) return
    }
  },
}

/** Fills the table with `count` rows. */
export async function fillRaw(url: string, count: number): Promise<void> {
  await using pool = open(url)
  await pool.query(`create table if not exists raw_jobs (
  id bigint generated always as identity primary key,
  taken boolean not null default false,
  input json not null
)`)
  await pool.query('create index if not exists raw_jobs_ready on raw_jobs (id) where not taken')
  await pool.query(`insert into raw_jobs (input) select '{"at": 0}' from generate_series(1, $1)`, [count])
}

/** Takes all of it. @returns seconds */
export async function drainRaw(url: string, how: RawLoop): Promise<number> {
  await using pool = open(url)
  const began = performance.now()
  await Promise.all(
    Array.from({ length: 2 }, async () => {
      const client = await pool.connect()
      await LOOPS[how](client).finally(() => client.release())
    }),
  )
  return (performance.now() - began) / 1_000
}

function open(url: string): Pool & AsyncDisposable {
  const pool = new Pool({ connectionString: url, max: 2 })
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() })
}
