import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newId, silentLogger, systemCtx, tenantCtx } from '@stoa/kernel'
import type { RunningJob } from '@stoa/queue'
import { eventually } from '@stoa/testkit'
import fc from 'fast-check'
import { foldBatches } from '../src/analytics/click-fold-store.ts'
import { seedLink } from '../src/testing.ts'
import { FIREFOX, GOOGLEBOT, IPHONE, type WantedClick, writeClicks } from './click-supply.ts'
import { describeEverywhere } from './setup.ts'

interface Count {
  clicks: number
  bots: number
  visitors: number
}
const DAY_MS = 86_400_000

describeEverywhere('analytics of clicks', (place) => {
  async function setup() {
    const { client, suite, tenant } = place()
    const link = await seedLink(client)
    const write = (clicks: readonly WantedClick[]) => writeClicks(suite, tenant, link.id, clicks)
    const ask = async (query = '', path = `/api/v1/links/${link.id}/analytics`) => {
      const answer = await client.get(`${path}?${query}`)
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
      return answer.body
    }
    const ctx = tenantCtx(systemCtx({ log: silentLogger, clock: suite.clock }, 'test'), tenant)
    const fold = async (most = 1) => suite.db.transaction(ctx, (tx) => foldBatches(tx, tenant.id, most))
    /** The job, as a worker runs it. */
    const foldAll = async () => {
      const job = { signal: new AbortController().signal } as Partial<RunningJob> as RunningJob
      await suite.job('links.fold_clicks').run?.(ctx, { hour: 1 }, job)
    }
    return { ask, client, ctx, fold, foldAll, link, suite, tenant, write, now: suite.clock.now() }
  }

  /** Clicks of people and programs; both before and after they are folded. */
  async function story() {
    const all = await setup()
    const at = all.now
    const mumbai = { at, address: '198.51.100.1', language: 'hi', referrerHost: 'news.example' }
    await all.write([
      { ...mumbai },
      { ...mumbai },
      { at, address: '198.51.100.2', agent: IPHONE, language: 'kn' },
      { at, address: '198.51.100.3', language: 'de', referrerHost: 'news.example' },
      { at, address: '198.51.100.9', language: 'en' },
      { at, address: '198.51.100.3', agent: GOOGLEBOT },
      { at, address: null, agent: IPHONE },
    ])
    return all
  }

  const breakdownOf = (body: { breakdowns: { by: string; values: (Count & { value: string })[] }[] }, by: string) => {
    const found = body.breakdowns.find((one) => one.by === by) as never as {
      values: (Count & { value: string })[]
      other: Count
      unknown: Count
    }
    const values = Object.fromEntries(
      found.values.map(({ value, ...count }) => [value, [count.clicks, count.bots, count.visitors]]),
    )
    return { ...found, values }
  }

  it('tells what clicks have in common, before they are folded as after it', async () => {
    const { ask, foldAll } = await story()
    const query = ['country', 'city', 'region', 'device', 'browser', 'os', 'language', 'referrer', 'bot']
      .map((by) => `by=${by}`)
      .join('&')
    const before = await ask(query)
    await foldAll()
    const after = await ask(query)
    assert.deepEqual(after, { ...before, to: after.to })
    assert.deepEqual(before.total, { clicks: 6, bots: 1, visitors: 4 })
    assert.deepEqual(breakdownOf(before, 'country').values, { IN: [3, 0, 2], DE: [1, 1, 1] })
    assert.deepEqual(breakdownOf(before, 'country').unknown, { clicks: 2, bots: 0, visitors: 1 })
    assert.deepEqual(breakdownOf(before, 'city').values, {
      'Mumbai, IN': [2, 0, 1],
      'Berlin, DE': [1, 1, 1],
      'Bengaluru, IN': [1, 0, 1],
    })
    assert.deepEqual(breakdownOf(before, 'device').values, { desktop: [4, 0, 3], mobile: [1, 0, 1] })
    assert.deepEqual(breakdownOf(before, 'browser').values, { firefox: [4, 0, 3], safari: [1, 0, 1] })
    assert.deepEqual(breakdownOf(before, 'os').values, { linux: [4, 0, 3], ios: [1, 0, 1] })
    assert.deepEqual(breakdownOf(before, 'referrer').values, { 'news.example': [3, 0, 2] })
    assert.deepEqual(breakdownOf(before, 'bot').values, { search: [0, 1, 0] })
    assert.deepEqual(breakdownOf(before, 'language').values, {
      hi: [2, 0, 1],
      de: [1, 0, 1],
      en: [1, 0, 1],
      kn: [1, 0, 1],
    })
  })

  it('counts a visitor once a day, however often he comes and whenever it is folded', async () => {
    const { ask, foldAll, now, write } = await setup()
    const visit = { at: now, address: '198.51.100.1' }
    await write([visit, visit])
    await foldAll()
    await write([visit, { ...visit, agent: IPHONE }])
    assert.equal((await ask()).total.visitors, 2)
    await write([visit])
    await foldAll()
    assert.deepEqual((await ask()).total, { clicks: 5, bots: 0, visitors: 2 })
    await write([{ ...visit, at: now - DAY_MS }])
    assert.deepEqual((await ask()).total, { clicks: 6, bots: 0, visitors: 3 })
  })

  it('keeps nothing of who asks not to be followed but that he came', async () => {
    const { ask, link, suite, tenant } = await setup()
    const asking = { 'user-agent': FIREFOX, 'accept-language': 'de', referer: 'https://news.example/' }
    for (const header of [{ dnt: '1' }, { 'sec-gpc': '1' }]) {
      await suite.anyone.send('GET', `/l/${link.code}`, { headers: { ...asking, ...header } })
    }
    await eventually(async () => (await ask()).total.clicks === 2)
    const { total } = await ask()
    assert.equal(total.visitors, 0)
    const rows = await suite.db.admin((session) =>
      session.query(`select referrer_host, profile, visitor from ${tenant.schema}.link_click_log where link_id = $1`, [
        link.id,
      ]),
    )
    const nothing = { referrerHost: null, profile: null, visitor: null }
    assert.deepEqual(rows, [nothing, nothing])
  })

  it('has hours, days, weeks and months of a time zone, over the change of its clocks too', async () => {
    const { ask, write } = await setup()
    // Midnight in Kolkata, at half past six in the evening by UTC, on the first of May 2026, a Friday.
    const midnight = Date.parse('2026-04-30T18:30:00Z')
    await write([{ at: midnight - 1 }, { at: midnight }, { at: midnight + 1_800_000 }])
    const window = 'from=2026-04-30T00:00:00Z&to=2026-05-02T00:00:00Z'
    const series = async (interval: string, timeZone: string) =>
      (await ask(`${window}&interval=${interval}&timeZone=${timeZone}`)).series
        .filter(({ clicks }: Count) => clicks > 0)
        .map(({ at, clicks }: Count & { at: string }) => [at, clicks])
    assert.deepEqual(await series('day', 'Asia/Kolkata'), [
      ['2026-04-29T18:30:00.000Z', 1],
      ['2026-04-30T18:30:00.000Z', 2],
    ])
    assert.deepEqual(await series('hour', 'Asia/Kolkata'), [
      ['2026-04-30T17:30:00.000Z', 1],
      ['2026-04-30T18:30:00.000Z', 2],
    ])
    assert.deepEqual(await series('month', 'Asia/Kolkata'), [
      ['2026-03-31T18:30:00.000Z', 1],
      ['2026-04-30T18:30:00.000Z', 2],
    ])
    assert.deepEqual(await series('week', 'Asia/Kolkata'), [['2026-04-26T18:30:00.000Z', 3]])
    assert.deepEqual(await series('day', 'UTC'), [['2026-04-30T00:00:00.000Z', 3]])
    const change = await ask('from=2026-03-28T12:00:00Z&to=2026-03-30T12:00:00Z&timeZone=Europe/Berlin')
    assert.deepEqual(
      change.series.map(({ at }: { at: string }) => at),
      ['2026-03-27T23:00:00.000Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    )
    assert.equal(change.to, '2026-03-30T22:00:00.000Z')
  })

  it('gives the most frequent values, and the others as one', async () => {
    const { ask, foldAll, now, write } = await setup()
    await write(
      ['a', 'b', 'b', 'c', 'c', 'c', 'd'].map((name) => ({ at: now, referrerHost: `${name}.example`, address: '::1' })),
    )
    const check = async () => {
      const { other, unknown, values } = breakdownOf(await ask('by=referrer&top=2'), 'referrer')
      assert.deepEqual(
        Object.entries(values).map(([value, [clicks]]) => [value, clicks]),
        [
          ['c.example', 3],
          ['b.example', 2],
        ],
      )
      assert.deepEqual([other.clicks, unknown.clicks], [2, 0])
    }
    await check()
    await foldAll()
    await check()
  })

  it('adds up: whatever was written and however much of it is folded, all parts are the rows', async () => {
    const { ask, fold, link, now, suite, tenant, write } = await setup()
    const click = fc.record({
      at: fc.integer({ min: now - 3 * DAY_MS, max: now }),
      agent: fc.constantFrom(FIREFOX, IPHONE, GOOGLEBOT, '', 'curl/8.0'),
      address: fc.constantFrom(null, '198.51.100.1', '198.51.100.2', '198.51.100.3', '2001:db8::1', 'nonsense'),
      language: fc.constantFrom(null, 'de', 'hi'),
      referrerHost: fc.constantFrom(null, 'a.example', 'b.example'),
    })
    const steps = fc.array(fc.oneof(fc.array(click, { minLength: 1, maxLength: 20 }), fc.constant('fold' as const)), {
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        for (const step of all) await (step === 'fold' ? fold() : write(step))
        const zone = ['UTC', 'Asia/Kolkata', 'America/New_York'][all.length % 3]
        const body = await ask(
          `from=${new Date(now - 4 * DAY_MS).toISOString()}&timeZone=${zone}&by=country&by=browser&by=referrer&by=bot&top=1`,
        )
        const [raw] = await suite.db.admin((session) =>
          session.query<{ clicks: number; bots: number }>(
            `select count(*) filter (where not bot) as clicks, count(*) filter (where bot) as bots from ${tenant.schema}.link_click_log where link_id = $1`,
            [link.id],
          ),
        )
        assert.deepEqual({ clicks: body.total.clicks, bots: body.total.bots }, { ...raw })
        assert.deepEqual(sum(body.series), body.total)
        for (const { other, unknown, values } of body.breakdowns)
          assert.deepEqual(sum([...values, other, unknown]), body.total)
      }),
      { numRuns: 12 },
    )
  })

  it('shows all links of the tenant, and which were followed most', async () => {
    const { ask, client, foldAll, link, now, suite, tenant, write } = await setup()
    const other = await seedLink(client)
    const at = now - 500 * DAY_MS
    await write([{ at }, { at, agent: GOOGLEBOT }])
    await writeClicks(suite, tenant, other.id, [{ at, address: '198.51.100.1' }, { at }, { at }])
    const query = `from=${new Date(at - 1).toISOString()}&to=${new Date(at + 1).toISOString()}&interval=hour&by=link&by=country`
    const mine = (body: never) =>
      Object.entries(breakdownOf(body, 'link').values).filter(([id]) => id === link.id || id === other.id)
    const before = await ask(query, '/api/v1/link-analytics')
    assert.deepEqual(mine(before as never), [
      [other.id, [3, 0, 0]],
      [link.id, [1, 1, 0]],
    ])
    await foldAll()
    assert.deepEqual(await ask(query, '/api/v1/link-analytics'), before)
  })

  it('is to be had as CSV, in which nothing is a formula', async () => {
    const { client, link, now, suite, tenant } = await setup()
    await writeClicks(suite, tenant, link.id, [{ at: now, referrerHost: '=cmd' }])
    const get = (query: string) => client.get(`/api/v1/links/${link.id}/analytics/export?${query}`)
    const series = await get('interval=hour')
    assert.match(String(series.headers.get('content-type')), /^text\/csv/)
    assert.match(String(series.body), /^at,clicks,bots,visitors\r\n(.*,0,0,0\r\n)*.*,1,0,0\r\n$/)
    assert.match(String((await get('by=referrer')).body), /\r\nreferrer,'=cmd,1,0,0\r\n/)
  })

  const refused: [query: string, code: string][] = [
    ['interval=minute', 'validation_failed'],
    ['timeZone=Mars/Olympus', 'validation_failed'],
    ['timeZone=%2B05:30', 'validation_failed'],
    ["timeZone='; drop table links; --", 'validation_failed'],
    ['by=address', 'validation_failed'],
    ['by=link', 'validation_failed'],
    ['top=0', 'validation_failed'],
    ['top=101', 'validation_failed'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'validation_failed'],
    ['from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'validation_failed'],
    ['from=1990-01-01T00:00:00Z', 'series_too_long'],
    ['interval=hour&from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z', 'series_too_long'],
  ]
  for (const [query, code] of refused) {
    it(`refuses ?${query}: ${code}`, async () => {
      const { client, link } = await setup()
      const answer = await client.get(`/api/v1/links/${link.id}/analytics?${query}`)
      assert.equal(answer.status, 422)
      assert.equal(answer.body.code, code)
    })
  }

  it('knows nothing of a link that is nobody’s', async () => {
    const { client } = await setup()
    assert.equal((await client.get(`/api/v1/links/${newId()}/analytics`)).body.code, 'link_not_found')
  })
})

function sum(counts: readonly Count[]): Count {
  return counts.reduce(
    (a, b) => ({ clicks: a.clicks + b.clicks, bots: a.bots + b.bots, visitors: a.visitors + b.visitors }),
    { clicks: 0, bots: 0, visitors: 0 },
  )
}
