/*
 * What somebody waits for who asks for a task: from `POST /api/v1/tasks` until its result arrives by server-sent events.
 * The program is the one that people start; the task is a real one, the import of a single link, which makes a row and an
 * event. Asked for at an even rate, from another process; one stream follows all tasks.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { newDatabase } from './database.ts'
import { type BenchContext, quantile, type Row, row } from './harness.ts'
import type { Opened, Opening } from './http-program.ts'
import { startProgram } from './process.ts'

const PER_SECOND = 200
const WARM_UP_SECONDS = 5
const TASK = { kind: 'links.import', input: { links: [{ target: 'https://example.org/campaigns/2026/spring' }] } }

/** @throws Error when a task was refused, or its result did not come */
export async function taskDelays(context: BenchContext): Promise<Row[]> {
  const server = await context.postgres()
  const p50: number[] = []
  const p99: number[] = []
  for (let run = 0; run < context.runs; run++) {
    context.say(`from the request to the result of a task, run ${run + 1} of ${context.runs}`)
    await using program = await startProgram(new URL('./http-program.ts', import.meta.url))
    const opening: Opening = { kind: 'stoa', databaseUrl: await newDatabase(server.url, `tasks_${run}`), keys: 1 }
    const opened = await program.ask<Opened>('open', opening)
    await delaysOf(opened, WARM_UP_SECONDS)
    const delays = await delaysOf(opened, context.seconds)
    p50.push(quantile(delays, 0.5))
    p99.push(quantile(delays, 0.99))
  }
  const name = `a task over HTTP at ${PER_SECOND}/s, from the request to its result by SSE`
  return [
    row({ name: `${name}: p50`, unit: 'ms', subject: p50, target: { of: 'value', atMost: 15 } }),
    row({ name: `${name}: p99`, unit: 'ms', subject: p99 }),
  ]
}

/** In milliseconds, one for each task. */
async function delaysOf({ keys, url }: Opened, seconds: number): Promise<number[]> {
  const headers = { authorization: `Bearer ${keys[0]}` }
  await using results = await followResults(`${url}/api/v1/tasks/events`, headers)
  const asked: Promise<readonly [id: string, at: number]>[] = []
  const ask = async () => {
    const at = performance.now()
    const response = await fetch(`${url}/api/v1/tasks`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(TASK),
    })
    if (response.status !== 202) throw new Error(`a task was answered ${response.status}: ${await response.text()}`)
    return [((await response.json()) as { id: string }).id, at] as const
  }
  const began = performance.now()
  for (let n = 0; n < PER_SECOND * seconds; n++) {
    const wait = began + (n * 1_000) / PER_SECOND - performance.now()
    if (wait > 1) await delay(wait)
    asked.push(ask())
  }
  const tasks = await Promise.all(asked)
  const doneAt = await results.ofAll(tasks.length)
  return tasks.map(([id, at]) => (doneAt.get(`task:${id}`) as number) - at)
}

interface Results extends AsyncDisposable {
  /** When the result of each came, by subject; once there are so many. */
  ofAll(count: number): Promise<ReadonlyMap<string, number>>
}

async function followResults(url: string, headers: Record<string, string>): Promise<Results> {
  const over = new AbortController()
  const response = await fetch(url, { headers, signal: over.signal })
  if (response.status !== 200 || !response.body) throw new Error(`the stream was answered ${response.status}`)
  const doneAt = new Map<string, number>()
  const opened = Promise.withResolvers<void>()
  const reading = read(response.body, (message) => {
    if (message.type === 'open') opened.resolve()
    if (message.event?.type === 'task.done') doneAt.set(message.event.subjects[0] ?? '', performance.now())
  }).catch(opened.reject)
  await opened.promise
  return {
    async ofAll(count) {
      for (let waits = 0; doneAt.size < count && waits < 1_000; waits++) await delay(10)
      if (doneAt.size < count) throw new Error(`only ${doneAt.size} of ${count} results came`)
      return doneAt
    },
    async [Symbol.asyncDispose]() {
      over.abort()
      await reading
    },
  }
}

interface Message {
  readonly type: string
  readonly event?: { readonly type: string; readonly subjects: readonly string[] }
}

async function read(body: ReadableStream<Uint8Array>, seen: (message: Message) => void): Promise<void> {
  let rest = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /^data: ?(.*)$/m.exec(block)?.[1]
      if (data !== undefined) seen(JSON.parse(data) as Message)
    }
  }
}
