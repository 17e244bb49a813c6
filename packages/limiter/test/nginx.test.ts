/* What the README says of nginx, by nginx itself. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { checkEndpoint } from '@stoa/limiter'
import { startNginx } from '@stoa/testkit/servers'

const README = new URL('../README.md', import.meta.url)

describe('the check endpoint behind nginx', () => {
  const served: string[] = []
  const asked: string[] = []
  const service = createServer((request, response) => {
    served.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => response.end('served'))
  })
  const check = createServer(
    checkEndpoint({
      ...{ capacity: 2, refillPerSecond: 0.01, trustedProxies: ['127.0.0.1'] },
      cost({ method, uri }) {
        asked.push(`${method} ${uri}`)
        return uri === '/dear' ? 3 : 1
      },
    }),
  )
  let nginx: Awaited<ReturnType<typeof startNginx>>
  before(async () => {
    const [servicePort, checkPort] = [await listen(service), await listen(check)]
    const [, block = ''] = /```nginx\n([\s\S]*?)```/.exec(await readFile(README, 'utf8')) ?? []
    assert.ok(block.includes('127.0.0.1:9100'))
    nginx = await startNginx(
      block.replace('127.0.0.1:9100', `127.0.0.1:${checkPort}`),
      `upstream service { server 127.0.0.1:${servicePort}; }`,
    )
  })
  after(async () => {
    await nginx?.stop()
    for (const server of [service, check]) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it('lets through what the limit allows, with its fields, and refuses the rest, which the service never sees', async () => {
    const dear = await fetch(`${nginx.url}/dear`)
    assert.deepEqual([dear.status, dear.headers.get('retry-after')], [429, null], 'its cost is above the capacity')
    const answers = [
      await fetch(`${nginx.url}/a?b=c`),
      await fetch(`${nginx.url}/d`, {
        method: 'POST',
        body: 'x'.repeat(10_000),
        headers: { 'x-forwarded-for': '10.9.8.7' },
      }),
      await fetch(`${nginx.url}/e`, { headers: { 'x-forwarded-for': '10.9.8.6' } }),
    ]
    assert.deepEqual(
      answers.map(({ headers, status }) => [status, headers.get('ratelimit')?.replace(/;t=.*/, '')]),
      [
        [200, '"default";r=1'],
        [200, '"default";r=0'],
        [429, '"default";r=0'],
      ],
    )
    assert.ok(Number(answers[2]?.headers.get('retry-after')) > 0)
    assert.deepEqual(served, ['GET /a?b=c', 'POST /d'])
    assert.deepEqual(asked, ['GET /dear', 'GET /a?b=c', 'POST /d', 'GET /e'])
  })

  it('lets nothing through when the limiter is gone: the proxy answers 500', async () => {
    check.closeAllConnections()
    await new Promise((resolve) => check.close(resolve))
    const before = served.length
    assert.equal((await fetch(`${nginx.url}/`)).status, 500)
    assert.equal(served.length, before)
  })
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
