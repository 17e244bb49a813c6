import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { newId, type Tenant } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { identityModule } from '../src/module.ts'
import { type Suite, startSuite } from './setup.ts'
import { txtRecords, zone } from './zone.ts'

const path = '/api/v1/issuer-hosts'
const newHost = () => `id-${newId().slice(-12)}.example.com`

for (const engine of engines) {
  describe(`hosts of tenants for issuers (${engine})`, () => {
    let suite: Suite
    before(async () => {
      suite = await startSuite(engine, { config: { txtRecords, issuerHostsPerTenant: 4 } })
    })
    after(() => suite?.[Symbol.asyncDispose]())

    const others = (tenant: Tenant) => Object.values(suite.tenants).filter(({ id }) => id !== tenant.id)
    const ask = async (host: string) => (await suite.bearer('nobody').get(`/tls/ask?domain=${host}`)).status

    /** Makes room for a test among the few that a tenant may have. */
    async function clear(tenant: Tenant) {
      const client = suite.as(tenant)
      const { body } = await client.get(path)
      for (const { id } of body.items) {
        await client.delete(`${path}/${id}/activation`)
        await client.delete(`${path}/${id}`)
      }
    }

    async function add(tenant: Tenant, host = newHost()) {
      const { body, status } = await suite.as(tenant).post(path, { host })
      assert.equal(status, 201, JSON.stringify(body))
      return body
    }

    async function proven(tenant: Tenant, host = newHost()) {
      const added = await add(tenant, host)
      zone.set(added.proof.name, [added.proof.value])
      const { body, status } = await suite.as(tenant).post(`${path}/${added.id}/verification`)
      assert.equal(status, 200, JSON.stringify(body))
      return body
    }

    async function setup() {
      const tenant = suite.tenants.pooled
      const [neighbour = tenant] = others(tenant)
      for (const one of [tenant, neighbour]) await clear(one)
      return { tenant, neighbour, client: suite.as(tenant) }
    }

    it('are proven by a text in DNS, and get certificates from then on; the issuer stays until one is activated', async () => {
      const { client, tenant } = await setup()
      const added = await add(tenant)
      assert.deepEqual([added.status, added.version, added.issuer], ['pending', 1, `http://${added.host}`])
      assert.equal(added.proof.name, `_stoa-identity.${added.host}`)
      const verify = () => client.post(`${path}/${added.id}/verification`)
      const early = await verify()
      assert.deepEqual([early.status, early.body.code], [422, 'issuer_host_not_proven'])
      assert.ok(early.body.detail.includes(added.proof.value))
      assert.equal((await client.post(`${path}/${added.id}/activation`)).body.code, 'issuer_host_not_proven')
      assert.equal(await ask(added.host), 404)
      zone.set(added.proof.name, ['v=spf1 -all', added.proof.value])
      assert.deepEqual([(await verify()).body.status, (await verify()).body.version], ['verified', 2])
      assert.deepEqual([await ask(added.host), await ask(`x.${added.host}`)], [200, 404])
      assert.equal((await client.get(path)).body.issuer, suite.issuer(tenant))
      const { body: active, headers } = await client.post(`${path}/${added.id}/activation`)
      assert.deepEqual([active.status, active.version, headers.get('etag')], ['active', 3, '"3"'])
      assert.equal((await client.post(`${path}/${added.id}/activation`)).body.version, 3)
      assert.equal((await client.get(path)).body.issuer, added.issuer)
      assert.deepEqual((await client.get(`${path}/${added.id}`)).body, active)
    })

    it('take turns, and one where the issuer is is not removed', async () => {
      const { client, tenant } = await setup()
      const [one, two] = [await proven(tenant), await proven(tenant)]
      await client.post(`${path}/${one.id}/activation`)
      await client.post(`${path}/${two.id}/activation`)
      const statusOf = async ({ id }: { id: string }) => (await client.get(`${path}/${id}`)).body.status
      assert.deepEqual([await statusOf(one), await statusOf(two)], ['verified', 'active'])
      const refused = await client.delete(`${path}/${two.id}`)
      assert.deepEqual([refused.status, refused.body.code], [409, 'issuer_host_in_use'])
      assert.equal((await client.delete(`${path}/${two.id}/activation`)).body.status, 'verified')
      assert.equal((await client.delete(`${path}/${two.id}/activation`)).body.version, 4)
      assert.equal((await client.get(path)).body.issuer, suite.issuer(tenant))
      assert.equal((await client.delete(`${path}/${two.id}`)).status, 204)
      assert.deepEqual([(await client.get(`${path}/${two.id}`)).status, await ask(two.host)], [404, 404])
      const told = await suite.events(({ data }) => data.id === two.id, 5)
      assert.deepEqual(
        told.map(({ type }) => type.replace('identity.issuer_host_', '')),
        ['added', 'verified', 'activated', 'deactivated', 'removed'],
      )
      assert.deepEqual(told[0]?.subjects, [`issuer_host:${two.id}`])
    })

    it('belong to who proves them; who can prove them no more loses them, and the issuer goes home', async () => {
      const { client, neighbour, tenant } = await setup()
      const host = await proven(tenant)
      await client.post(`${path}/${host.id}/activation`)
      const theirs = await add(neighbour, host.host)
      assert.notEqual(theirs.proof.value, host.proof.value)
      zone.set(host.proof.name, [host.proof.value, theirs.proof.value])
      const verify = () => suite.as(neighbour).post(`${path}/${theirs.id}/verification`)
      assert.deepEqual([(await verify()).status, (await verify()).body.code], [409, 'issuer_host_taken'])
      zone.set(host.proof.name, [theirs.proof.value])
      assert.equal((await verify()).body.status, 'verified')
      assert.equal((await client.get(`${path}/${host.id}`)).body.status, 'pending')
      assert.equal((await client.get(path)).body.issuer, suite.issuer(tenant))
      await suite.events(({ type, data }) => type === 'identity.issuer_host_lost' && data.id === host.id, 1)
    })

    it('are looked for by a task until the text stands', async () => {
      const { client, tenant } = await setup()
      const host = newHost()
      zone.set(`_stoa-identity.${host}`, 'silent')
      const { id, proof } = await add(tenant, host)
      assert.deepEqual((await client.post(`${path}/${id}/verification`)).status, 503)
      zone.set(proof.name, [proof.value])
      // The clock stands still: it is put forward to the next look.
      await eventually(async () => {
        suite.clock.advance(20_000)
        return (await client.get(`${path}/${id}`)).body.status === 'verified'
      })
    })

    it('are no more than there may be, each once, and names on the internet', async () => {
      const { client, tenant } = await setup()
      const { host } = await add(tenant, `BÜCHER-${newId().slice(-12)}.Example.com.`)
      assert.match(host, /^xn--bcher-[0-9a-f]+-\w+\.example\.com$/)
      assert.equal((await client.post(path, { host })).body.code, 'issuer_host_taken')
      for (const bad of [
        'localhost',
        '127.0.0.1',
        'id.internal',
        'id.example.com:8443',
        'https://id.example.com',
        ' ',
      ]) {
        const { body, status } = await client.post(path, { host: bad })
        assert.deepEqual([status, body.code, body.errors[0].pointer], [422, 'issuer_host_invalid', '/body/host'], bad)
      }
      const made = await Promise.all(Array.from({ length: 5 }, () => client.post(path, { host: newHost() })))
      assert.deepEqual(made.map(({ status }) => status).sort(), [201, 201, 201, 409, 409])
      assert.ok(made.some(({ body }) => body.code === 'issuer_host_limit'))
    })

    it('are looked over by the doctor: what is not the tenant’s is named', async () => {
      const { client, tenant } = await setup()
      const { host, id } = await proven(tenant)
      await client.post(`${path}/${id}/activation`)
      const examine = () => identityModule.examine?.(suite.db, suite.ctx(tenant))
      assert.deepEqual(await examine(), [
        { ok: true, text: '1 of the issuers are at a host of the organisation’s own.' },
      ])
      await suite.db.admin((session) => session.query(`delete from stoa.proven_hosts where host = '${host}'`))
      const [found] = (await examine()) ?? []
      assert.ok(found?.ok === false && found.text.includes(host))
    })

    it('are of their tenant alone, and for who may configure it', async () => {
      const { client, neighbour, tenant } = await setup()
      const { id } = await proven(tenant)
      const stranger = suite.as(neighbour)
      for (const answer of [
        await stranger.get(`${path}/${id}`),
        await stranger.delete(`${path}/${id}`),
        await stranger.post(`${path}/${id}/verification`),
        await stranger.post(`${path}/${id}/activation`),
        await stranger.delete(`${path}/${id}/activation`),
      ]) {
        assert.deepEqual([answer.status, answer.body.code], [404, 'issuer_host_not_found'])
      }
      assert.deepEqual((await stranger.get(path)).body.items, [])
      const reader = suite.as(tenant, 'identity:read', 'identity:manage')
      assert.equal((await reader.post(`${path}/${id}/activation`)).status, 403)
      assert.equal((await client.get(`${path}/${id}`)).body.status, 'verified')
    })
  })
}
