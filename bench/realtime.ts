/*
 * Channels beside socket.io: memory per connection, an event to many, and what comes through when connections, Redis and
 * processes end. Servers and clients are processes of their own; the clients are bare WebSockets on both sides.
 *
 * Stoa's time begins before the transaction that writes the event, so it holds the commit and the way through the
 * journal; the peer's begins when the process that has it already sends it. STOA_BENCH_SCALE=0.02 is for trying it out:
 * fewer connections.
 */
import { readFileSync } from 'node:fs'
import { migrate, openPostgres } from '@stoa/db'
import { createJournal, journalMigrations, processHints } from '@stoa/journal'
import { newId, silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import { newDatabase } from './database.ts'
import { type Bench, type BenchContext, paired, type Row, row } from './harness.ts'
import { installPeers } from './peers.ts'
import { cpuMs, type Program, residentMb, startProgram } from './process.ts'
import type { Crowd, Kind, Received } from './realtime-clients.ts'
import type { Opening } from './realtime-program.ts'

const PEER = 'socket.io'
const IDLE = 20_000
const ACTIVE = 5_000
/** Events of one measurement, each sent when the one before it has long arrived. */
/** Until V8 has compiled the path, and has the space of young objects back that a collection took from it. */
const WARM_UP = { events: 30, everyMs: 100 }
const SINGLE_EVENTS = 10
const SINGLE_EVERY_MS = 500
const PER_SECOND = 2
/** What comes after this much silence counts as lost. */
const QUIET_MS = 15_000

/** What one measurement of one contender gave. */
interface Outcome {
  readonly kbPerConnection: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU of the server's process per delivery, in µs. */
  readonly cpuUs: number
  readonly sustainedP99Ms: number
  /** Share of the deliveries that never came, and that came again, when every client was dropped once. */
  readonly lost: number
  readonly repeated: number
}

export const realtime: Bench = { name: 'realtime', run }

async function run(context: BenchContext): Promise<readonly Row[]> {
  const scale = Number(process.env.STOA_BENCH_SCALE ?? 1)
  const idle = Math.round(IDLE * scale)
  const active = Math.round(ACTIVE * scale)
  checkFiles(idle + active)
  installPeers(context)
  const server = await context.postgres()
  const opening = async (kind: Kind): Promise<Opening> => ({
    kind,
    redisUrl: null,
    tenantId: newId(),
    databaseUrl: await migrated(await newDatabase(server.url, `realtime_${newId().slice(-8)}`)),
  })
  const measured = (kind: Kind) => async () => measure(await opening(kind), { idle, active }, context)
  const both = await paired(context, { subject: measured('stoa'), peer: measured('socket.io') })
  context.say('Redis and one of two processes are killed')
  const through = await throughKills(await opening('stoa'), active, context)

  const compared = (name: string, unit: string, of: (outcome: Outcome) => number) => ({
    name,
    unit,
    subject: both.subject.map(of),
    peer: { name: PEER, values: both.peer.map(of) },
  })
  const crowd = `${active} clients`
  const none = { of: 'value', atMost: 0 } as const
  return [
    row({
      ...compared(`memory per idle connection, ${idle} beside ${active} that follow`, 'kB', (o) => o.kbPerConnection),
      target: { of: 'ratio', atMost: 0.5 },
    }),
    row(compared(`one event of 200 bytes to ${crowd}, p50`, 'ms', (o) => o.p50Ms)),
    row({
      ...compared(`one event of 200 bytes to ${crowd}, p99`, 'ms', (o) => o.p99Ms),
      target: { of: 'ratio', atMost: 0.9 },
    }),
    row({
      ...compared('CPU of the server per delivery', 'µs', (o) => o.cpuUs),
      target: { of: 'ratio', atMost: 0.6 },
    }),
    row(compared(`${crowd}, ${PER_SECOND} events/s for ${context.seconds} s, p99`, 'ms', (o) => o.sustainedP99Ms)),
    row({ ...compared('lost when every client is dropped once', 'deliveries', (o) => o.lost), target: none }),
    row({ ...compared('repeated when every client is dropped once', 'deliveries', (o) => o.repeated), target: none }),
    row({
      name: 'lost when Redis and one of two processes are killed',
      unit: 'deliveries',
      subject: [through.lost],
      target: none,
    }),
    row({ name: 'repeated there', unit: 'deliveries', subject: [through.repeated], target: none }),
  ]
}

/** @throws Error when a process may not open so many connections */
function checkFiles(connections: number): void {
  const [, hard = '0'] = /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  if (hard === 'unlimited' || Number(hard) >= connections + 500) return
  throw new Error(`${connections} connections need more than the ${hard} open files that a process may have: ulimit -n`)
}

async function migrated(url: string): Promise<string> {
  const deps = { log: silentLogger, clock: systemClock }
  await using db = await openPostgres({ url, poolSize: 1 }, deps)
  await migrate(db, [journalMigrations], deps)
  const journal = createJournal({ events: [] }, { db, hints: processHints(), ...deps })
  await journal.ensurePartitions(systemCtx(deps, 'bench'))
  return url
}

const serverFile = new URL('./realtime-program.ts', import.meta.url)
const clientsFile = new URL('./realtime-clients.ts', import.meta.url)

/** Memory, single events, a steady stream, and a drop of everybody, with fresh processes. */
async function measure(
  opening: Opening,
  { active, idle }: { readonly idle: number; readonly active: number },
  { seconds }: BenchContext,
): Promise<Outcome> {
  await using server = await startProgram(serverFile)
  await using sleepers = await startProgram(clientsFile)
  await using followers = await startProgram(clientsFile)
  const url = await server.ask<string>('open', opening)
  const crowd = (count: number, follows: boolean): Crowd => ({ kind: opening.kind, urls: [url], count, follows })
  await followers.ask('connect', crowd(active, true))
  await server.ask('collect')
  // The first thousands grow what a process has anyway: what one more takes shows in those who come after them.
  const fewMb = residentMb(server.pid)
  await sleepers.ask('connect', crowd(idle, false))
  await server.ask('collect')
  const kbPerConnection = ((residentMb(server.pid) - fewMb) * 1_000) / idle
  await deliver(server, followers, WARM_UP)
  const before = cpuMs(server.pid)
  const single = await deliver(server, followers, { events: SINGLE_EVENTS, everyMs: SINGLE_EVERY_MS })
  const cpuUs = ((cpuMs(server.pid) - before) * 1_000) / Math.max(1, single.deliveries)
  const steady = { events: seconds * PER_SECOND, everyMs: 1_000 / PER_SECOND }
  const sustained = await deliver(server, followers, steady)
  const overMs = seconds * 1_000
  const dropped = await deliver(server, followers, steady, () => followers.ask('drop', { overMs }))
  await Promise.all([sleepers.ask('end'), followers.ask('end')])
  return {
    kbPerConnection,
    p50Ms: single.p50Ms,
    p99Ms: single.p99Ms,
    cpuUs,
    sustainedP99Ms: sustained.p99Ms,
    lost: dropped.lost,
    repeated: dropped.repeated,
  }
}

async function deliver(
  server: Program,
  followers: Program,
  load: { readonly events: number; readonly everyMs: number },
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<Received> {
  await followers.ask('begin')
  await Promise.all([server.ask('send', { first: 0, ...load }), meanwhile()])
  return await followers.ask<Received>('received', { events: load.events, quietMs: QUIET_MS })
}

/** Two processes hinted by Redis, half of the clients at each; one process writes. Redis is killed, then the other process. */
async function throughKills(opening: Opening, active: number, context: BenchContext): Promise<Received> {
  const redis = await context.redis()
  await using writer = await startProgram(serverFile)
  await using followers = await startProgram(clientsFile)
  const other = await startProgram(serverFile)
  try {
    const shared = { ...opening, redisUrl: redis.url }
    const urls = [await writer.ask<string>('open', shared), await other.ask<string>('open', shared)]
    const half = Math.ceil(active / 2)
    await followers.ask('connect', { kind: 'stoa', urls, count: half, follows: true } satisfies Crowd)
    await followers.ask('connect', {
      kind: 'stoa',
      urls: urls.toReversed(),
      count: half,
      follows: true,
    } satisfies Crowd)
    const third = (context.seconds * 1_000) / 3
    return await deliver(
      writer,
      followers,
      { events: context.seconds * PER_SECOND, everyMs: 1_000 / PER_SECOND },
      async () => {
        await systemClock.sleep(third)
        await redis.kill()
        await systemClock.sleep(third)
        process.kill(other.pid, 'SIGKILL')
      },
    )
  } finally {
    await other[Symbol.asyncDispose]()
  }
}
