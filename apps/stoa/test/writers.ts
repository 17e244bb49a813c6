/*
 * Callers that create links while things go wrong, and keep book: what was acknowledged, and what was sent and never answered. They do what the
 * documentation tells callers to do: each write has an Idempotency-Key, and a write without an answer is sent again with the same key.
 */
import assert from 'node:assert/strict'
import { systemClock } from '@stoa/kernel'
import type { TestAnswer, TestClient } from '@stoa/testkit'
import { eventually } from './program.ts'

interface Link {
  readonly id: string
  readonly code: string
  readonly target: string
}

interface Event {
  readonly id: number
  readonly subjects: readonly string[]
}

/** An answer that says "not now, come again". */
export type Refusal = TestAnswer

/** The book, and the callers. */
export class Writers {
  /** Answers by key. */
  readonly #acknowledged = new Map<string, Link>()
  /** Keys that were sent, and have no answer. */
  readonly #open = new Set<string>()
  readonly #lanes: number
  /** Every 503, 409 and 429 that came instead of an answer. */
  readonly refusals: Refusal[] = []
  /** How many writes broke without an answer. */
  broken = 0
  #next = 0

  /** @param lanes how many write at once */
  constructor(lanes = 8) {
    this.#lanes = lanes
  }

  /** How many writes were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged.size
  }

  /** How many writes are without an answer. */
  get open(): number {
    return this.#open.size
  }

  /**
   * Writes with all lanes until the program is gone or `enough` says so; what is open from before comes first.
   *
   * @param client of a program; a broken connection ends the writing
   */
  async write(client: TestClient, enough: () => boolean): Promise<void> {
    const again = [...this.#open]
    const lane = async () => {
      while (!enough()) {
        const key = again.shift() ?? `write-${this.#next++}`
        if (!(await this.#send(client, key, enough))) return
      }
    }
    await Promise.all(Array.from({ length: this.#lanes }, lane))
  }

  /** Sends what is open until it is answered. */
  async settle(client: TestClient): Promise<void> {
    await Promise.all([...this.#open].map((key) => this.#send(client, key, () => false)))
  }

  /** Sends once more what was acknowledged last: the same answers come back. */
  async repeat(client: TestClient): Promise<void> {
    for (const [key, link] of [...this.#acknowledged].slice(-3)) {
      const { body, headers, status } = await this.#ask(client, key)
      assert.deepEqual([status, (body as Link).id], [201, link.id])
      assert.equal(headers.get('idempotent-replayed'), 'true')
    }
  }

  /** Until it is acknowledged. @returns whether it was: not when the connection broke, or it was enough */
  async #send(client: TestClient, key: string, enough: () => boolean): Promise<boolean> {
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
      assert.ok([409, 429, 503].includes(status), `${status} ${JSON.stringify(body)}`)
      this.refusals.push(answer)
      const seconds = Number(headers.get('retry-after'))
      assert.ok(seconds >= 1, `no Retry-After with ${status} ${JSON.stringify(body)}`)
      if (enough()) return false
      // A server that is back sooner than it said is asked sooner: the test has no second to give away.
      await systemClock.sleep(status === 429 ? seconds * 1_000 : 50)
    }
  }

  #ask(client: TestClient, key: string): Promise<TestAnswer> {
    const target = `https://example.com/${key}`
    return client.send('POST', '/api/v1/links', { body: { target }, headers: { 'idempotency-key': key } })
  }

  /** What the API shows is what was acknowledged: each write once, with one event, and nothing else. Nothing may be open. */
  async check(client: TestClient): Promise<void> {
    assert.equal(this.#open.size, 0)
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

/** Every page of a list. */
async function all<T>(client: TestClient, path: string): Promise<T[]> {
  const found: T[] = []
  let cursor: string | null = null
  do {
    const page: { body: { data: T[]; nextCursor: string | null } } = await client.got(
      `${path}limit=100${cursor === null ? '' : `&cursor=${cursor}`}`,
    )
    found.push(...page.body.data)
    cursor = page.body.nextCursor
  } while (cursor !== null)
  return found
}
