import assert from 'node:assert/strict'
import { request } from 'node:http'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

/** What stands in DNS. */
const zone = new Map<string, string[]>()
const txtRecords = async (name: string) => {
  if (name.includes('silent')) throw Object.assign(new Error('timeout'), { code: 'ETIMEOUT' })
  const texts = zone.get(name)
  if (texts === undefined) throw Object.assign(new Error('no'), { code: 'ENOTFOUND' })
  return texts.map((text) => [text.slice(0, 5), text.slice(5)])
}

describeEverywhere(
  'hosts of tenants for short links',
  (place) => {
    const base = '/api/v1/link-domains'
    const newHost = () => `go-${newId().slice(-12)}.example.com`

    async function add(over: object = {}, { client } = place()) {
      const { body, status } = await client.post(base, { host: newHost(), ...over })
      assert.equal(status, 201, JSON.stringify(body))
      return body
    }

    async function setup(over: object = {}) {
      const { client, suite, tenant } = place()
      const domain = await add(over)
      zone.set(domain.proof.name, ['v=spf1 -all', domain.proof.value])
      const { body, status } = await client.post(`${base}/${domain.id}/verification`)
      assert.equal(status, 200, JSON.stringify(body))
      return { client, suite, tenant, domain: body, path: `${base}/${domain.id}` }
    }

    /** `fetch` does not let a caller name another host than it connects to. */
    function get(path: string, host: string, url = place().suite.url, method = 'GET') {
      const { promise, resolve, reject } = Promise.withResolvers<[status: number, location: string | undefined]>()
      request(url + path, { method, headers: { host } }, (response) => {
        response.resume()
        resolve([response.statusCode ?? 0, response.headers.location])
      })
        .on('error', reject)
        .end()
      return promise
    }

    it('are proven by a text in DNS, which the answer names, and serve codes at their root from then on', async () => {
      const { client } = place()
      const domain = await add()
      assert.deepEqual([domain.status, domain.verifiedAt, domain.version], ['pending', null, 1])
      assert.equal(domain.proof.name, `_stoa-links.${domain.host}`)
      const link = await seedLink(client, { domainId: domain.id, slug: 'spring/sale', target: 'https://example.com/s' })
      assert.equal(link.shortUrl, `http://${domain.host}/spring/sale`)
      assert.equal(link.domainId, domain.id)
      assert.equal((await get('/spring/sale', domain.host))[0], 404)
      const early = await client.post(`${base}/${domain.id}/verification`)
      assert.deepEqual([early.status, early.body.code], [422, 'link_domain_not_proven'])
      assert.ok(early.body.detail.includes(domain.proof.value))
      zone.set(domain.proof.name, [domain.proof.value])
      const verified = (await client.post(`${base}/${domain.id}/verification`)).body
      assert.deepEqual([verified.status, verified.version], ['verified', 2])
      for (const host of [domain.host, domain.host.toUpperCase(), `${domain.host}:8443`, `${domain.host}.`]) {
        assert.deepEqual(await get('/spring/sale', host), [302, 'https://example.com/s'])
      }
      assert.deepEqual(await get('/spring%2Fsale', domain.host), [302, 'https://example.com/s'])
      assert.equal((await client.post(`${base}/${domain.id}/verification`)).body.version, 2)
    })

    it('are namespaces: the same slug is another link on each, and on none of them a stranger’s', async () => {
      const [one, other] = [await setup(), await setup()]
      const { client, suite, tenant } = one
      const slug = `same-${newId().slice(-8)}`
      await seedLink(client, { slug, target: 'https://example.com/own' })
      await seedLink(client, { slug, domainId: one.domain.id, target: 'https://example.com/one' })
      await seedLink(client, { slug, domainId: other.domain.id, target: 'https://example.com/other' })
      assert.equal(
        (await client.post('/api/v1/links', { slug, domainId: one.domain.id, target: 'https://a.example' })).status,
        409,
      )
      assert.deepEqual(await get(`/${slug}`, one.domain.host), [302, 'https://example.com/one'])
      assert.deepEqual(await get(`/${slug}`, other.domain.host), [302, 'https://example.com/other'])
      assert.deepEqual(await get(`/l/${slug}`, 'stoa.example'), [302, 'https://example.com/own'])
      const stranger = Object.values(suite.tenants).find(({ id }) => id !== tenant.id) ?? tenant
      const theirs = await seedLink(suite.as(stranger))
      for (const path of [`/${theirs.code}`, `/l/${theirs.code}`])
        assert.equal((await get(path, one.domain.host))[0], 404)
    })

    it('have generated codes too, and a change of a link holds at once', async () => {
      const { client, domain } = await setup()
      const link = await seedLink(client, { domainId: domain.id, target: 'https://example.com/a' })
      assert.deepEqual(await get(`/${link.code}?q=1`, domain.host), [302, 'https://example.com/a'])
      assert.equal((await get(`/l/${link.code}`, 'stoa.example'))[0], 404)
      await client.patch(`/api/v1/links/${link.id}`, { target: 'https://example.com/b' }, { 'if-match': '*' })
      assert.deepEqual(await get(`/${link.code}`, domain.host), [302, 'https://example.com/b'])
      await client.post(`/api/v1/links/${link.id}/archival`)
      assert.equal((await get(`/${link.code}`, domain.host))[0], 410)
    })

    it('show nothing else of the program', async () => {
      const { domain } = await setup()
      for (const path of [
        '/health/live',
        '/metrics',
        base,
        '/docs',
        '/openapi.json',
        '/%zz',
        '/%00',
        `/${'x'.repeat(500)}`,
        '/',
      ]) {
        assert.equal((await get(path, domain.host))[0], 404, path)
      }
      assert.ok([404, 405, 422].includes((await get('/api/v1/links', domain.host, undefined, 'POST'))[0]))
    })

    it('lead their root and unknown codes where they are told to', async () => {
      const { client, domain, path } = await setup({
        rootTarget: 'https://Example.com',
        notFoundTarget: 'https://example.com/404',
      })
      assert.equal(domain.rootTarget, 'https://example.com/')
      assert.deepEqual(await get('/', domain.host), [302, 'https://example.com/'])
      assert.deepEqual(await get('/nothing/here', domain.host), [302, 'https://example.com/404'])
      const change = (body: object, version: string) => client.patch(path, body, { 'if-match': version })
      assert.equal((await change({ rootTarget: null }, '"1"')).status, 412)
      const changed = await change({ rootTarget: null, notFoundTarget: 'https://example.com/none' }, '"2"')
      assert.deepEqual([changed.status, changed.body.version, changed.headers.get('etag')], [200, 3, '"3"'])
      assert.equal((await change({ rootTarget: null }, '*')).body.version, 3)
      assert.deepEqual(await get('/', domain.host), [302, 'https://example.com/none'])
      assert.deepEqual(await get('/nothing', domain.host), [302, 'https://example.com/none'])
      assert.deepEqual((await client.get(path)).body, changed.body)
    })

    it('get certificates when they are proven, and no other host does', async () => {
      const { domain, suite } = await setup()
      const pending = await add()
      const ask = async (host: string) => (await suite.anyone.get(`/tls/ask?domain=${encodeURIComponent(host)}`)).status
      assert.deepEqual(
        [await ask(domain.host), await ask(domain.host.toUpperCase()), await ask('127.0.0.1')],
        [200, 200, 200],
      )
      for (const host of [pending.host, `x.${domain.host}`, 'example.com', '*', '%00', '../x']) {
        assert.equal(await ask(host), 404, host)
      }
      assert.equal((await suite.anyone.get('/tls/ask')).status, 422)
    })

    it('are no targets of links', async () => {
      const { client, domain } = await setup()
      const answer = await client.post('/api/v1/links', { target: `https://${domain.host}/abc` })
      assert.equal(answer.body.errors[0].code, 'loop')
      assert.equal(
        (await client.post(base, { host: newHost(), notFoundTarget: `https://${domain.host}/` })).status,
        422,
      )
    })

    it('can be removed as long as they have no links', async () => {
      const { client, domain, path, suite } = await setup()
      const empty = await setup()
      await seedLink(client, { domainId: domain.id })
      assert.deepEqual(
        [(await client.delete(path)).status, (await client.delete(path)).body.code],
        [409, 'link_domain_in_use'],
      )
      assert.equal((await client.delete(empty.path)).status, 204)
      assert.equal((await client.get(empty.path)).status, 404)
      assert.equal((await suite.anyone.get(`/tls/ask?domain=${empty.domain.host}`)).status, 404)
      assert.equal(
        (await client.post('/api/v1/links', { target: 'https://a.example', domainId: empty.domain.id })).status,
        422,
      )
    })

    it('belong to who proves them; who can prove them no more loses them to who can', async () => {
      const { client, domain, suite, tenant } = await setup({ notFoundTarget: 'https://example.com/first' })
      const link = await seedLink(client, { domainId: domain.id, slug: 'kept' })
      const neighbour = suite.as(Object.values(suite.tenants).find(({ id }) => id !== tenant.id) ?? tenant)
      const theirs = (await neighbour.post(base, { host: domain.host })).body
      assert.notEqual(theirs.proof.value, domain.proof.value)
      zone.set(domain.proof.name, [domain.proof.value, theirs.proof.value])
      const verify = () => neighbour.post(`${base}/${theirs.id}/verification`)
      assert.deepEqual([(await verify()).status, (await verify()).body.code], [409, 'link_domain_taken'])
      zone.set(domain.proof.name, [theirs.proof.value])
      assert.equal((await verify()).body.status, 'verified')
      assert.equal((await client.get(`${base}/${domain.id}`)).body.status, 'pending')
      assert.equal((await get(`/${link.code}`, domain.host))[0], 404)
      const taken = await seedLink(neighbour, { domainId: theirs.id, slug: 'kept', target: 'https://example.com/new' })
      assert.deepEqual(await get(`/${taken.code}`, domain.host), [302, 'https://example.com/new'])
      await suite.events(({ type, data }) => type === 'link_domain.lost' && data.id === domain.id, 1)
    })

    it('are looked for by a job until the text stands', async () => {
      const { suite, tenant } = place()
      const domain = await add()
      await using _worker = await suite.work()
      zone.set(domain.proof.name, [domain.proof.value])
      const path = `${base}/${domain.id}`
      await eventually(async () => (await suite.as(tenant).get(path)).body.status === 'verified')
      const told = await suite.events(({ data }) => data.id === domain.id, 2)
      assert.deepEqual(
        told.map(({ type }) => type),
        ['link_domain.added', 'link_domain.verified'],
      )
      assert.deepEqual(told[0]?.subjects, [`link_domain:${domain.id}`])
    })

    it('are served by another process soon, and by one that starts', async () => {
      const { client, suite, tenant } = place()
      await using running = await suite.second()
      const { domain, path } = await setup({ rootTarget: 'https://example.com/root' })
      const link = await seedLink(client, { domainId: domain.id, target: 'https://example.com/there' })
      await using started = await suite.second()
      assert.deepEqual(await get('/', domain.host, started.url), [302, 'https://example.com/root'])
      await eventually(async () => (await get('/', domain.host, running.url))[1] === 'https://example.com/root')
      assert.deepEqual(await get(`/${link.code}`, domain.host, running.url), [302, 'https://example.com/there'])
      await running.as(tenant).patch(path, { rootTarget: null }, { 'if-match': '*' })
      await eventually(async () => (await get('/', domain.host))[0] === 404)
    })

    it('are pages of their tenant alone, which needs the permission', async () => {
      const { client, domain, path, suite, tenant } = await setup()
      const first = (await client.get(`${base}?limit=1`)).body
      assert.equal(first.data[0].id, domain.id)
      const next = (await client.get(`${base}?limit=1&cursor=${first.nextCursor ?? ''}`)).body
      assert.notEqual(next.data?.[0]?.id, domain.id)
      assert.equal((await client.get(`${base}?sort=createdAt&limit=1`)).status, 200)
      for (const other of Object.values(suite.tenants).filter(({ id }) => id !== tenant.id)) {
        const stranger = suite.as(other)
        const answers = [
          await stranger.get(path),
          await stranger.patch(path, { rootTarget: null }, { 'if-match': '*' }),
          await stranger.delete(path),
          await stranger.post(`${path}/verification`),
        ]
        for (const { body, status } of answers) assert.deepEqual([status, body.code], [404, 'link_domain_not_found'])
        const mine = await stranger.get(`${base}?limit=100`)
        assert.ok(mine.body.data.every(({ id }: { id: string }) => id !== domain.id))
        const on = await stranger.post('/api/v1/links', { target: 'https://a.example', domainId: domain.id })
        assert.equal(on.body.errors[0].pointer, '/body/domainId')
      }
      const reader = suite.as(tenant, 'links:read')
      for (const { status } of [
        await reader.post(base, { host: newHost() }),
        await reader.patch(path, { rootTarget: null }, { 'if-match': '*' }),
        await reader.delete(path),
        await reader.post(`${path}/verification`),
        await suite.as(tenant, 'links:write').get(path),
        await suite.as(tenant, 'links:write').get(base),
      ]) {
        assert.equal(status, 403)
      }
      assert.equal((await suite.anyone.get(path)).status, 401)
    })

    it('are added once, and DNS that does not answer is no refusal', async () => {
      const { client } = place()
      const domain = await add({ host: `BÜCHER-${newId().slice(-12)}.Example.com.` })
      assert.match(domain.host, /^xn--bcher-[0-9a-f]+-\w+\.example\.com$/)
      assert.deepEqual((await client.post(base, { host: domain.host })).body.code, 'link_domain_taken')
      const silent = await add({ host: `silent-${newId().slice(-12)}.example.com` })
      const answer = await client.post(`${base}/${silent.id}/verification`)
      assert.deepEqual([answer.status, answer.body.code], [503, 'unavailable'])
    })

    const refused = [
      'localhost',
      'example',
      '127.0.0.1',
      '[::1]',
      '8.8.8.8',
      '0x7f.1',
      'a.local',
      'go.internal',
      'go.example.com:8080',
      'https://go.example.com',
      'go.example.com/x',
      'user@go.example.com',
      'go..example.com',
      '*.example.com',
      'go.exa\u202Emple.com',
      'go.exam\u200Bple.com',
      `${'-'.repeat(70)}.example.com`,
      ' ',
      's.example',
    ]
    for (const host of refused) {
      it(`refuse ${JSON.stringify(host).slice(0, 40)} as a host`, async () => {
        const { body, status } = await place().client.post(base, { host })
        assert.deepEqual([status, body.errors?.[0]?.pointer], [422, '/body/host'])
      })
    }
  },
  { txtRecords, shortHost: 's.example:8080', domainsPerTenant: 60 },
)

describeEverywhere(
  'hosts of tenants, where everybody is trusted',
  (place) => {
    it('need no proof, and are no more than there may be', async () => {
      const { client, suite, tenant } = place()
      const own = (name: string) => ({ host: `${name}-${tenant.slug}.example.com` })
      const answers = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) => client.post('/api/v1/link-domains', own(name))),
      )
      const statuses = answers.map(({ status }) => status).sort()
      assert.deepEqual(statuses, [201, 201, 409, 409])
      const [first] = answers.filter(({ status }) => status === 201)
      assert.equal(first?.body.status, 'verified')
      assert.equal(answers.find(({ status }) => status === 409)?.body.code, 'link_domain_limit')
      const stranger = suite.as(Object.values(suite.tenants).find(({ id }) => id !== tenant.id) ?? tenant)
      const taken = await stranger.post('/api/v1/link-domains', { host: first?.body.host })
      assert.equal(taken.status, 409)
    })
  },
  { domainProof: 'none', domainsPerTenant: 2 },
)
