import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { engines, eventually, TestClient } from '@stoa/testkit'
import { type Installation, newInstallation } from './program.ts'

const metricsOf = async (url: string) => String((await new TestClient(url, null).send('GET', '/metrics')).body)

for (const engine of engines) {
  describe(`work, on ${engine}`, () => {
    let installation: Installation
    before(async () => {
      installation = await newInstallation(engine)
    })
    after(() => installation[Symbol.asyncDispose]())

    it('is done by whoever serves, unless it is told not to', async () => {
      const up = await installation.up({ STOA_WORKER_SLOTS: '7' })
      assert.match(await metricsOf(up.url), /^stoa_queue_slots\{state="all"\} 7$/m)
      assert.match(await metricsOf(up.url), /^stoa_queue_depth\{lane="critical",state="ready"\} 0$/m)
      assert.match(await metricsOf(up.url), /^stoa_queue_oldest_seconds\{lane="bulk"\} 0$/m)
      assert.equal(await up.stop(), 0)
      const idle = await installation.up({ STOA_WORK: 'false' })
      assert.match(await metricsOf(idle.url), /^stoa_queue_slots\{state="all"\} 0$/m)
      assert.equal(await idle.stop(), 0)
    })

    it('alone is done by stoa work, which serves health and metrics and nothing else', async () => {
      const worker = installation.start('work', { STOA_WORK: 'false' })
      const [, url = ''] = await worker.printed(/are at (\S+)/)
      const client = new TestClient(url, installation.key)
      assert.match(await metricsOf(url), /^stoa_queue_slots\{state="all"\} 20$/m)
      await eventually(
        () => client.send('GET', '/health/ready'),
        ({ status }) => status === 200,
      )
      for (const path of ['/api/v1/links', '/docs', '/openapi.json', '/l/abc']) {
        assert.equal((await client.send('GET', path)).status, 404, path)
      }
      worker.kill('SIGTERM')
      assert.equal(await worker.exit, 0)
      assert.match(worker.stderr, /"msg":"stopped"/)
    })
  })
}
