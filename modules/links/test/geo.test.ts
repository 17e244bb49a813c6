import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { silentLogger } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import { openPlaces } from '../src/analytics/geo.ts'
import { seedLink } from '../src/testing.ts'
import { mmdbFile } from './mmdb.ts'
import { browser, startSuite } from './setup.ts'

const flat = { country_code: 'IN', state1: 'Maharashtra', city: 'Navi Mumbai', latitude: '19.03', longitude: '73.01' }
const nested = {
  country: { iso_code: 'DE', names: { en: 'Germany' } },
  subdivisions: [{ names: { en: 'Berlin' } }],
  city: { names: { en: 'Berlin' } },
}
const places = { '127.0.0.0/8': flat, '203.0.113.0/24': nested, '198.51.100.7/32': { city: 'Nowhere' } }

describe('places from a file', () => {
  let folder: string
  const file = (name: string) => join(folder, name)
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'places-'))
    await writeFile(file('four.mmdb'), mmdbFile(places, 4, 'DBIP-City-Lite'))
    await writeFile(file('six.mmdb'), mmdbFile(places, 6, 'GeoLite2-City'))
    await writeFile(file('broken.mmdb'), Buffer.alloc(1_000, 7))
  })
  after(() => rm(folder, { recursive: true }))

  it('are those of the network that an address is in, in either layout and either kind of tree', async () => {
    for (const name of ['four.mmdb', 'six.mmdb']) {
      const geo = await openPlaces(file(name), silentLogger)
      for (const address of ['127.0.0.1', '::ffff:127.255.255.255']) {
        const found = { country: 'IN', region: 'Maharashtra, IN', city: 'Navi Mumbai, IN' }
        assert.deepEqual(geo.placeOf(address), found, `${name} ${address}`)
      }
      assert.deepEqual(geo.placeOf('203.0.113.9'), { country: 'DE', region: 'Berlin, DE', city: 'Berlin, DE' })
      for (const address of ['203.0.114.9', '198.51.100.7', '2001:db8::1', '', 'x', '127.0.0.1.2']) {
        assert.deepEqual(geo.placeOf(address), { country: null, region: null, city: null }, `${name} ${address}`)
      }
    }
  })

  it('a file that is not there, or is none, stops the start; and so does a folder without one', async () => {
    for (const path of [file('none.mmdb'), file('broken.mmdb'), join(folder, '..', 'no-such-folder')]) {
      await assert.rejects(openPlaces(path, silentLogger))
    }
    const empty = await mkdtemp(join(tmpdir(), 'places-'))
    await assert.rejects(openPlaces(empty, silentLogger), /there is no \.mmdb file/)
    await rm(empty, { recursive: true })
  })

  it('show in analytics, in its CSV and in rules, with the line that has to be shown with them; no coordinates', async () => {
    await using suite = await startSuite('pglite', { geo: file('four.mmdb') })
    const client = suite.as(suite.tenants.pooled)
    const rules = [{ when: { countries: ['IN'] }, target: 'https://example.com/in' }]
    const link = await seedLink(client, { rules })
    const answer = await suite.anyone.get(`/l/${link.code}`, browser)
    assert.equal(answer.headers.get('location'), 'https://example.com/in')
    const analytics = async () =>
      (await client.get(`/api/v1/links/${link.id}/analytics?by=country&by=region&by=city`)).body
    const shown = await eventually(analytics, ({ total }) => total.clicks === 1)
    assert.equal(shown.attribution, 'IP Geolocation by DB-IP (https://db-ip.com)')
    const text = JSON.stringify(shown)
    for (const place of ['"IN"', '"Maharashtra, IN"', '"Navi Mumbai, IN"']) assert.ok(text.includes(place), text)
    for (const hidden of ['19.03', '73.01', '127.0.0.1']) assert.ok(!text.includes(hidden), text)
    const overview = (await client.get('/api/v1/link-analytics?by=country')).body
    assert.equal(overview.attribution, shown.attribution)
    const simulated = await client.post(`/api/v1/links/${link.id}/simulation`, { address: '203.0.113.9' })
    assert.deepEqual([simulated.body.visitor.country, simulated.body.by.kind], ['DE', 'target'])
  })
})
