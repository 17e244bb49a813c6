import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createHealth, createMetrics } from '@stoa/telemetry'
import { clickHealth, watchClicks } from '../src/analytics/click-watch.ts'
import type { ClickCounts } from '../src/clicks/clicks.ts'

const none: ClickCounts = { recorded: 0, dropped: 0, waiting: 0, droppedAt: null }

describe('the watch over clicks', () => {
  function setup() {
    const metrics = createMetrics({ process: false })
    const health = createHealth({ cacheMs: 0 })
    const clicks = { counts: none }
    watchClicks({ metrics, health }, clicks, 1_000)
    const value = async (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await metrics.text())?.[1])
    return { clicks, health, value }
  }

  it('counts once what was dropped, however often it is asked', async () => {
    const { clicks, value } = setup()
    assert.equal(await value('stoa_links_clicks_dropped_total'), 0)
    clicks.counts = { ...none, recorded: 5, dropped: 3, waiting: 7, droppedAt: 0 }
    for (let i = 0; i < 2; i++) {
      assert.equal(await value('stoa_links_clicks_dropped_total'), 3)
      assert.equal(await value('stoa_links_clicks_recorded_total'), 5)
      assert.equal(await value('stoa_links_clicks_waiting'), 7)
    }
  })

  it('tells of dropped clicks and does not take the process out of service for them', async () => {
    const { clicks, health } = setup()
    clicks.counts = { ...none, dropped: 3, droppedAt: Date.UTC(2026, 0, 2) }
    const ready = await health.ready()
    assert.equal(ready.ok, true)
    assert.equal(
      ready.checks['links.clicks']?.detail,
      '3 dropped since the start, the last at 2026-01-02T00:00:00.000Z',
    )
  })

  it('tells of clicks that wait when half of the room for them is taken', () => {
    assert.deepEqual(clickHealth({ ...none, waiting: 500 }, 1_000), { ok: true })
    assert.deepEqual(clickHealth({ ...none, waiting: 501 }, 1_000), {
      ok: true,
      detail: '501 of at most 1000 wait to be written',
    })
  })
})
