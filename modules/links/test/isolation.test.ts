import assert from 'node:assert/strict'
import { it } from 'node:test'
import { tenancyProblems } from '@stoa/db'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

describeEverywhere('keeping tenants apart', (place) => {
  async function setup() {
    const { client, suite, tenant } = place()
    const link = await seedLink(client, { target: 'https://example.com/secret', title: 'secret' })
    const strangers = Object.values(suite.tenants)
      .filter((other) => other.id !== tenant.id)
      .map((other) => suite.as(other))
    return { client, suite, tenant, link, strangers }
  }

  it('answers 404 to every other tenant, whatever it tries with the id, and changes nothing', async () => {
    const { client, link, strangers } = await setup()
    const url = `/api/v1/links/${link.id}`
    for (const stranger of strangers) {
      const answers = [
        await stranger.get(url),
        await stranger.get(`${url}/clicks`),
        await stranger.get(`${url}/analytics`),
        await stranger.get(`${url}/qr`),
        await stranger.get(`${url}/analytics/export`),
        await stranger.patch(url, { title: 'mine' }, { 'if-match': '*' }),
        await stranger.post(`${url}/archival`),
        await stranger.delete(`${url}/archival`),
      ]
      for (const answer of answers) {
        assert.equal(answer.status, 404)
        assert.equal(answer.body.code, 'link_not_found')
      }
      assert.ok(
        !(await stranger.get('/api/v1/links?limit=100')).body.data.some((one: { id: string }) => one.id === link.id),
      )
      assert.equal(
        (await stranger.get('/api/v1/links?q=secret')).body.data.filter((one: { id: string }) => one.id === link.id)
          .length,
        0,
      )
    }
    assert.deepEqual((await client.get(url)).body, link)
  })

  it('refuses callers without the permission, and anonymous ones', async () => {
    const { suite, tenant, link } = await setup()
    const url = `/api/v1/links/${link.id}`
    const reader = suite.as(tenant, 'links:read')
    const writer = suite.as(tenant, 'links:write')
    const forbidden = [
      await reader.post('/api/v1/links', { target: 'https://example.com/' }),
      await reader.patch(url, { title: 'x' }, { 'if-match': '*' }),
      await reader.post(`${url}/archival`),
      await reader.delete(`${url}/archival`),
      await writer.get(url),
      await writer.get('/api/v1/links'),
      await writer.get(`${url}/clicks`),
      await writer.get(`${url}/analytics`),
      await writer.get(`${url}/analytics/export`),
      await writer.get('/api/v1/link-analytics'),
    ]
    for (const answer of forbidden) assert.equal(answer.status, 403)
    for (const path of [url, '/api/v1/links', `${url}/clicks`]) assert.equal((await suite.anyone.get(path)).status, 401)
    assert.equal((await suite.anyone.post('/api/v1/links', { target: 'https://example.com/' })).status, 401)
  })

  it('holds in the database: another tenant’s role sees no row and writes none', async () => {
    const { suite, tenant, link } = await setup()
    await suite.db.admin(async (session) => {
      const tables = [
        `${tenant.schema}.links`,
        `${tenant.schema}.link_clicks`,
        `${tenant.schema}.link_click_hours`,
        `${tenant.schema}.link_click_log`,
        `${tenant.schema}.link_click_batches`,
        `${tenant.schema}.link_click_facets`,
        `${tenant.schema}.link_click_visitors`,
        'stoa.link_codes',
        'stoa.link_domains',
      ]
      await session.query(`insert into ${tables[1]} values ($1, now(), $2, $2, false, null)`, [tenant.id, link.id])
      await session.query(`insert into ${tables[2]} values ($1, $2, now(), 1, 0)`, [tenant.id, link.id])
      await session.query(`insert into ${tables[3]} values ($1, now(), $2, $2, false, 1)`, [tenant.id, link.id])
      await session.query(`insert into ${tables[4]} values ($1, 1, now(), now(), 1)`, [tenant.id])
      await session.query(`insert into ${tables[5]} values ($1, $2, 'all', now(), '', 1, 0, 0)`, [tenant.id, link.id])
      await session.query(`insert into ${tables[6]} values ($1, now(), $2, 1)`, [tenant.id, link.id])
      await session.query(`insert into ${tables[8]} values ($1, $2, $3, null, null, null, 1, now(), now(), 'test')`, [
        tenant.id,
        link.id,
        `${tenant.slug}.example.com`,
      ])
      for (const table of tables) {
        const counts: number[] = []
        for (const id of [tenant.id, suite.tenants.neighbour.id]) {
          await session.exec(`begin; set local role stoa_app; set local stoa.tenant = '${id}'`)
          const [row] = await session.query<{ n: number }>(`select count(*) as n from ${table} where tenant_id = $1`, [
            tenant.id,
          ])
          await session.exec('rollback')
          counts.push(row?.n ?? -1)
        }
        assert.ok((counts[0] ?? 0) > 0, `${table}: its own rows`)
        assert.equal(counts[1], 0, `${table}: a stranger’s`)
        await session.exec(`begin; set local role stoa_app; set local stoa.tenant = '${suite.tenants.neighbour.id}'`)
        await assert.rejects(
          session.exec(
            `insert into ${table} select * from jsonb_populate_record(null::${table}, '{"tenant_id":"${tenant.id}"}')`,
          ),
          /row-level security/,
        )
        await session.exec('rollback')
      }
    })
  })

  it('is true of every table of the room; only that a code or a host is taken is known to all of them', async () => {
    const problems = await place().suite.db.admin((session) => tenancyProblems(session, new Map()))
    assert.deepEqual(
      problems.filter((problem) => problem.includes('link')),
      [
        'stoa.link_codes has the unique key link_codes_pkey, which does not begin with tenant_id',
        'stoa.link_domains has the unique key link_domains_verified, which does not begin with tenant_id',
        'stoa.link_orphans has no tenant_id and is not on the list of tables without one',
        'stoa.link_visitor_salts has no tenant_id and is not on the list of tables without one',
      ],
    )
  })
})
