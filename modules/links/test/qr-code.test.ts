import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

describeEverywhere('a link as a QR code', (place) => {
  async function setup() {
    const { client, suite, tenant } = place()
    const link = await seedLink(client)
    const headers = { authorization: `Bearer ${tenant.slug} links:read` }
    const fetched = (query = '', more: Record<string, string> = {}) =>
      fetch(`${suite.url}/api/v1/links/${link.id}/qr?${query}`, { headers: { ...headers, ...more } })
    return { client, fetched, link, suite }
  }

  it('is an SVG of the size and the colors that were asked for', async () => {
    const { fetched } = await setup()
    const answer = await fetched('size=300&foreground=AA0000&background=ffffff00')
    assert.equal(answer.status, 200)
    assert.match(String(answer.headers.get('content-type')), /^image\/svg\+xml/)
    const svg = await answer.text()
    assert.match(svg, /^<svg [^>]*width="300" height="300"/)
    assert.match(svg, /stroke="#aa0000"/)
    assert.doesNotMatch(svg, /<script|javascript:/i)
  })

  it('is a PNG of that width', async () => {
    const { fetched } = await setup()
    const answer = await fetched('format=png&size=128&level=H&margin=0')
    assert.match(String(answer.headers.get('content-type')), /^image\/png/)
    const bytes = Buffer.from(await answer.arrayBuffer())
    assert.equal(bytes.subarray(1, 4).toString(), 'PNG')
    assert.equal(bytes.readUInt32BE(16), 128)
  })

  it('has an entity tag, and is not sent again to who has it', async () => {
    const { fetched } = await setup()
    const first = await fetched()
    const etag = String(first.headers.get('etag'))
    assert.match(String(first.headers.get('cache-control')), /max-age=3600/)
    assert.equal((await fetched('', { 'if-none-match': etag })).status, 304)
    assert.equal((await fetched('margin=2', { 'if-none-match': etag })).status, 200)
    assert.equal(await (await fetched()).text(), await first.text())
  })

  for (const query of [
    'size=63',
    'size=2049',
    'size=1e9',
    'margin=17',
    'level=X',
    'format=gif',
    'foreground=red',
    'foreground=%22%3E%3Cscript%3E',
    'foreground=ffffff',
  ]) {
    it(`refuses ?${query}`, async () => {
      const { fetched } = await setup()
      assert.equal((await fetched(query)).status, 422)
    })
  }

  it('is there for no link of others, and for nobody without the permission', async () => {
    const { client, link, suite } = await setup()
    assert.equal((await client.get(`/api/v1/links/${newId()}/qr`)).body.code, 'link_not_found')
    assert.equal((await suite.anyone.get(`/api/v1/links/${link.id}/qr`)).status, 401)
  })
})
