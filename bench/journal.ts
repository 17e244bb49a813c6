/*
 * The journal against what one writes first: a table with a serial key, filled by plain transactions and polled each
 * 100 ms. The peer is allowed what the journal is not: it skips events (the number is not the order of the commits),
 * knows no tenants, and has one index where the journal has seven.
 *
 * Writer and reader are processes of their own, hinted by NOTIFY, as in production without Redis. Lag is from the
 * moment that the writer knows of the commit to the moment that the reader's handler has the event.
 */
import { migrate, openPostgres } from '@stoa/db'
import { createJournal, journalMigrations, processHints } from '@stoa/journal'
import { silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import { administer, checkpoint, newDatabase } from './database.ts'
import { type Bench, type BenchContext, paired, quantile, type Row, row } from './harness.ts'
import { OUTBOX } from './journal-outbox.ts'
import type { Load, Loaded } from './journal-program.ts'
import { cpuMs, type Program, startProgram } from './process.ts'

const LANES = 16
const EVENTS_PER_TRANSACTION = 4
const STEADY_RATE = 2_000
const PEER = 'outbox table, polled each 100 ms'

/** What one measurement gave. */
interface Outcome {
  readonly eventsPerSecond: number
  /** CPU time of writer, reader and database per event, in µs. */
  readonly cpuUs: number
  readonly lagP50Ms: number
  readonly lagP99Ms: number
  /** Acknowledged events that the reader never got. */
  readonly skipped: number
}

interface Contender extends AsyncDisposable {
  measure(load: Load): Promise<Outcome>
}

export const journal: Bench = { name: 'journal', run }

async function run(context: BenchContext): Promise<readonly Row[]> {
  const server = await context.postgres()
  await using subject = await openContender('journal', server)
  await using peer = await openContender('outbox', server)
  const both = (load: Omit<Load, 'seconds' | 'lanes'>) => {
    const whole = { ...load, lanes: LANES, seconds: context.seconds }
    return paired(context, { subject: () => subject.measure(whole), peer: () => peer.measure(whole) })
  }
  context.say(`full load, ${EVENTS_PER_TRANSACTION} events per transaction`)
  const full = await both({ eventsPerTransaction: EVENTS_PER_TRANSACTION, rate: null })
  context.say('full load, one event per transaction')
  const single = await both({ eventsPerTransaction: 1, rate: null })
  context.say(`${STEADY_RATE} events/s`)
  const steady = await both({ eventsPerTransaction: EVENTS_PER_TRANSACTION, rate: STEADY_RATE })

  const compared = (name: string, unit: string, from: typeof full, of: (outcome: Outcome) => number) => ({
    name,
    unit,
    subject: from.subject.map(of),
    peer: { name: PEER, values: from.peer.map(of) },
  })
  const load = `${LANES} concurrent transactions of ${EVENTS_PER_TRANSACTION} events`
  return [
    row({
      ...compared(`appended, ${load}, a reader following`, 'events/s', full, (o) => o.eventsPerSecond),
      target: { of: 'value', atLeast: 8_000 },
    }),
    row(compared(`CPU of writer, reader and database, ${load}`, 'µs/event', full, (o) => o.cpuUs)),
    row(
      compared(
        `appended, ${LANES} concurrent transactions of 1 event, a reader following`,
        'events/s',
        single,
        (o) => o.eventsPerSecond,
      ),
    ),
    row({
      ...compared(
        `lag p99 at ${STEADY_RATE} events/s, in transactions of ${EVENTS_PER_TRANSACTION}`,
        'ms',
        steady,
        (o) => o.lagP99Ms,
      ),
      target: { of: 'value', atMost: 50 },
    }),
    row(
      compared(
        `lag p50 at ${STEADY_RATE} events/s, in transactions of ${EVENTS_PER_TRANSACTION}`,
        'ms',
        steady,
        (o) => o.lagP50Ms,
      ),
    ),
    row(compared('lag p99 at full load', 'ms', full, (o) => o.lagP99Ms)),
    row(compared('lag p50 at full load', 'ms', full, (o) => o.lagP50Ms)),
    row({
      ...compared('acknowledged and never read, full load', 'events', full, (o) => o.skipped),
      target: { of: 'value', atMost: 0 },
    }),
  ]
}

async function openContender(
  kind: 'journal' | 'outbox',
  server: { readonly url: string; pid(): number | null },
): Promise<Contender> {
  await using stack = new AsyncDisposableStack()
  const url = await makeDatabase(kind, server.url)
  const program = async (): Promise<Program> => {
    const started = stack.use(await startProgram(new URL('./journal-program.ts', import.meta.url)))
    await started.ask('open', { kind, url })
    return started
  }
  const [writer, reader] = [await program(), await program()]
  const cpu = () => cpuMs(writer.pid) + cpuMs(reader.pid) + cpuMs(server.pid())
  const kept = stack.move()
  return {
    async measure(load) {
      await checkpoint(server.url)
      await reader.ask('follow')
      const before = cpu()
      const { acknowledged, seconds } = await writer.ask<Loaded>('load', load)
      const taken = await reader.ask<readonly number[]>('taken', { count: acknowledged.length })
      const spent = cpu() - before
      const lags = acknowledged
        .map((at, n) => ((taken[n] ?? Number.NaN) - at) / 1e3)
        .filter((lag) => !Number.isNaN(lag))
      return {
        eventsPerSecond: acknowledged.length / seconds,
        cpuUs: (spent * 1e3) / acknowledged.length,
        lagP50Ms: quantile(lags, 0.5),
        lagP99Ms: quantile(lags, 0.99),
        skipped: acknowledged.length - lags.length,
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

const deps = { log: silentLogger, clock: systemClock }

async function makeDatabase(kind: 'journal' | 'outbox', serverUrl: string): Promise<string> {
  const url = await newDatabase(serverUrl, kind)
  if (kind === 'outbox') {
    await administer(url, OUTBOX)
    return url
  }
  await using db = await openPostgres({ url, poolSize: 1 }, deps)
  await migrate(db, [journalMigrations], deps)
  const journal = createJournal({ events: [] }, { db, hints: processHints(), ...deps })
  await journal.ensurePartitions(systemCtx(deps, 'bench'))
  return url
}
