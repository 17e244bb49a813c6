import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { TenantRecord, Tx } from '@stoa/db'
import { newId, silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { type HostUse, type ServedHost, ServedHosts, TenantHosts } from '../src/index.ts'
import { type HttpDatabase, openDatabase, openNode, ownerCtx } from './setup.ts'

const ctx = systemCtx({ log: silentLogger, clock: systemClock }, 'test')

for (const engine of engines) {
  describe(`hosts of tenants, over rooms (${engine})`, () => {
    let database: HttpDatabase
    before(async () => {
      database = await openDatabase(engine)
    })
    after(async () => {
      await database?.[Symbol.asyncDispose]()
    })

    /** Two rooms that know each other by nothing; what stands in DNS, and what they have lost. */
    function setup() {
      const hosts = new TenantHosts({ db: database.db, ctx, publicUrl: () => 'https://stoa.example:8443' })
      const proofs = new Set<string>()
      const lost: string[] = []
      for (const name of ['notes', 'maps']) {
        hosts.open({
          name,
          serves: (host) => host === `${name}.example.com`,
          owns: (host) => host === `${name}.example`,
          proves: async (tenantId, host) => proofs.has(`${name} ${tenantId} ${host}`),
          lose: async (own, _tx, id) => void lost.push(`${name} ${own.tenant.id} ${id}`),
        })
      }
      const within = <T>(tenant: TenantRecord, work: (own: ReturnType<typeof ownerCtx>, tx: Tx) => Promise<T>) =>
        database.db.transaction(ownerCtx(tenant), (tx) => work(ownerCtx(tenant), tx))
      const use = (): HostUse => ({ host: `h-${newId().slice(-12)}.example.com`, id: newId() })
      const take = (tenant: TenantRecord, room: string, taken: HostUse) =>
        within(tenant, (own, tx) => hosts.take(own, tx, room, taken))
      return { hosts, proofs, lost, use, take, within, one: database.pooled, other: database.placed }
    }

    test('belong to one tenant and to one room of it, until that leaves them', async () => {
      const { hosts, one, other, take, use, within } = setup()
      const taken = use()
      assert.equal(await take(one, 'notes', taken), true)
      assert.equal(await take(one, 'notes', { ...taken, id: newId() }), true)
      assert.equal(await take(one, 'maps', taken), false)
      assert.equal(await take(other, 'notes', taken), false)
      await within(other, (own, tx) => hosts.leave(own, tx, 'notes', taken.host))
      await within(one, (own, tx) => hosts.leave(own, tx, 'maps', taken.host))
      assert.equal(await take(other, 'maps', taken), false)
      await within(one, (own, tx) => hosts.leave(own, tx, 'notes', taken.host))
      assert.equal(await take(other, 'maps', taken), true)
    })

    test('are had by one of many who take them at once', async () => {
      const { one, other, take, use } = setup()
      const { host } = use()
      const taking = [one, other, one, other].map((tenant, at) =>
        take(tenant, at < 2 ? 'notes' : 'maps', { host, id: newId() }),
      )
      assert.equal((await Promise.all(taking)).filter(Boolean).length, 1)
    })

    test('are taken over from who cannot prove them any more, whatever their room, and from nobody else', async () => {
      const { hosts, lost, one, other, proofs, take, use } = setup()
      const taken = use()
      assert.equal(await hosts.takeOver(taken.host, other, 'maps'), true)
      await take(one, 'notes', taken)
      proofs.add(`notes ${one.id} ${taken.host}`)
      assert.equal(await hosts.takeOver(taken.host, other, 'maps'), false)
      assert.equal(await hosts.takeOver(taken.host, one, 'notes'), true)
      assert.equal(await hosts.takeOver(taken.host, one, 'maps'), false)
      assert.deepEqual([lost, await take(other, 'maps', taken)], [[], false])
      proofs.clear()
      assert.equal(await hosts.takeOver(taken.host, other, 'maps'), true)
      assert.deepEqual(lost, [`notes ${one.id} ${taken.id}`])
      assert.equal(await take(other, 'maps', taken), true)
    })

    test('that an older version has proven are noted, and take nothing from anybody', async () => {
      const { hosts, one, other, take, use } = setup()
      const [old, had] = [use(), use()]
      await take(other, 'maps', had)
      await hosts.adopt('notes', [
        { ...old, tenantId: one.id },
        { ...had, tenantId: one.id },
      ])
      assert.deepEqual([await take(other, 'maps', old), await take(one, 'notes', had)], [false, false])
      await hosts.adopt('notes', [])
    })

    test('get certificates, whatever room serves them, and so does the installation', async () => {
      const { hosts } = setup()
      await using node = await openNode(database, { routes: () => hosts.routes })
      const ask = async (domain: string) => (await node.send(null, { url: `/tls/ask?domain=${domain}` })).status
      const served = ['notes.example.com', 'MAPS.example.com.', 'stoa.example', 'maps.example']
      for (const host of served) assert.equal(await ask(host), 200, host)
      for (const host of ['example.com', 'x.notes.example.com', '*']) assert.equal(await ask(host), 404, host)
    })
  })
}

test('what this process has changed of a host is not undone by what was read of it before', async () => {
  interface Served extends ServedHost {
    readonly active: boolean
  }
  const reads: ((found: readonly Served[]) => void)[] = []
  const hosts = new ServedHosts<Served>({
    ctx,
    read: () => new Promise((resolve) => reads.push(resolve)),
    page: async () => [],
  })
  const [one, two] = ['one', 'two'].map((name) => ({ id: newId(), host: `${name}.example.com`, tenantId: newId() }))
  assert.ok(one && two)
  for (const { host } of [one, two]) hosts.changed(host)
  hosts.refresh()
  hosts.put({ ...one, active: true })
  hosts.drop(two.host, two.id)
  const before = [one, two].map((host) => ({ ...host, active: false }))
  reads[0]?.(before)
  await eventually(() => reads.length === 2)
  assert.deepEqual([hosts.at(one.host)?.active, hosts.has(two.host)], [true, false])
  reads[1]?.([{ ...one, active: true }])
  await new Promise(setImmediate)
  assert.deepEqual([hosts.at(one.host)?.active, hosts.has(two.host), reads.length], [true, false, 2])
})
