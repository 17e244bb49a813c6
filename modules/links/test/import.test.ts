import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import type { RunningJob } from '@stoa/queue'
import { testCtx } from '@stoa/testkit'
import { describeEverywhere } from './setup.ts'

interface Outcome {
  readonly created: number
  readonly refused: number
  readonly reasons: readonly { readonly index: number; readonly code: string }[]
}

describeEverywhere('an import of links', (place) => {
  /** An attempt at the job, as a worker makes it. */
  function attempt(links: readonly object[], { id = newId(), number = 1, stop = new AbortController() } = {}) {
    const { suite, tenant } = place()
    const told: (readonly [number, string | undefined])[] = []
    const job = {
      id,
      attempt: number,
      signal: stop.signal,
      progress: (fraction: number, note?: string) => void told.push([fraction, note]),
    } as Partial<RunningJob> as RunningJob
    const ctx = testCtx({ tenant, permissions: new Set(['links:write']) })
    const done = suite.job('links.import').run?.(ctx, { links }, job) as Promise<Outcome>
    return { told, done }
  }

  async function targetsWith(tag: string): Promise<string[]> {
    const targets: string[] = []
    for (let cursor = ''; ; ) {
      const { body } = await place().client.get(`/api/v1/links?limit=100&tag=${tag}${cursor}`)
      targets.push(...body.data.map((link: { target: string }) => link.target))
      if (body.nextCursor === null) return targets.sort()
      cursor = `&cursor=${body.nextCursor}`
    }
  }

  const numbered = (count: number, tag: string) =>
    Array.from({ length: count }, (_, n) => ({ target: `https://example.com/${1_000 + n}`, tags: [tag] }))

  it('makes the links, says how far it is, and why one was not made', async () => {
    const tag = randomUUID()
    const slug = `s-${tag}`
    const { done, told } = attempt([
      { target: 'https://example.com/1', tags: [tag] },
      { target: 'http://127.0.0.1/', tags: [tag] },
      { target: 'https://example.com/2', slug, tags: [tag] },
      { target: 'https://example.com/2', slug, tags: [tag] },
    ])
    const { created, reasons, refused } = await done
    assert.deepEqual([created, refused, reasons.length], [2, 2, 2])
    assert.deepEqual(reasons[0], { ...reasons[0], index: 1, code: 'target_refused' })
    assert.equal(reasons[1]?.code, 'slug_taken')
    assert.deepEqual(await targetsWith(tag), ['https://example.com/1', 'https://example.com/2'])
    assert.deepEqual(told, [[1, '4 of 4']])
  })

  it('that was cut off goes on where it was: no link is made twice', async () => {
    const tag = randomUUID()
    const links = numbered(250, tag)
    const id = newId()
    const stop = new AbortController()
    const first = attempt(links, { id, stop })
    stop.abort(new Error('the worker stops'))
    await assert.rejects(first.done, /the worker stops/)
    assert.equal((await targetsWith(tag)).length, 100)
    const { created } = await attempt(links, { id, number: 2 }).done
    assert.equal(created, 250)
    assert.deepEqual(
      await targetsWith(tag),
      links.map(({ target }) => target),
    )
  })
})
