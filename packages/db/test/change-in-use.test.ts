import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engines, openTestDatabase } from '@stoa/testkit'
import { changeInUse } from '../src/index.ts'

const TABLES = `create schema shop;
create table shop.sales (day int not null) partition by list (day);
create table shop.sales_default partition of shop.sales default;
insert into shop.sales values (1)`
const partition = (day: number) => `create table shop.sales_${day} (like shop.sales);
alter table shop.sales attach partition shop.sales_${day} for values in (${day});`

for (const engine of engines) {
  describe(`a change of a table in use on ${engine}`, () => {
    it('is made as a whole, or says why there is nothing to do', async () => {
      await using database = await openTestDatabase(engine, { sets: [], name: 'in_use' })
      await database.db.admin(async (session) => {
        await session.exec(TABLES)
        const change = (sql: string) => changeInUse(session, 'shop.sales', sql)
        assert.equal(await change(partition(2)), 'done')
        assert.equal(await change(partition(2)), 'exists')
        assert.equal(await change(partition(1)), 'violated')
        assert.equal(await change('drop table shop.sales_1;'), 'missing', 'nothing is left of what did not fit')
        assert.equal(await change('drop table shop.sales_2;'), 'done')
        await assert.rejects(change('drop table shop.sales_default, nonsense'), /syntax error|does not exist/)
        assert.equal(await change(partition(3)), 'done', 'and the session is good after all of that')
      })
    })
  })
}

describe('a change of a table in use (postgres)', () => {
  it('gives way to who has it, and comes through when it is free', async () => {
    await using database = await openTestDatabase('postgres', { sets: [], name: 'in_use' })
    await database.db.admin(async (session) => {
      await session.exec(TABLES)
      await database.db.admin(async (holder) => {
        await holder.exec('begin; lock table shop.sales in access share mode')
        const ended = AbortSignal.abort()
        assert.equal(await changeInUse(session, 'shop.sales', 'drop table shop.sales;', ended), 'locked')
        const change = changeInUse(session, 'shop.sales', 'drop table shop.sales;')
        await holder.exec('commit')
        assert.equal(await change, 'done')
      })
    })
  })
})
