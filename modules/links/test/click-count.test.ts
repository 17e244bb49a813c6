import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seedLink } from '../src/testing.ts'
import { browser, describeEverywhere } from './setup.ts'

describeEverywhere('counting clicks', (place) => {
  async function setup() {
    const { client, suite, tenant } = place()
    const link = await seedLink(client)
    const follow = (headers: Record<string, string> = browser, method = 'GET') =>
      suite.anyone.send(method, `/l/${link.code}`, { headers })
    const writes = (count: number) =>
      suite.events((event) => event.type === 'clicks.recorded' && event.tenantId === tenant.id, count)
    const earlier = (await writes(0)).length
    /** Waits until so many visits have been written since the set-up; gives the events that told of it. */
    const written = async (visits: number) => {
      for (let count = earlier + 1; ; count++) {
        const events = (await writes(count)).slice(earlier)
        const sum = events.reduce((total, { data }) => total + Number(data.clicks) + Number(data.bots), 0)
        if (sum >= visits) return events
      }
    }
    const clicks = async (query = '') => (await client.get(`/api/v1/links/${link.id}/clicks${query}`)).body
    return { client, suite, link, follow, written, clicks }
  }

  it('starts at zero with a point for each of the last 24 hours', async () => {
    const { clicks, link } = await setup()
    const report = await clicks()
    assert.equal(report.linkId, link.id)
    assert.deepEqual(report.total, { clicks: 0, bots: 0 })
    assert.equal(report.unit, 'hour')
    assert.equal(report.series.length, 24)
    assert.ok(report.series.every((point: { clicks: number; bots: number }) => point.clicks + point.bots === 0))
    assert.equal(report.series[0].at, report.from)
  })

  it('counts each visit once, programs apart, and neither HEAD nor prefetches', async () => {
    const { client, follow, link, written, clicks } = await setup()
    const { code } = await seedLink(client)
    const listed = async (query: string) => {
      const lists = await Promise.all(
        [link.code, code].map((one) => client.get(`/api/v1/links?shortUrl=${one}${query}`)),
      )
      return lists.map(({ body }) => body.data[0].total)
    }
    for (let i = 0; i < 3; i++) await follow()
    await follow({ 'user-agent': 'Googlebot/2.1' })
    await follow({ 'user-agent': '' })
    await follow(browser, 'HEAD')
    await follow({ ...browser, 'sec-purpose': 'prefetch;prerender' })
    await follow({ ...browser, purpose: 'prefetch' })
    await follow({ ...browser, referer: 'https://news.example/x' })
    await written(6)
    const report = await clicks()
    assert.deepEqual(report.total, { clicks: 4, bots: 2 })
    assert.deepEqual(await listed('&counts=true'), [report.total, { clicks: 0, bots: 0 }])
    for (const query of ['', '&counts=false']) assert.deepEqual(await listed(query), [undefined, undefined])
    const last = report.series.at(-1)
    const previous = report.series.at(-2)
    assert.deepEqual([last.clicks + previous.clicks, last.bots + previous.bots], [4, 2])
  })

  it('counts what many send at once exactly, and writes it in few transactions', async () => {
    const { follow, written, clicks } = await setup()
    const begun = performance.now()
    await Promise.all(Array.from({ length: 200 }, () => follow()))
    const events = await written(200)
    // A write begins 250 ms after the first click that waits for it, so there are no more of them than such whiles.
    const most = Math.ceil((performance.now() - begun) / 250) + 1
    assert.ok(events.length <= most, `${events.length} writes in ${most} quarters of a second`)
    assert.deepEqual((await clicks()).total, { clicks: 200, bots: 0 })
  })

  it('does not count visits of what is gone', async () => {
    const { client, link, follow, written, clicks } = await setup()
    await follow()
    await client.post(`/api/v1/links/${link.id}/archival`)
    assert.equal((await follow()).status, 410)
    await client.delete(`/api/v1/links/${link.id}/archival`)
    await follow()
    await written(2)
    assert.equal((await clicks()).total.clicks, 2)
  })

  it('puts visits into the hour and the day in which they were', async () => {
    const { suite, follow, written, clicks } = await setup()
    // In the middle of an hour, so that none of what follows falls into the next one.
    suite.clock.advance(5_400_000 - (suite.clock.now() % 3_600_000))
    await follow()
    suite.clock.advance(3_600_000)
    await follow()
    await follow()
    await written(3)
    const now = suite.clock.now()
    const hours = (await clicks()).series.slice(-2).map((point: { clicks: number }) => point.clicks)
    assert.deepEqual(hours, [1, 2])
    const from = new Date(now - 2 * 86_400_000).toISOString()
    const days = await clicks(`?unit=day&from=${from}`)
    assert.equal(days.series.length, 3)
    assert.equal(
      days.series.reduce((sum: number, point: { clicks: number }) => sum + point.clicks, 0),
      3,
    )
    const past = await clicks(`?from=2020-01-01T00:30:00Z&to=2020-01-01T01:30:00%2B00:00`)
    assert.deepEqual(
      past.series.map((point: { at: string }) => point.at),
      ['2020-01-01T00:00:00.000Z', '2020-01-01T01:00:00.000Z'],
    )
    assert.equal(past.total.clicks, 3)
  })

  it('agrees with the rows of the single visits, which hold neither address nor user agent', async () => {
    const { suite, link, follow, written, clicks } = await setup()
    for (let i = 0; i < 5; i++) await follow({ ...browser, referer: 'https://news.example/a?user=1' })
    await written(5)
    const { schema } = place().tenant
    const rows = await suite.db.admin((session) =>
      session.query(
        `select tenant_id, at, id, link_id, bot, batch, visitor::text as visitor, referrer_host, profile from ${schema}.link_click_log where link_id = $1`,
        [link.id],
      ),
    )
    assert.equal(rows.length, (await clicks()).total.clicks)
    for (const row of rows) {
      const { at, batch, bot, id, linkId, profile, referrerHost, tenantId, visitor, ...others } = row
      assert.deepEqual(others, {})
      assert.equal(referrerHost, 'news.example')
      assert.equal(profile, '\n\n\ndesktop\nfirefox\nlinux\n\n')
      assert.equal(visitor, rows[0]?.visitor)
    }
  })

  it('writes what waits before the process ends', async () => {
    const { suite, link, clicks } = await setup()
    {
      await using other = await suite.second()
      for (let i = 0; i < 10; i++) await other.anyone.get(`/l/${link.code}`, browser)
    }
    assert.equal((await clicks()).total.clicks, 10)
  })

  it('shows in the metrics what was written', async () => {
    const { suite, follow, written } = await setup()
    await follow()
    await written(1)
    const text = await suite.metrics.text()
    assert.match(text, /^stoa_links_clicks_recorded_total [1-9]/m)
    assert.match(text, /^stoa_links_clicks_dropped_total 0$/m)
    const { checks } = await suite.health.ready()
    assert.equal(checks['links.clicks']?.ok, true)
    assert.equal(checks['links.clicks']?.detail, undefined)
  })

  const refused: [query: string, code: string][] = [
    ['unit=minute', 'validation_failed'],
    ['from=x', 'validation_failed'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'validation_failed'],
    ['from=2020-01-01T00:00:00Z', 'series_too_long'],
    ['unit=day&from=2000-01-01T00:00:00Z', 'series_too_long'],
  ]
  for (const [query, code] of refused) {
    it(`refuses ?${query}: ${code}`, async () => {
      const { client, link } = await setup()
      const answer = await client.get(`/api/v1/links/${link.id}/clicks?${query}`)
      assert.equal(answer.status, 422)
      assert.equal(answer.body.code, code)
    })
  }
})
