import assert from 'node:assert/strict'
import { request } from 'node:http'
import { it } from 'node:test'
import { describeEverywhere } from './setup.ts'

describeEverywhere(
  'a host of its own for short links',
  (place) => {
    /** `fetch` does not let a caller name another host than it connects to. */
    function get(path: string, host: string): Promise<{ status: number; location: string | undefined }> {
      const { promise, resolve, reject } = Promise.withResolvers<{ status: number; location: string | undefined }>()
      request(place().suite.url + path, { headers: { host } }, (response) => {
        response.resume()
        resolve({ status: response.statusCode ?? 0, location: response.headers.location })
      })
        .on('error', reject)
        .end()
      return promise
    }

    it('is named in the short address and serves codes at the root', async () => {
      const { client } = place()
      const { body: link } = await client.post('/api/v1/links', { target: 'https://example.com/short' })
      assert.equal(link.shortUrl, `http://s.example:8080/${link.code}`)
      for (const host of ['s.example:8080', 'S.Example:8080']) {
        assert.deepEqual(await get(`/${link.code}`, host), { status: 302, location: 'https://example.com/short' })
      }
    })

    it('leaves the root of other hosts alone, and /l/ open on all', async () => {
      const { client } = place()
      const { body: link } = await client.post('/api/v1/links', { target: 'https://example.com/short' })
      assert.equal((await get(`/${link.code}`, 'stoa.example')).status, 404)
      assert.equal((await get(`/l/${link.code}`, 'stoa.example')).status, 302)
      assert.equal((await get(`/l/${link.code}`, 's.example:8080')).status, 302)
    })

    it('serves slugs of several segments, as /l/ does, and leaves the program’s own paths alone', async () => {
      const { client, tenant } = place()
      const slug = `spring-${tenant.slug}/sale/2026`
      const { body: link } = await client.post('/api/v1/links', { target: 'https://example.com/s', slug })
      assert.equal(link.shortUrl, `http://s.example:8080/${slug}`)
      for (const [path, host] of [
        [`/${slug}`, 's.example:8080'],
        [`/${slug}?a=1`, 's.example:8080'],
        [`/l/${slug}`, 's.example:8080'],
        [`/l/${slug}`, 'stoa.example'],
      ] as const) {
        assert.deepEqual(await get(path, host), { status: 302, location: 'https://example.com/s' })
      }
      for (const path of [`/${slug}`, `/l/${slug}/x`, `/${slug}/`])
        assert.equal((await get(path, 'stoa.example')).status, 404)
      assert.equal((await get('/health/live', 's.example:8080')).status, 200)
      assert.equal((await get('/api/v1/links', 's.example:8080')).status, 401)
    })

    it('is refused as a target', async () => {
      const answer = await place().client.post('/api/v1/links', { target: 'https://s.example:8080/abc' })
      assert.equal(answer.body.errors[0].code, 'loop')
    })
  },
  { shortHost: 's.example:8080' },
)
