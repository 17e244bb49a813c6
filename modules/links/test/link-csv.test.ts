import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { newId } from '@stoa/kernel'
import type { RunningJob } from '@stoa/queue'
import { testCtx } from '@stoa/testkit'
import fc from 'fast-check'
import { csvLine, csvRows } from '../src/bulk/csv.ts'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

describe('comma-separated values', () => {
  it('come back as they went out, but for the apostrophe before what is no formula then', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', "'", '=', ' ', '|', '-', '€') })
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 5 }), (rows) => {
        const read = csvRows(rows.map(csvLine).join('')).map(({ cells }) =>
          cells.map((one) => one.replace(/^'(?=[=\-\r\n])/, '')),
        )
        assert.deepEqual(
          read,
          rows.map((cells) => cells.map((one) => one.replace(/^'(?=[=\-\r\n])/, ''))),
        )
      }),
    )
  })

  it('never begin a cell as a formula', () => {
    for (const evil of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1']) {
      assert.match(csvLine([evil]), /^"?'/)
    }
    assert.equal(csvLine([-1, null, true]), '-1,,true\r\n')
  })

  it('are read whatever ends the lines, and refused when a quote is out of place', () => {
    assert.deepEqual(
      csvRows('\uFEFFa,b\n1,"2\n3"\r\n\r\n4,').map(({ cells, line }) => [line, ...cells]),
      [
        [1, 'a', 'b'],
        [2, '1', '2\n3'],
        [5, '4', ''],
      ],
    )
    for (const wrong of ['a"b', '"a', '"a"b,c', 'a,"']) assert.throws(() => csvRows(wrong), SyntaxError)
    assert.deepEqual(csvRows(''), [])
  })
})

describeEverywhere('links as a file', (place) => {
  async function imported(csv: string, dryRun = false) {
    const { suite, tenant } = place()
    const told: number[] = []
    const job = {
      id: newId(),
      attempt: 1,
      signal: new AbortController().signal,
      progress: (fraction: number) => void told.push(fraction),
    } as Partial<RunningJob> as RunningJob
    const ctx = testCtx({ tenant, permissions: new Set(['links:write']) })
    const result = (await suite.job('links.import_csv').run?.(ctx, { csv, dryRun }, job)) as {
      created: number
      accepted: number
      refused: number
      faults: { line: number; code: string; message: string }[]
    }
    return { ...result, told }
  }

  it('are made of lines; what is refused is told with its line', async () => {
    const { client } = place()
    const tag = randomUUID()
    const slug = `s-${tag}`
    const csv = [
      'target,slug,title,tags,maxVisits,redirectStatus,forwardQuery',
      `https://example.com/1,${slug},"A, ""b""\nc",${tag}|two,5,301,TRUE`,
      `http://10.0.0.1/,,,${tag},,,`,
      `https://example.com/2,${slug},,${tag},,,`,
      `https://example.com/3,,,${tag},many,,`,
      `,,,${tag},,,`,
      `https://example.com/4,,,${tag},,,,more`,
      `https://example.com/5,,,${tag},,,`,
    ].join('\r\n')
    const dry = await imported(csv, true)
    assert.deepEqual((await client.get(`/api/v1/links?tag=${tag}`)).body.data, [])
    const { accepted, created, faults, refused, told } = await imported(csv)
    assert.deepEqual([created, accepted, refused], [2, 2, 5])
    assert.deepEqual([dry.created, dry.accepted, dry.refused], [0, 2, 5])
    const codes = [
      [4, 'target_refused'],
      [5, 'slug_taken'],
      [6, 'validation_failed'],
      [7, 'validation_failed'],
      [8, 'validation_failed'],
    ]
    assert.deepEqual(
      faults.map(({ code, line }) => [line, code]),
      codes,
    )
    assert.deepEqual(
      dry.faults.map(({ code, line }) => [line, code]),
      codes,
    )
    assert.deepEqual(told, [1])
    const { data } = (await client.get(`/api/v1/links?tag=${tag}&sort=createdAt`)).body
    const made = data.find((link: { code: string }) => link.code === slug)
    assert.equal(made.title, 'A, "b"\nc')
    assert.deepEqual([made.maxVisits, made.redirectStatus, made.forwardQuery], [5, 301, true])
    assert.deepEqual([...made.tags].sort(), [tag, 'two'].sort())
  })

  it('cannot be read when columns are unknown, doubled or missing', async () => {
    for (const csv of ['url\nhttps://example.com/', 'target,target\na,b', 'slug\nx', '"target\n', '=1+1\n']) {
      await assert.rejects(imported(csv), { code: 'job_input_invalid' })
    }
  })

  it('go out by the hundred, in their order, and can come in again', async () => {
    const { client, suite, tenant } = place()
    const tag = randomUUID()
    const links = Array.from({ length: 620 }, (_, n) => ({
      target: `https://example.com/${n}`,
      title: n === 0 ? '=cmd|calc' : `Number ${n}`,
      tags: [tag, 'b'],
    }))
    const made = await client.post('/api/v1/links/bulk', { links })
    assert.equal(made.body.done, 620)
    const answer = await client.get(`/api/v1/links/export?tag=${tag}`)
    assert.equal(answer.status, 200)
    assert.match(String(answer.headers.get('content-type')), /^text\/csv/)
    const [head, ...rows] = csvRows(String(answer.body))
    const column = (name: string) => head?.cells.indexOf(name) ?? -1
    assert.equal(rows.length, 620)
    assert.deepEqual(
      rows.map(({ cells }) => cells[column('id')]),
      made.body.results.map(({ link }: { link: { id: string } }) => link.id),
    )
    assert.equal(rows[0]?.cells[column('title')], "'=cmd|calc")
    const { created, faults } = await imported(String(answer.body))
    assert.deepEqual(faults, [])
    assert.equal(created, 620)
    const again = (await client.get(`/api/v1/links?q=cmd&tag=${tag}`)).body.data
    assert.deepEqual(
      again.map(({ title }: { title: string }) => title),
      ['=cmd|calc', '=cmd|calc'],
    )
    assert.equal((await suite.as(tenant, 'links:write').get('/api/v1/links/export')).status, 403)
    assert.equal((await suite.anyone.get('/api/v1/links/export')).status, 401)
  })

  it('of others do not go out', async () => {
    const { client, suite, tenant } = place()
    const link = await seedLink(client)
    for (const other of Object.values(suite.tenants).filter(({ id }) => id !== tenant.id)) {
      assert.ok(!String((await suite.as(other).get('/api/v1/links/export')).body).includes(link.id))
    }
  })
})
