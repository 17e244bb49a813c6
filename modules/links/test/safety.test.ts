import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { createJournal, processHints } from '@stoa/journal'
import { newId, silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import type { TestAnswer } from '@stoa/testkit'
import { eventually } from '@stoa/testkit'
import { linksModule, OperatorTakedowns } from '../src/module.ts'
import { seedLink } from '../src/testing.ts'
import { browser, describeEverywhere, type Place } from './setup.ts'

const folder = mkdtempSync(join(tmpdir(), 'links-'))
const blocklist = join(folder, 'blocked.txt')
writeFileSync(blocklist, 'everywhere.example # for all\n')
after(() => rmSync(folder, { recursive: true }))

/** Another process than those that serve: it has no hints, so they look by themselves. */
function operator({ db, url }: Place['suite']): OperatorTakedowns {
  const deps = { log: silentLogger, clock: systemClock }
  const journal = createJournal({ events: linksModule.events }, { ...deps, db, hints: processHints() })
  return new OperatorTakedowns({ db, journal, ctx: systemCtx(deps, 'night watch'), publicUrl: url, config: {} })
}

async function all<T>(many: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of many) found.push(one)
  return found
}

const MODERATOR = ['links:read', 'links:write', 'links:moderate']

describeEverywhere(
  'links that do harm',
  (place) => {
    async function setup(over: object = {}) {
      const { client, suite, tenant } = place()
      const link = await seedLink(client, over)
      const moderator = suite.as(tenant, ...MODERATOR)
      const follow = (headers: Record<string, string> = {}) => suite.anyone.get(`/l/${link.code}`, headers)
      const report = (fields: Record<string, string>, headers: Record<string, string> = browser) =>
        fetch(`${suite.url}/l/report`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams(fields),
        })
      const reports = async (query = '') =>
        (await moderator.get(`/api/v1/link-reports?linkId=${link.id}${query}`)).body.data as Record<string, unknown>[]
      return { client, follow, link, moderator, report, reports, suite, tenant, path: `/api/v1/links/${link.id}` }
    }
    const codeOf = ({ body, status }: TestAnswer<{ code?: string }>) => [status, body.code]

    it('a link that is taken down answers 410 with the reason, also in other processes, until that is lifted', async () => {
      const { follow, link, moderator, path, suite } = await setup({ startsAt: '2001-01-01T00:00:00Z' })
      assert.equal((await follow()).status, 302)
      await using other = await suite.second()
      assert.equal((await other.anyone.get(`/l/${link.code}`)).status, 302)
      const note = 'It asked for <passwords>.'
      const down = await moderator.post(`${path}/takedown`, { reason: 'phishing', note })
      assert.deepEqual([down.status, down.body.status, down.body.takedown.reason], [200, 'taken-down', 'phishing'])
      const told = await follow()
      assert.deepEqual(codeOf(told), [410, 'link_taken_down'])
      assert.match(told.body.detail, /pretends to be another one\. It asked for <passwords>\./)
      const page = await fetch(`${suite.url}/l/${link.code}`, { headers: browser, redirect: 'manual' })
      assert.equal(page.status, 410)
      assert.match(await page.text(), /It asked for &lt;passwords&gt;\./)
      await eventually(async () => (await other.anyone.get(`/l/${link.code}`)).status === 410)
      const lifted = await moderator.delete(`${path}/takedown`)
      assert.deepEqual([lifted.status, lifted.body.status, lifted.body.takedown], [200, 'active', null])
      assert.equal((await follow()).status, 302)
      const types = (await suite.events(({ subjects }) => subjects.includes(`link:${link.id}`), 3)).map(
        ({ type }) => type,
      )
      assert.deepEqual(types, ['link.created', 'link.taken_down', 'link.takedown_lifted'])
    })

    it('who may only write links neither takes one down nor puts one back', async () => {
      const { client, follow, moderator, path } = await setup()
      assert.equal((await client.post(`${path}/takedown`, { reason: 'spam' })).status, 403)
      await moderator.post(`${path}/takedown`, { reason: 'spam' })
      assert.equal((await client.delete(`${path}/takedown`)).status, 403)
      assert.equal((await client.delete(`${path}/archival`)).status, 200)
      assert.equal((await client.patch(path, { target: 'https://example.com/x' }, { 'if-match': '*' })).status, 200)
      assert.equal((await follow()).status, 410)
      const listed = async (status: string) =>
        (await client.get(`/api/v1/links?status=${status}&limit=100`)).body.data.map(({ id }: { id: string }) => id)
      assert.ok((await listed('taken-down')).includes(path.split('/').at(-1)))
      assert.ok(!(await listed('active')).includes(path.split('/').at(-1)))
    })

    it('what the operator took down by its address, whosever it is, nobody else puts back; running processes hear of it', async () => {
      const { follow, link, moderator, path, report, reports, suite } = await setup()
      await report({ link: link.code, reason: 'malware', details: 'It \u001b[2J\u202e loads a program.' })
      const takedowns = operator(suite)
      const told = (await all(takedowns.reported())).filter(({ shortUrl }) => shortUrl === link.shortUrl)
      assert.deepEqual(
        told.map(({ reason, tenant }) => [reason, tenant]),
        [['malware', place().tenant.slug]],
      )
      const because = { reason: 'illegal', note: 'By order of a court.' } as const
      const { changed, link: down } = await takedowns.takeDown(link.shortUrl, because)
      assert.deepEqual([changed, down.id, down.shortUrl, down.target], [true, link.id, link.shortUrl, link.target])
      await eventually(async () => (await follow()).status === 410)
      assert.match((await follow()).body.detail, /something unlawful\. By order of a court\./)
      const shown = (await moderator.get(path, { 'cache-control': 'no-cache' })).body
      assert.deepEqual([shown.status, shown.takedown.by], ['taken-down', 'operator'])
      assert.deepEqual(codeOf(await moderator.delete(`${path}/takedown`)), [403, 'link_taken_down_by_operator'])
      assert.deepEqual(codeOf(await moderator.post(`${path}/takedown`, { reason: 'other' })), [
        403,
        'link_taken_down_by_operator',
      ])
      assert.deepEqual(
        (await reports()).map(({ settledBy, state }) => [state, settledBy]),
        [['upheld', 'system:night watch']],
      )
      const same = await takedowns.takeDown(`l/${link.code}`, because)
      assert.deepEqual([same.changed, same.link.takedown], [false, down.takedown])
      assert.equal((await takedowns.takeDown(link.code, { ...because, note: null })).changed, true)
      assert.ok((await all(takedowns.takenDown())).some(({ id }) => id === link.id))
      const lifted = await takedowns.lift(` ${link.shortUrl.replace('http://', '')}?utm_source=x#y`)
      assert.deepEqual([lifted.changed, lifted.link.takedown], [true, null])
      await eventually(async () => (await follow()).status === 302)
      assert.equal((await takedowns.lift(link.code)).changed, false)
      assert.ok(!(await all(takedowns.takenDown())).some(({ id }) => id === link.id))
      const events = await suite.events(({ subjects }) => subjects.includes(`link:${link.id}`), 4)
      assert.deepEqual(
        events.map(({ actor, type }) => [type, actor.id]),
        [
          ['link.created', 'test'],
          ['link.taken_down', 'night watch'],
          ['link.taken_down', 'night watch'],
          ['link.takedown_lifted', 'night watch'],
        ],
      )
    })

    it('the operator finds links on hosts of tenants and by readable codes, and no link at another address', async () => {
      const { link, moderator, path, suite, tenant } = await setup({ codeStyle: 'readable' })
      const takedowns = operator(suite)
      const because = { reason: 'spam', note: null } as const
      assert.equal((await takedowns.takeDown(link.code.toUpperCase(), because)).link.id, link.id)
      const host = `${tenant.slug}.operated.example`
      const { body: domain } = await moderator.post('/api/v1/link-domains', { host })
      const there = await seedLink(moderator, { domainId: domain.id, slug: link.code })
      assert.notEqual(there.id, link.id)
      for (const address of [there.shortUrl, `${host.toUpperCase()}./${link.code}`]) {
        assert.equal((await takedowns.takeDown(address, because)).link.id, there.id)
      }
      const { shortUrl } = link
      const others = [
        '',
        ' ',
        '/',
        'nowhere',
        `https://example.com/l/${link.code}`,
        `${shortUrl}x`,
        `${shortUrl}/x`,
        '::',
        '%',
      ]
      for (const address of [...others, `https://${tenant.slug}.nobody.example/${link.code}`, `${suite.url}/l/%ff`]) {
        await assert.rejects(takedowns.takeDown(address, because), { code: 'link_not_found' }, address)
      }
      await takedowns.lift(link.code)
      await moderator.post(`${path}/takedown`, { reason: 'spam' })
      const { changed, link: theirs } = await takedowns.lift(link.code)
      assert.deepEqual([changed, theirs.takedown?.by], [false, 'tenant'])
    })

    it('anybody reports a link by its address, by a page that works without a script', async () => {
      const { link, report, reports, suite } = await setup()
      const form = await fetch(`${suite.url}/l/report?link=${encodeURIComponent('"><script>')}`, { headers: browser })
      assert.equal(form.status, 200)
      assert.match(form.headers.get('content-security-policy') ?? '', /default-src 'none'/)
      assert.match(await form.text(), /value="&quot;&gt;&lt;script&gt;"/)
      for (const address of [link.shortUrl, link.code, link.shortUrl.replace(/^http:\/\//, '')]) {
        const answer = await report({ link: ` ${address} `, reason: 'malware', details: '', contact: 'me@example.com' })
        assert.equal(answer.status, 200, await answer.text())
      }
      const [last, ...others] = await reports()
      assert.equal(others.length, 2)
      const { contact, details, linkId, reason, state } = last ?? {}
      assert.deepEqual(
        { contact, details, linkId, reason, state },
        { contact: 'me@example.com', details: null, linkId: link.id, reason: 'malware', state: 'open' },
      )
    })

    it('an address that is none of ours is told so, and what is no report is refused', async () => {
      const { link, report } = await setup()
      for (const address of [
        'https://example.com/',
        'no-such-code',
        `http://other.example/l/${link.code}`,
        '::',
        '%%',
      ]) {
        const answer = await report({ link: address, reason: 'spam' })
        assert.equal(answer.status, 404, address)
        assert.match(await answer.text(), /There is no link at this address/)
      }
      assert.equal((await report({ link: 'no-such-code', reason: 'spam' }, {})).status, 404)
      assert.equal((await report({ link: link.code, reason: 'boredom' })).status, 422)
      assert.equal((await report({ link: link.code })).status, 422)
      assert.equal((await report({ link: link.code, reason: 'spam', details: 'x'.repeat(2_001) })).status, 422)
      assert.equal((await report({ link: link.code, reason: 'spam', details: 'x'.repeat(20_000) })).status, 413)
    })

    it('a link has twenty open reports at the most; a takedown upholds them, and others are dismissed', async () => {
      const { client, link, moderator, path, report, reports, suite, tenant } = await setup()
      for (let turn = 0; turn < 22; turn++)
        assert.equal((await report({ link: link.code, reason: 'spam' })).status, 200)
      const open = await reports('&state=open&limit=100')
      assert.equal(open.length, 20)
      const id = String(open[0]?.id)
      const dismissed = await moderator.post(`/api/v1/link-reports/${id}/dismissal`)
      assert.deepEqual([dismissed.status, dismissed.body.state], [200, 'dismissed'])
      await moderator.post(`${path}/takedown`, { reason: 'spam' })
      assert.deepEqual((await moderator.post(`/api/v1/link-reports/${id}/dismissal`)).body, dismissed.body)
      assert.equal((await reports('&state=upheld&limit=100')).length, 19)
      assert.equal((await client.get('/api/v1/link-reports')).status, 403)
      const stranger = suite.as(suite.tenants.neighbour, ...MODERATOR)
      assert.notEqual(tenant.id, suite.tenants.neighbour.id)
      assert.deepEqual((await stranger.get(`/api/v1/link-reports?linkId=${link.id}`)).body.data, [])
      assert.equal((await stranger.post(`/api/v1/link-reports/${id}/dismissal`)).status, 404)
      assert.equal((await stranger.post(`${path}/takedown`, { reason: 'spam' })).status, 404)
    })

    it('a repeated request that finds its key taken takes nobody down who reads the blocked hosts at the same time', async () => {
      const { client, suite, tenant } = await setup()
      const make = (by: typeof client, key?: string) =>
        by.post(
          '/api/v1/links',
          { target: 'https://fine.example/' },
          key === undefined ? {} : { 'idempotency-key': key },
        )
      const known = Array.from({ length: 4 }, () => newId())
      const before = await Promise.all(known.map((key) => make(client, key)))
      // Knows neither the keys nor the hosts yet.
      await using other = await suite.second()
      const keys = [...known, undefined, undefined, undefined, undefined]
      const answers = await Promise.all(keys.map((key) => make(other.as(tenant), key)))
      for (const { body, status } of answers) assert.equal(status, 201, JSON.stringify(body))
      const ids = (made: typeof answers) => made.map(({ body }) => body.id)
      assert.deepEqual(ids(answers.slice(0, known.length)), ids(before))
    })

    it('no link is made or changed to lead to a blocked host, of the installation or of the tenant, in any place of it', async () => {
      const { client, moderator, path, suite, tenant } = await setup()
      const host = `${tenant.slug}.bad.example`
      const blocked = await moderator.post('/api/v1/link-blocked-hosts', { host: host.toUpperCase(), note: 'March' })
      assert.deepEqual([blocked.status, blocked.body.host], [201, host])
      assert.deepEqual(codeOf(await moderator.post('/api/v1/link-blocked-hosts', { host })), [
        409,
        'blocked_host_taken',
      ])
      assert.deepEqual(codeOf(await moderator.post('/api/v1/link-blocked-hosts', { host: 'a/b' })), [
        422,
        'blocked_host_invalid',
      ])
      const fine = 'https://fine.example/'
      for (const bad of [`https://${host}/`, `http://deep.${host}:8080/x`, 'https://www.EVERYWHERE.example./']) {
        const rule = { when: { devices: ['mobile'] }, target: bad }
        for (const body of [
          { target: bad },
          { target: fine, rules: [rule] },
          {
            target: fine,
            split: [
              { target: bad, weight: 1 },
              { target: fine, weight: 1 },
            ],
          },
          { target: fine, card: { title: 'x', image: bad } },
        ]) {
          const made = await client.post('/api/v1/links', body)
          assert.deepEqual(codeOf(made), [422, 'target_refused'], JSON.stringify(made.body))
          assert.equal(made.body.errors[0].code, 'blocked')
          assert.equal((await client.patch(path, body, { 'if-match': '*' })).status, 422)
        }
        const domain = { host: `${tenant.slug}.good.example`, rootTarget: bad }
        assert.deepEqual(codeOf(await client.post('/api/v1/link-domains', domain)), [422, 'target_refused'])
      }
      await using other = await suite.second()
      assert.equal((await other.as(tenant).post('/api/v1/links', { target: `https://${host}/` })).status, 422)
      const stranger = suite.as(suite.tenants.neighbour, ...MODERATOR)
      assert.equal((await stranger.post('/api/v1/links', { target: `https://${host}/` })).status, 201)
      assert.deepEqual((await stranger.get('/api/v1/link-blocked-hosts')).body.data, [])
      assert.equal((await stranger.delete(`/api/v1/link-blocked-hosts/${blocked.body.id}`)).status, 404)
      const listed = await moderator.get('/api/v1/link-blocked-hosts')
      assert.deepEqual(listed.body.data, [blocked.body])
      assert.equal((await moderator.delete(`/api/v1/link-blocked-hosts/${blocked.body.id}`)).status, 204)
      assert.equal((await client.post('/api/v1/links', { target: `https://${host}/` })).status, 201)
      await eventually(
        async () => (await other.as(tenant).post('/api/v1/links', { target: `https://${host}/` })).status === 201,
      )
    })
  },
  { blocklist, domainProof: 'none' },
)
