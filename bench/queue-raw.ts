/*
 * What PostgreSQL itself can do: two loops that each claim 500 rows and delete them by one statement, with nothing
 * around it. No attempt, no retry, no rescue; a job whose process dies is lost.
 */
import { Pool } from 'pg'

const CLAIM = `with picked as (select ctid from raw_jobs order by id limit 500 for update skip locked)
delete from raw_jobs where ctid = any (array (select ctid from picked)) returning id, input`

/** Fills the table with `count` rows. */
export async function fillRaw(url: string, count: number): Promise<void> {
  await using pool = open(url)
  await pool.query(
    'create table if not exists raw_jobs (id bigint generated always as identity primary key, input json not null)',
  )
  await pool.query(`insert into raw_jobs (input) select '{"at": 0}' from generate_series(1, $1)`, [count])
}

/** Takes all of it. @returns seconds */
export async function drainRaw(url: string): Promise<number> {
  await using pool = open(url)
  const began = performance.now()
  const loop = async () => {
    for (;;) {
      const { rowCount } = await pool.query({ name: 'claim', text: CLAIM })
      if (rowCount === 0) return
    }
  }
  await Promise.all([loop(), loop()])
  return (performance.now() - began) / 1_000
}

function open(url: string): Pool & AsyncDisposable {
  const pool = new Pool({ connectionString: url, max: 2 })
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() })
}
