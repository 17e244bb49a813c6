import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { statement } from '@stoa/db'
import { silentLogger, systemCtx, tenantCtx } from '@stoa/kernel'
import { type LinkFilter, linkPage } from '../src/link-store.ts'
import { startSuite } from './setup.ts'

describe('the plan of a list of links (postgres)', () => {
  it('finds the links of a rare tag by the tag, of a word by the word and of a folder by the folder, under row level security too', async () => {
    await using suite = await startSuite('postgres')
    const { db, clock, tenants } = suite
    const ctx = tenantCtx(systemCtx({ log: silentLogger, clock }, 'test'), tenants.placed)
    const { id: tenantId, schema } = tenants.placed
    await db.transaction(ctx, async (tx) => {
      await tx.run(
        statement<[string], never>(`
          insert into links (tenant_id, id, host, code, target, tags, version, created_at, updated_at, created_by)
          select $1, gen_random_uuid(), '', 'code' || n, 'https://example.com/',
            case when n % 1000 = 0 then array['common', 'rare'] else array['common'] end, 1, now(), now(), 'test:1'
          from generate_series(1, 20000) n`)(tenantId),
      )
      await tx.run(
        statement<[string], never>(
          'insert into link_tags select tenant_id, unnest(tags), id from links where tenant_id = $1',
        )(tenantId),
      )
    })
    await db.transaction(ctx, (tx) =>
      tx.run(
        statement<[string], never>(
          "insert into link_words select tenant_id, 'code' || substr(id::text, 1, 5), id from links where tenant_id = $1",
        )(tenantId),
      ),
    )
    const analysed = ['links', 'link_tags', 'link_words'].map((table) => `analyze ${schema}.${table}`)
    await db.admin((session) => session.exec(analysed.join(';')))
    const plan = async (tags: readonly string[], more: Partial<LinkFilter> = {}) => {
      const filter: LinkFilter = { ...more, tags, sort: 'createdAt', descending: true, limit: 21, now: new Date() }
      const { sql, parameters } = linkPage(tenantId, filter).compile()
      const explain = statement<unknown[], Record<string, string>>(`explain ${sql}`)
      const rows = await db.read(ctx, (tx) => tx.many(explain(...parameters)))
      return rows.flatMap((row) => Object.values(row)).join('\n')
    }
    assert.match(await plan([]), /Index Scan Backward using links_by_creation/)
    const searched = await plan([], { search: 'code0a1' })
    assert.match(searched, /link_words_pkey/)
    assert.match(searched, /Index Cond: .*word >= /)
    assert.doesNotMatch(searched, /links_by_creation|Seq Scan/)
    assert.match(await plan([], { at: { host: null, codes: ['code7'] } }), /links_tenant_id_host_code_key/)
    assert.match(await plan([], { folderId: randomUUID() }), /links_of_folder/)
    for (const tags of [['rare'], ['common', 'rare']]) {
      const text = await plan(tags)
      assert.match(text, /link_tags_pkey/)
      assert.doesNotMatch(text, /links_by_creation|Seq Scan/)
    }
    assert.match(await plan(['common']), /links_by_creation(.|\n)*link_tags_pkey/)
  })
})
