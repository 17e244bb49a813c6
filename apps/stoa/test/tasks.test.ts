import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newId } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { newInstallation, type Up } from './program.ts'

interface Task {
  readonly id: string
  readonly state: string
  readonly runAt: string | null
  readonly result: unknown
}

for (const engine of engines) {
  describe(`a task, on ${engine}`, () => {
    it('is asked for, followed and done as the README says; what runs when the program stops is done after the next start', async () => {
      await using installation = await newInstallation(engine)
      const links = Array.from({ length: 2_000 }, (_, n) => ({
        target: `https://example.com/${n}`,
        tags: ['imported'],
      }))
      const body = { kind: 'links.import', input: { links } }
      const up = await installation.up({ STOA_WORKER_DRAIN_MS: '0' })
      const { headers } = await up.client().send<Task>('POST', '/api/v1/tasks', { body })
      const location = headers.get('location') ?? ''
      // A fast machine may be done by now: then nothing is left for the next start.
      await eventually(
        () => up.client().got<Task>(location),
        ({ body: task }) => task.state !== 'queued',
      )
      assert.equal(await up.stop(), 0)
      const next = await installation.up()
      const { body: told } = await next.client().send<string>('GET', `${location}/events`)
      assert.match(told, /"type":"task\.queued"[\s\S]*"type":"task\.started"[\s\S]*"type":"task\.done"/)
      const done = (await next.client().got<Task>(location)).body
      assert.deepEqual([done.state, done.result], ['done', { created: 2_000, refused: 0, reasons: [] }])
      let count = 0
      for (let cursor = ''; ; ) {
        const page = await next
          .client()
          .got<{ data: object[]; nextCursor: string | null }>(`/api/v1/links?limit=100&tag=imported${cursor}`)
        count += page.body.data.length
        if (page.body.nextCursor === null) break
        cursor = `&cursor=${page.body.nextCursor}`
      }
      assert.equal(count, 2_000)
      await comesAgain(next)
      assert.equal(await next.stop(), 0)
    })
  })
}

/** A check of links that is to come again leaves the next one waiting, which can be cancelled. */
async function comesAgain(up: Up): Promise<void> {
  const input = { ids: [newId()], again: 'week' }
  const { headers } = await up.client().send<Task>('POST', '/api/v1/tasks', { body: { kind: 'links.check', input } })
  const { body: done } = await eventually(
    () => up.client().got<Task>(headers.get('location') ?? ''),
    ({ body }) => body.state === 'done',
  )
  const { checked, nextAt, nextTaskId } = done.result as { checked: number; nextAt: string; nextTaskId: string }
  assert.equal(checked, 0)
  const days = (Date.parse(nextAt) - Date.now()) / 86_400_000
  assert.ok(days > 6.9 && days <= 7, nextAt)
  const { body: waiting } = await up.client().got<{ data: Task[] }>('/api/v1/tasks?state=scheduled&kind=links.check')
  assert.deepEqual(
    waiting.data.map(({ id, runAt }) => [id, runAt]),
    [[nextTaskId, nextAt]],
  )
  await up.client().send('POST', `/api/v1/tasks/${nextTaskId}/cancellation`)
  assert.equal((await up.client().got<Task>(`/api/v1/tasks/${nextTaskId}`)).body.state, 'cancelled')
}
