import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { type Fetcher, OutboundError, type OutboundFault } from '@stoa/outbound'
import type { RunningJob } from '@stoa/queue'
import { testCtx } from '@stoa/testkit'
import { Blocklist } from '../src/safety/blocklist.ts'
import { checkTarget } from '../src/targets/target-check.ts'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

/** What each address answers. */
const web: Readonly<
  Record<string, { status?: number; url?: string; redirects?: string[]; html?: string; fault?: OutboundFault }>
> = {
  'https://good.example/': { html: '<title>Good &amp; well</title>' },
  'https://shown.example/': {
    html: '<meta property="og:title" content="Shown"><meta name=description content="As it is"><meta property="og:image" content="/p.png">',
  },
  'https://lure.example/': {
    html: '<title>Lure</title><meta property="og:image" content="http://169.254.169.254/p.png">',
  },
  'https://gone.example/': { status: 404 },
  'https://shy.example/': { status: 403 },
  'https://moved.example/': { url: 'https://parked.example/', redirects: ['https://parked.example/'] },
  'https://plain.example/': { url: 'https://www.plain.example/', redirects: ['https://www.plain.example/'] },
  'https://trick.example/': { fault: 'private' },
  'https://dead.example/': { fault: 'name' },
  'https://past.example/': {
    url: 'https://past.example/2',
    redirects: ['https://bad.example/', 'https://past.example/2'],
  },
}

const fetcher: Fetcher = async (url) => {
  const { fault, html = '', redirects = [], status = 200, url: at = url } = web[url] ?? { status: 500 }
  if (fault) throw new OutboundError(fault, url, 'no')
  return {
    status,
    url: at,
    address: '',
    headers: { 'content-type': 'text/html' },
    body: Buffer.from(html),
    truncated: false,
    redirects,
  }
}

const blocklist = new Blocklist('# remark\n0.0.0.0 bad.example\n*.worse.example # two\n||ads.example^\n\nlocalhost\n')
const isBlocked = (host: string) => blocklist.has(host)

describeEverywhere(
  'a check of links',
  (place) => {
    async function run(input: object) {
      const { suite, tenant } = place()
      const signal = new AbortController().signal
      const job = { id: newId(), attempt: 1, signal, progress: () => undefined } as Partial<RunningJob> as RunningJob
      const ctx = testCtx({ tenant, permissions: new Set(['links:read', 'links:write']) })
      return (await suite.job('links.check').run?.(ctx, input, job)) as {
        checked: number
        titled: number
        carded: number
        counts: Record<string, number>
        findings: {
          linkId: string
          outcome: string
          status: number | null
          fault: string | null
          host: string | null
        }[]
      }
    }

    it('tells which are broken, moved or private, and gives titles to those without', async () => {
      const { client } = place()
      const ids: string[] = []
      for (const target of Object.keys(web)) ids.push((await seedLink(client, { target })).id)
      const named = await seedLink(client, { target: 'https://good.example/', title: 'Mine' })
      const { checked, counts, findings, titled } = await run({ ids: [...ids, named.id, newId()], titles: true })
      assert.equal(checked, 11)
      assert.deepEqual(counts, { ok: 7, moved: 1, broken: 2, private: 1, blocked: 0 })
      assert.deepEqual(findings.map(({ fault, host, outcome, status }) => [outcome, status ?? fault, host]).sort(), [
        ['broken', 404, 'gone.example'],
        ['broken', 'name', 'dead.example'],
        ['moved', 200, 'parked.example'],
        ['private', 'private', 'trick.example'],
      ])
      assert.equal(titled, 3)
      assert.equal((await client.get(`/api/v1/links/${ids[0]}`)).body.title, 'Good & well')
      assert.equal((await client.get(`/api/v1/links/${named.id}`)).body.title, 'Mine')
    })

    it('gives links without a card what their page says of itself, but for a picture where no link may lead', async () => {
      const { client } = place()
      const card = { title: 'Mine' }
      const made = [
        await seedLink(client, { target: 'https://shown.example/', title: 'Kept' }),
        await seedLink(client, { target: 'https://lure.example/' }),
        await seedLink(client, { target: 'https://shown.example/', card }),
        await seedLink(client, { target: 'https://gone.example/' }),
      ]
      const { carded, titled } = await run({ ids: made.map(({ id }) => id), cards: true, titles: true })
      assert.deepEqual([carded, titled], [2, 2])
      const shown = await Promise.all(made.map(async ({ id }) => (await client.get(`/api/v1/links/${id}`)).body))
      assert.deepEqual(
        shown.map((link) => [link.title, link.card]),
        [
          ['Kept', { title: 'Shown', description: 'As it is', image: 'https://shown.example/p.png' }],
          ['Lure', { title: 'Lure' }],
          ['Shown', card],
          [null, null],
        ],
      )
    })

    it('looks at all that are active when none is named, and at no link of others', async () => {
      const { client, suite, tenant } = place()
      const archived = await seedLink(client, { target: 'https://gone.example/' })
      await client.post(`/api/v1/links/${archived.id}/archival`)
      for (const other of Object.values(suite.tenants).filter(({ id }) => id !== tenant.id)) {
        await seedLink(suite.as(other), { target: 'https://trick.example/', title: 'theirs' })
      }
      const { body } = await client.get('/api/v1/links?status=active&limit=100')
      const { checked, findings } = await run({})
      assert.equal(checked, body.data.length)
      const own = new Set(body.data.map(({ id }: { id: string }) => id))
      assert.ok(findings.every(({ linkId }) => own.has(linkId)))
    })

    it('knows hosts on the list, those below them, and those on the way', async () => {
      const { signal } = new AbortController()
      const outcome = async (target: string) => (await checkTarget(fetcher, isBlocked, target, signal)).outcome
      assert.equal(blocklist.size, 3)
      for (const target of [
        'https://bad.example/',
        'https://deep.BAD.example/x',
        'https://x.worse.example/',
        'https://ads.example/',
      ]) {
        assert.equal(await outcome(target), 'blocked')
      }
      assert.equal(await outcome('https://past.example/'), 'blocked')
      assert.equal(await outcome('https://notbad.example/'), 'broken')
      assert.equal(await outcome('https://good.example/'), 'ok')
    })
  },
  { fetcher },
)
