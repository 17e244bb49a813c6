// The writer or the reader of the journal's benchmark, or of its peer: a process of its own, so that its CPU time can
// be told from everything else's.

import { openPostgres } from '@stoa/db'
import { createJournal, defineEvent, notifyTransport, relayedHints } from '@stoa/journal'
import { type Ctx, newId, silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { Pool } from 'pg'
import { Type } from 'typebox'
import { OUTBOX_COLUMNS } from './journal-outbox.ts'
import { answer } from './process.ts'

/** What both contenders do. */
interface Contender extends AsyncDisposable {
  /** One transaction with these events. */
  append(numbers: readonly number[]): Promise<void>
  /** Calls `take` with the numbers of the events that it gets, from now on; resolves when it has its place. */
  follow(take: (numbers: readonly number[]) => void): Promise<AsyncDisposable>
}

/** How the writer loads. */
export interface Load {
  readonly seconds: number
  /** Transactions at once, each begun when the one before it in its lane is acknowledged. */
  readonly lanes: number
  readonly eventsPerTransaction: number
  /** Events per second in even steps; null as fast as it goes. */
  readonly rate: number | null
}

/** What a load was: times in µs of the machine's monotonic clock, which all processes share. */
export interface Loaded {
  readonly seconds: number
  /** When event `i` was acknowledged. */
  readonly acknowledged: readonly number[]
}

const POLL_MS = 100
const GIVE_UP_US = 2e6
const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n)
const deps = { log: silentLogger, clock: systemClock }

/** An event as rooms write them: a subject, an actor, some hundred bytes of data. */
const linkCreated = defineEvent({
  type: 'link.created',
  version: 1,
  description: 'A short link was created.',
  data: Type.Object({ n: Type.Integer(), code: Type.String(), target: Type.String() }),
})
const dataOf = (n: number) => ({ n, code: 'q7Xk2Pd', target: `https://example.org/campaigns/2026/spring?visitor=${n}` })

function someone(): Ctx {
  const base = systemCtx(deps, 'bench')
  return tenantCtx(base, { id: newId(), slug: 'acme', schema: 'stoa_pool' }, { actor: { type: 'person', id: newId() } })
}

async function journalContender(url: string): Promise<Contender> {
  const db = await openPostgres({ url, poolSize: 20 }, deps)
  const hints = await relayedHints(notifyTransport(db), deps)
  const journal = createJournal({ events: [linkCreated] }, { db, hints, ...deps })
  const ctx = someone()
  return {
    async append(numbers) {
      await db.transaction(ctx, async (tx) => {
        for (const n of numbers) journal.append(ctx, tx, linkCreated.of(dataOf(n), [`link:${newId()}`]))
      })
    },
    async follow(take) {
      const tail = journal.tail({ name: 'bench' }, async (events) =>
        take(events.map((event) => event.data.n as number)),
      )
      await tail.ready
      return tail
    },
    async [Symbol.asyncDispose]() {
      await hints[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
    },
  }
}

/** What one writes first: begin, an insert per event, commit, each waited for; and a poll that follows the number. */
async function outboxContender(url: string): Promise<Contender> {
  const pool = new Pool({ connectionString: url, max: 20 })
  const ctx = someone()
  const insert = {
    name: 'insert',
    text: `insert into outbox (${OUTBOX_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
  }
  const page = { name: 'page', text: 'select * from outbox where id > $1 order by id limit 500' }
  const valuesOf = (n: number) => [
    ctx.tenant.id,
    new Date(),
    1,
    'link.created',
    [`link:${newId()}`],
    JSON.stringify(dataOf(n)),
    ctx.actor.type,
    ctx.actor.id,
    ctx.requestId,
    ctx.traceId,
  ]
  return {
    async append(numbers) {
      const client = await pool.connect()
      try {
        await client.query('begin')
        for (const n of numbers) await client.query({ ...insert, values: valuesOf(n) })
        await client.query('commit')
      } finally {
        client.release()
      }
    },
    async follow(take) {
      const { rows } = await pool.query<{ id: string }>('select coalesce(max(id), 0) as id from outbox')
      let last = rows[0]?.id ?? '0'
      let closed = false
      const running = (async () => {
        while (!closed) {
          const { rows: events } = await pool.query<{ id: string; data: { n: number } }>({ ...page, values: [last] })
          take(events.map((event) => event.data.n))
          last = events.at(-1)?.id ?? last
          if (events.length < 500) await systemClock.sleep(POLL_MS)
        }
      })()
      return {
        async [Symbol.asyncDispose]() {
          closed = true
          await running
        },
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

let contender: Contender | null = null
let following: AsyncDisposable | null = null
/** When event `i` was taken, in µs; 0 for not yet. */
let taken: number[] = []
let takenCount = 0

const opened = (): Contender => {
  if (contender === null) throw new Error('open comes first')
  return contender
}

async function load({ eventsPerTransaction, lanes, rate, seconds }: Load): Promise<Loaded> {
  const { append } = opened()
  const acknowledged: number[] = []
  let next = 0
  const transaction = async () => {
    const numbers = Array.from({ length: eventsPerTransaction }, () => next++)
    await append(numbers)
    const at = nowUs()
    for (const n of numbers) acknowledged[n] = at
  }
  const begun = nowUs()
  const end = begun + seconds * 1e6
  const lane = async () => {
    while (nowUs() < end) {
      // An open load: the next one is due by the clock, whoever is free takes it.
      if (rate !== null) {
        const early = begun + (next / rate) * 1e6 - nowUs()
        if (early > 0) {
          await systemClock.sleep(Math.min(early / 1e3, 5))
          continue
        }
      }
      await transaction()
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return { seconds: (nowUs() - begun) / 1e6, acknowledged }
}

answer(
  {
    async open({ kind, url }: { kind: 'journal' | 'outbox'; url: string }) {
      contender = kind === 'journal' ? await journalContender(url) : await outboxContender(url)
    },
    load,
    async follow() {
      taken = []
      takenCount = 0
      following = await opened().follow((numbers) => {
        const at = nowUs()
        for (const n of numbers) {
          taken[n] = at
          takenCount++
        }
      })
    },
    /**
     * When each event was taken, once there are so many or nothing has come for a while: the peer skips some. Ends the
     * following.
     */
    async taken({ count }: { count: number }): Promise<readonly number[]> {
      for (let last = nowUs(), before = -1; takenCount < count && nowUs() - last < GIVE_UP_US; ) {
        if (takenCount !== before) last = nowUs()
        before = takenCount
        await systemClock.sleep(5)
      }
      await following?.[Symbol.asyncDispose]()
      following = null
      return taken
    },
  },
  async () => {
    await following?.[Symbol.asyncDispose]()
    await contender?.[Symbol.asyncDispose]()
  },
)
