/*
 * The cache: what a read from memory costs, beside `cacheable`, the cache of the Keyv family, asked the same way (read
 * through, one value per key, kept for an hour); and what a list of 100 links costs a caller with it and without it,
 * over HTTP, from the program as it runs on PostgreSQL. "Without" is the same request with `Cache-Control: no-cache`.
 */
import autocannon from 'autocannon'
import type { Keeper, Read, Reading } from './cache-program.ts'
import { newDatabase } from './database.ts'
import { type Bench, type BenchContext, paired, quantile, type Row, row } from './harness.ts'
import type { Opened, Opening } from './http-program.ts'
import { startProgram } from './process.ts'

const KEYS = 10_000
const PEER = 'cacheable'
const LINKS = 100
const CALLERS = 10

export const cache: Bench = { name: 'cache', run }

async function run(context: BenchContext): Promise<readonly Row[]> {
  return [...(await inMemory(context)), ...(await overHttp(context))]
}

async function inMemory(context: BenchContext): Promise<readonly Row[]> {
  const both = (reads: Reading['reads']) => {
    context.say(`${reads} in memory, beside ${PEER}`)
    const one = (keeper: Keeper) => () => reading({ keeper, reads, keys: KEYS, seconds: context.seconds })
    return paired(context, { subject: one('stoa'), peer: one(PEER) })
  }
  const [hit, miss] = [await both('hit'), await both('miss')]
  const rates = (name: string, { peer, subject }: typeof hit) => {
    const perSecond = (reads: readonly Read[]) => reads.map((read) => read.perSecond)
    return { name, unit: 'reads/s', subject: perSecond(subject), peer: { name: PEER, values: perSecond(peer) } }
  }
  return [
    row({
      name: `a hit in memory, ${KEYS} keys: time`,
      unit: 'µs',
      subject: hit.subject.map(({ eachUs }) => eachUs),
      peer: { name: PEER, values: hit.peer.map(({ eachUs }) => eachUs) },
      target: { of: 'value', atMost: 5 },
    }),
    row({ ...rates(`hits in memory, ${KEYS} keys`, hit), target: { of: 'ratio', atLeast: 1 } }),
    row({ ...rates('misses: a new key each, kept in memory', miss), target: { of: 'ratio', atLeast: 1 } }),
  ]
}

async function reading(what: Reading): Promise<Read> {
  await using program = await startProgram(new URL('./cache-program.ts', import.meta.url))
  return await program.ask<Read>('read', what)
}

async function overHttp(context: BenchContext): Promise<readonly Row[]> {
  const postgres = await context.postgres()
  const databaseUrl = await newDatabase(postgres.url, 'cache')
  await using program = await startProgram(new URL('./http-program.ts', import.meta.url))
  const opened = await program.ask<Opened>('open', { kind: 'stoa', databaseUrl, keys: CALLERS } satisfies Opening)
  await addLinks(opened)
  const compare = async (name: string, path: string, atMost: number | null) => {
    context.say(`${name}, ${CALLERS} callers`)
    const { peer, subject } = await paired(context, {
      subject: () => load(opened, path, context.seconds, {}),
      peer: () => load(opened, path, context.seconds, { 'cache-control': 'no-cache' }),
    })
    const of = (q: number) => (outcomes: readonly (readonly number[])[]) => outcomes.map((ms) => quantile(ms, q))
    const compared = (q: number) => ({
      name: `${name}, ${CALLERS} callers: p${q * 100}`,
      unit: 'ms',
      subject: of(q)(subject),
      peer: { name: 'the same without the cache', values: of(q)(peer) },
    })
    return [row({ ...compared(0.95), ...(atMost !== null && { target: { of: 'ratio', atMost } }) }), row(compared(0.5))]
  }
  const id = await firstLink(opened)
  return [
    ...(await compare(`GET of a list of ${LINKS} links from PostgreSQL`, `/api/v1/links?limit=${LINKS}`, 0.4)),
    ...(await compare('GET of one link', `/api/v1/links/${id}`, null)),
  ]
}

/** The time that each answer took, in milliseconds. */
async function load(
  { keys, url }: Opened,
  path: string,
  seconds: number,
  headers: Readonly<Record<string, string>>,
): Promise<number[]> {
  let caller = 0
  const times: number[] = []
  const options: autocannon.Options = {
    url,
    connections: CALLERS,
    duration: seconds,
    setupClient: (client) =>
      client.setRequests([{ path, headers: { ...headers, ...keyOf(keys[caller++ % keys.length]) } }]),
  }
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const running = autocannon(options, (error, ended) => (error ? reject(error) : resolve(ended)))
    running.on('response', (_client, _status, _bytes, ms) => times.push(ms))
  })
  if (result.non2xx + result.errors > 0)
    throw new Error(`not all answered: ${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors`)
  return times
}

const keyOf = (key: string | undefined) => ({ authorization: `Bearer ${key}` })

async function addLinks({ keys, url }: Opened): Promise<void> {
  for (let n = 0; n < LINKS; n++) {
    const added = await fetch(`${url}/api/v1/links`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...keyOf(keys[0]) },
      body: JSON.stringify({ target: `https://example.org/${n}`, title: `Link ${n}`, tags: ['spring', `n${n}`] }),
    })
    if (added.status !== 201) throw new Error(await added.text())
  }
}

async function firstLink({ keys, url }: Opened): Promise<string> {
  const answer = await fetch(`${url}/api/v1/links?limit=1`, { headers: keyOf(keys[0]) })
  const { data } = (await answer.json()) as { data: { id: string }[] }
  return data[0]?.id as string
}
