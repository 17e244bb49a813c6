/*
 * Callers that create links while things go wrong, and keep book: what was acknowledged, and what was sent and never
 * answered. They do what the documentation tells callers to do: each write has an Idempotency-Key, and a write without
 * an answer is sent again with the same key.
 */
import assert from 'node:assert/strict'
import { systemClock } from '@stoa/kernel'
import { eventually, type TestAnswer, type TestClient } from '@stoa/testkit'
import type { Up } from './program.ts'

interface Link {
  readonly id: string
  readonly code: string
  readonly target: string
}

interface Event {
  readonly id: number
  readonly subjects: readonly string[]
}

/** How many write at once. */
const LANES = 8

/** The book, and the callers. */
export class Writers {
  /** Answers by key. */
  readonly #acknowledged = new Map<string, Link>()
  /** Keys that were sent, and have no answer. */
  readonly #open = new Set<string>()
  /** Their own API key, so that nobody else meets their rate limit. */
  #key: string | undefined
  /** Every 503, 409 and 429 that came instead of an answer. */
  readonly refusals: TestAnswer[] = []
  /** How many writes broke without an answer. */
  broken = 0
  #next = 0

  /** How many writes were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged.size
  }

  /**
   * Writes with all lanes until the program is gone or `enough` says so; what is open from before comes first.
   *
   * @param up a program; a broken connection ends the writing
   */
  async write(up: Up, enough: () => boolean): Promise<void> {
    const client = await this.#client(up)
    const again = [...this.#open]
    const lane = async () => {
      while (!enough()) {
        const key = again.shift() ?? `write-${this.#next++}`
        if (!(await this.#send(up, client, key, enough))) return
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
  }

  /** Sends what is open until it is answered. */
  async settle(up: Up): Promise<void> {
    const client = await this.#client(up)
    await Promise.all([...this.#open].map((key) => this.#send(up, client, key, () => false)))
  }

  /** Sends once more what was acknowledged last: the same answers come back. */
  async repeat(up: Up): Promise<void> {
    const client = await this.#client(up)
    for (const [key, link] of [...this.#acknowledged].slice(-3)) {
      const { body, headers, status } = await this.#ask(client, key)
      assert.deepEqual([status, (body as Link).id], [201, link.id])
      assert.equal(headers.get('idempotent-replayed'), 'true')
    }
  }

  /** Until it is acknowledged. @returns whether it was: not when the connection broke, or it was enough */
  async #send(up: Up, client: TestClient, key: string, enough: () => boolean): Promise<boolean> {
    this.#open.add(key)
    for (;;) {
      let answer: TestAnswer
      try {
        answer = await this.#ask(client, key)
      } catch {
        this.broken += 1
        return false
      }
      if (answer.status === 201) {
        this.#open.delete(key)
        this.#acknowledged.set(key, answer.body as Link)
        return true
      }
      const { body, headers, status } = answer
      if (![409, 429, 503].includes(status)) {
        // The log is written some milliseconds later, unless the program is killed before.
        const log = await eventually(() => logOf(up, body) || up.ended !== null).catch(() => 'nothing')
        assert.fail(`${status} ${JSON.stringify(body)}; the log says: ${log}`)
      }
      this.refusals.push(answer)
      const seconds = Number(headers.get('retry-after'))
      assert.ok(seconds >= 1, `no Retry-After with ${status} ${JSON.stringify(body)}`)
      if (enough()) return false
      // A server that is back sooner than it said is asked sooner: the test has no second to give away.
      await systemClock.sleep(status === 429 ? seconds * 1_000 : 100)
    }
  }

  async #client(up: Up): Promise<TestClient> {
    const request = { name: 'writers', scopes: ['links:*'] }
    this.#key ??= (await up.client().created<{ key: string }>('/api/v1/api-keys', request)).body.key
    return up.client(this.#key)
  }

  #ask(client: TestClient, key: string): Promise<TestAnswer> {
    const target = `https://example.com/${key}`
    return client.send('POST', '/api/v1/links', { body: { target }, headers: { 'idempotency-key': key } })
  }

  /**
   * What the API shows is what was acknowledged: each write once, with one event, and nothing else. Nothing may be
   * open.
   */
  async check(up: Up): Promise<void> {
    assert.equal(this.#open.size, 0)
    const client = up.client()
    const links = await all<Link>(client, '/api/v1/links?')
    const written = [...this.#acknowledged].map(([key, { id }]) => `https://example.com/${key} ${id}`)
    assert.deepEqual(links.map(({ id, target }) => `${target} ${id}`).sort(), written.sort())
    assert.equal(new Set(links.map(({ code }) => code)).size, links.length)
    // An event becomes readable when the transactions before it have ended, those of other databases of the server too.
    const events = await eventually(
      () => all<Event>(client, '/api/v1/audit?type=link.created&'),
      (found) => found.length >= links.length,
    )
    assert.deepEqual(events.map(({ subjects }) => subjects[0]).sort(), links.map(({ id }) => `link:${id}`).sort())
    assert.equal(new Set(events.map(({ id }) => id)).size, events.length)
  }
}

/**
 * Writes without end while something happens; then what was left open is settled, and the book is checked. The program
 * survives, and no connection to it breaks.
 *
 * @param events what happens; `progress` resolves when fifty more writes are acknowledged
 */
export async function underLoad(up: Up, writers: Writers, events: (progress: () => Promise<void>) => Promise<void>) {
  let over = false
  const writing = writers.write(up, () => over)
  const progress = async () => {
    const enough = writers.acknowledged + 50
    await eventually(
      async () => writers.acknowledged,
      (count) => count >= enough,
    )
  }
  try {
    await progress()
    await events(progress)
    await progress()
  } finally {
    over = true
    await writing
  }
  assert.equal(up.ended, null)
  assert.equal(writers.broken, 0)
  await writers.settle(up)
  await writers.check(up)
}

/** What the program logged of a request. */
function logOf(up: Up, body: unknown): string {
  const { requestId } = body as { readonly requestId?: string }
  return up.stderr
    .split('\n')
    .filter((line) => requestId !== undefined && line.includes(requestId))
    .join('\n')
}

/** Every page of a list. */
async function all<T>(client: TestClient, path: string): Promise<T[]> {
  const found: T[] = []
  let cursor: string | null = null
  do {
    const page: Page<T> = await pageOf<T>(client, `${path}limit=100${cursor === null ? '' : `&cursor=${cursor}`}`)
    found.push(...page.data)
    cursor = page.nextCursor
  } while (cursor !== null)
  return found
}

interface Page<T> {
  readonly data: T[]
  readonly nextCursor: string | null
}

/** A page, as soon as the rate limit lets it through. */
async function pageOf<T>(client: TestClient, path: string): Promise<Page<T>> {
  for (;;) {
    const { body, headers, status } = await client.send<Page<T>>('GET', path)
    if (status === 200) return body
    assert.equal(status, 429, JSON.stringify(body))
    await systemClock.sleep(Number(headers.get('retry-after')) * 1_000)
  }
}
