import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { portFindings } from '../src/doctor/network.ts'

/** A server that answers like a running Stoa with these checks. */
async function setup(checks: object | null) {
  const server = createServer((request, response) => {
    response.setHeader('x-request-id', '1')
    if (request.url === '/health/ready' && checks === null) request.socket.destroy()
    else response.end(JSON.stringify({ ok: true, draining: false, checks }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const http = { host: '127.0.0.1', port } as Parameters<typeof portFindings>[0]['http']
  const found = await portFindings({ http })
  await new Promise((resolve) => server.close(resolve).closeAllConnections())
  return found.map(({ level, text }) => `${level} ${text.replace(String(port), 'N')}`)
}

describe('the doctor, when Stoa is on the port', () => {
  it('takes it for no fault, and says that all is well', async () => {
    assert.deepEqual(await setup({ database: { ok: true, durability: 'all', latencyMs: 1 } }), [
      'ok Stoa is running on port N.',
      'ok All is well: database.',
    ])
  })

  it('passes on what works and has something to tell as something to know, and what does not work as a fault', async () => {
    const checks = {
      database: { ok: false, detail: 'cannot be reached', latencyMs: 1 },
      'links.clicks': { ok: true, detail: '3 dropped since the start', latencyMs: 0 },
    }
    assert.deepEqual((await setup(checks)).slice(1), [
      'fail database: cannot be reached.',
      'warn links.clicks: 3 dropped since the start.',
    ])
  })

  it('says so when it gets no answer about the health', async () => {
    const [, second] = await setup(null)
    assert.match(second ?? '', /^fail It does not say how it is: /)
  })
})
