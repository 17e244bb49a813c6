import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sharedTable, tenantTable } from '../src/migration.ts'

describe('the SQL of a table', () => {
  it('never changes for given arguments, because it is part of migrations that have been applied', () => {
    assert.equal(
      tenantTable('links'),
      `
alter table links enable row level security;
alter table links force row level security;
create policy tenant_rows on links to stoa_app using (tenant_id = (select current_setting('stoa.tenant')::uuid)) with check (tenant_id = (select current_setting('stoa.tenant')::uuid));
create policy system_rows on links to stoa_system using (true) with check (true);
grant select,insert,update,delete on links to stoa_app;
grant select,insert,update,delete on links to stoa_system;
`,
    )
    assert.equal(
      sharedTable('hosts', { system: 'select,insert' }),
      '\ngrant select on hosts to stoa_app;\ngrant select,insert on hosts to stoa_system;\n',
    )
  })

  it('grants what is asked, and nothing for none', () => {
    assert.match(tenantTable('events', { app: 'select,insert' }), /grant select,insert on events to stoa_app;/)
    assert.doesNotMatch(tenantTable('events', { app: 'none' }), /grant .* to stoa_app/)
  })

  it('takes no schema and no quoting in a table name', () => {
    for (const name of ['stoa.links', 'Links', 'links; drop table x', '', '"links"']) {
      assert.throws(() => tenantTable(name), /not a plain table name/)
      assert.throws(() => sharedTable(name), /not a plain table name/)
    }
  })
})
