import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { engines, eventually } from '@stoa/testkit'
import { closed, openRequest } from './open-request.ts'
import { type Installation, newInstallation, type Up } from './program.ts'

/** Signals are the same on both engines, and what has to be kept is the same for both signals: each is tried with each once. */
const SIGNALS = {
  pglite: { drains: 'SIGINT', stops: ['SIGTERM', 143] },
  postgres: { drains: 'SIGTERM', stops: ['SIGINT', 130] },
} as const

for (const engine of engines) {
  describe(`the program on ${engine}, asked to stop`, () => {
    let installation: Installation
    const acknowledged: string[] = []
    before(async () => {
      installation = await newInstallation(engine)
    })
    after(() => installation[Symbol.asyncDispose]())

    /** A start, which finds everything that was acknowledged before. */
    async function start(settings: Record<string, string> = {}): Promise<Up> {
      const up = await installation.up(settings)
      for (const id of acknowledged) await up.client().got(`/api/v1/links/${id}`)
      return up
    }

    const { drains } = SIGNALS[engine]
    it(`by ${drains} finishes what it has begun, takes nothing new, and ends with 0`, async () => {
      const up = await start()
      const open = await openRequest(up, installation)
      up.kill(drains)
      await eventually(() => closed(up.url), Boolean)
      assert.equal(up.ended, null)
      await up.printed(/\nFinishing 1 request; Ctrl-C again stops at once\.\n$/)
      const { connection, id, status } = await open.finish()
      assert.deepEqual([status, connection], [201, 'close'])
      assert.equal(await up.exit, 0)
      assert.match(up.stderr, /"msg":"stopped"/)
      acknowledged.push(id)
    })

    const [stops, code] = SIGNALS[engine].stops
    it(`by a second ${stops} stops at once with ${code}`, async () => {
      const up = await start({ STOA_DRAIN_TIMEOUT_MS: '600000' })
      const { body } = await up.client().created<{ id: string }>('/api/v1/links', { target: 'https://example.com/' })
      acknowledged.push(body.id)
      const open = await openRequest(up, installation)
      up.kill(stops)
      await up.logged(/"msg":"stopping"/)
      up.kill(stops)
      assert.equal(await up.exit, code)
      assert.match(up.stderr, /stoa: stopped at once\n/)
      await open.cut
    })

    it('cuts a request that does not finish in time, and ends with 0', async () => {
      const up = await start({ STOA_DRAIN_TIMEOUT_MS: '100' })
      const open = await openRequest(up, installation)
      up.kill('SIGINT')
      await open.cut
      assert.equal(await up.exit, 0)
      assert.match(up.stderr, /requests did not finish in time/)
    })

    it('says that it is not ready, and goes on answering, for as long as a load balancer needs to notice', async () => {
      const up = await start({ STOA_DRAIN_DELAY_MS: '60000' })
      up.kill('SIGTERM')
      await eventually(
        () => up.client(null).send('GET', '/health/ready'),
        ({ status }) => status === 503,
      )
      await up.client().created('/api/v1/links', { target: 'https://example.com/' })
      up.kill('SIGTERM')
      assert.equal(await up.exit, 143)
    })
  })
}
