/** What a page says of itself, whose address a stranger has given. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createFetcher, OutboundError, pageInfo } from '@stoa/outbound'

const fetcher = createFetcher({ userAgent: 'Stoa link check' })

async function preview(target: string, fetch = fetcher) {
  try {
    const { body, url } = await fetch(target)
    return pageInfo(body.toString(), url)
  } catch (error) {
    if (error instanceof OutboundError) return error.fault
    throw error
  }
}

// Nothing of the own network, however it is written.
assert.equal(await preview('http://169.254.169.254/latest/meta-data/'), 'private')
assert.equal(await preview('http://localhost:5432/'), 'private')
assert.equal(await preview('http://[::ffff:10.0.0.1]/'), 'private')
assert.equal(await preview('file:///etc/passwd'), 'url')

// A page; this machine plays the internet.
const server = createServer((_request, response) => response.end('<title>A page</title>'))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
const local = createFetcher({
  userAgent: 'Stoa link check',
  resolve: async () => ['127.0.0.1'],
  isAllowed: (address) => address === '127.0.0.1',
})
const info = await preview(`http://site.example:${port}/`, local)
assert.deepEqual(info, { title: 'A page', description: null, image: null })
server.close()
console.log('ok')
