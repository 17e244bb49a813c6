import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { describe, it } from 'node:test'
import { createFetcher, type FetcherOptions, OutboundError } from '../src/index.ts'

/** A server on this machine, which the fetcher may reach under 127.0.0.1 alone. */
async function setup(listener: RequestListener, options: Partial<FetcherOptions> = {}) {
  const server = createServer(listener)
  return { ...(await listening(server)), fetcher: fetcherOf(options) }
}

function fetcherOf(options: Partial<FetcherOptions>) {
  return createFetcher({
    userAgent: 'test',
    isAllowed: (address) => address === '127.0.0.1',
    resolve: async () => ['127.0.0.1'],
    ...options,
  })
}

async function listening(server: Server) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections()
    })
  return { port, url: `http://site.example:${port}`, [Symbol.asyncDispose]: close }
}

const fault = (wanted: OutboundError['fault']) => (error: unknown) =>
  error instanceof OutboundError && error.fault === wanted

describe('a fetch of what strangers name', () => {
  it('gives the answer, and where it came from', async () => {
    let seen: IncomingMessage['headers'] = {}
    await using site = await setup((request, response) => {
      seen = request.headers
      response.setHeader('content-type', 'text/plain').end('hello')
    })
    const found = await site.fetcher(`${site.url}/a#b`)
    assert.deepEqual([found.status, found.body.toString(), found.truncated], [200, 'hello', false])
    assert.deepEqual([found.url, found.address, found.redirects], [`${site.url}/a`, '127.0.0.1', []])
    assert.deepEqual(
      [seen.host, seen['user-agent'], seen['accept-encoding']],
      [`site.example:${site.port}`, 'test', 'identity'],
    )
  })

  for (const url of [
    'ftp://site.example/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http://user@site.example/',
    'http://:secret@site.example/',
    'nonsense',
    `http://site.example/${'x'.repeat(5_000)}`,
  ]) {
    it(`refuses ${url.slice(0, 30)}`, async () => {
      await assert.rejects(fetcherOf({})(url), fault('url'))
    })
  }

  for (const address of [
    '10.0.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    'fd00::1',
    'fe80::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ]) {
    it(`goes nowhere near ${address}, named or not`, async () => {
      const resolve = async () => [address]
      const fetcher = createFetcher({ userAgent: 'test', resolve })
      await assert.rejects(fetcher('http://innocent.example/'), fault('private'))
      const host = address.includes(':') ? `[${address}]` : address
      await assert.rejects(fetcher(`http://${host}:1/`), fault('private'))
    })
  }

  for (const spelling of ['0x7f.1', '2130706433', '0177.0.0.1', '127.1', '①②⑦.0.0.1']) {
    it(`knows ${spelling} for what it is`, async () => {
      await assert.rejects(createFetcher({ userAgent: 'test' })(`http://${spelling}/`), fault('private'))
    })
  }

  it('refuses a name with one address too many', async () => {
    const resolve = async () => ['127.0.0.1', '10.0.0.1']
    await assert.rejects(fetcherOf({ resolve })('http://site.example/'), fault('private'))
  })

  it('connects to what was looked at, whatever the name says next', async () => {
    let asked = 0
    const resolve = async () => (++asked === 1 ? ['127.0.0.1'] : ['10.0.0.1'])
    await using site = await setup((_request, response) => void response.end('kept'), { resolve })
    assert.equal((await site.fetcher(site.url)).body.toString(), 'kept')
    assert.equal(asked, 1)
  })

  it('looks at every redirect', async () => {
    const resolve = async (name: string) => [name === 'inside.example' ? '10.0.0.1' : '127.0.0.1']
    const targets: Record<string, string> = {
      '/out': '/end',
      '/in': 'http://inside.example/',
      '/literal': 'http://169.254.169.254/latest/meta-data',
      '/file': 'file:///etc/passwd',
      '/round': '/round',
    }
    const listener = ({ url = '' }: IncomingMessage, response: ServerResponse) => {
      const location = targets[url]
      if (location === undefined) response.end('end')
      else response.writeHead(302, { location }).end()
    }
    await using site = await setup(listener, { resolve })
    const found = await site.fetcher(`${site.url}/out`)
    assert.deepEqual([found.body.toString(), found.redirects], ['end', [`${site.url}/end`]])
    await assert.rejects(site.fetcher(`${site.url}/in`), fault('private'))
    await assert.rejects(site.fetcher(`${site.url}/literal`), fault('private'))
    await assert.rejects(site.fetcher(`${site.url}/file`), fault('url'))
    await assert.rejects(site.fetcher(`${site.url}/round`), fault('redirects'))
  })

  it('tells nobody else what was meant for the first address', async () => {
    const seen: unknown[] = []
    const listener = ({ headers, url = '' }: IncomingMessage, response: ServerResponse) => {
      seen.push([url, headers.accept, headers.authorization])
      const elsewhere = `http://other.example:${String(headers.host).split(':')[1]}/other`
      if (url === '/other') response.end('end')
      else response.writeHead(302, { location: url === '/' ? '/own' : elsewhere }).end()
    }
    await using site = await setup(listener, { resolve: async () => ['127.0.0.1'] })
    await site.fetcher(`${site.url}/`, { headers: { Accept: 'text/html', Authorization: 'Bearer a' } })
    assert.deepEqual(seen, [
      ['/', 'text/html', 'Bearer a'],
      ['/own', 'text/html', 'Bearer a'],
      ['/other', 'text/html', undefined],
    ])
  })

  it('posts what it is given, once and to nobody else', async () => {
    const seen: string[] = []
    await using site = await setup(async (request, response) => {
      const { method, url } = request
      let body = ''
      for await (const chunk of request) body += chunk
      seen.push(`${method} ${url} ${body}`)
      if (url === '/moved') response.writeHead(307, { location: '/' }).end()
      else response.writeHead(201).end('kept')
    })
    const found = await site.fetcher(site.url, { method: 'POST', body: 'a=ü' })
    assert.deepEqual([found.status, found.body.toString()], [201, 'kept'])
    await assert.rejects(site.fetcher(`${site.url}/moved`, { method: 'POST', body: 'b' }), fault('redirects'))
    assert.deepEqual(seen, ['POST / a=ü', 'POST /moved b'])
  })

  it('reads no more than it may', async () => {
    await using site = await setup((_request, response) => void response.end('x'.repeat(100_000)), { maxBytes: 1_000 })
    const { body, truncated } = await site.fetcher(site.url)
    assert.deepEqual([body.length, truncated], [1_000, true])
  })

  it('does not wait for ever: for an answer, for its end, or for a name', async () => {
    await using silent = await setup(() => undefined, { timeoutMs: 200 })
    await assert.rejects(silent.fetcher(silent.url), fault('timeout'))
    await using slow = await setup((_request, response) => void response.write('x'), { timeoutMs: 200 })
    await assert.rejects(slow.fetcher(slow.url), fault('timeout'))
    const resolve = () => new Promise<string[]>(() => undefined)
    await assert.rejects(fetcherOf({ resolve, timeoutMs: 200 })('http://site.example/'), fault('timeout'))
  })

  it('ends when its caller does', async () => {
    const stop = new AbortController()
    await using site = await setup(() => stop.abort(new Error('enough')))
    await assert.rejects(site.fetcher(site.url, { signal: stop.signal }), /enough/)
  })

  it('says when nobody answers, when nobody is called so, and when it is no HTTP', async () => {
    const site = await setup(() => undefined)
    await site[Symbol.asyncDispose]()
    await assert.rejects(site.fetcher(site.url), fault('unreachable'))
    const unknown = async () => {
      throw new Error('ENOTFOUND')
    }
    await assert.rejects(fetcherOf({ resolve: unknown })('http://site.example/'), fault('name'))
    await assert.rejects(fetcherOf({ resolve: async () => [] })('http://site.example/'), fault('name'))
    await using other = await listening(createTcpServer((socket) => void socket.resume().end('SSH-2.0-x\r\n')))
    await assert.rejects(fetcherOf({})(other.url), fault('unreachable'))
  })
})
