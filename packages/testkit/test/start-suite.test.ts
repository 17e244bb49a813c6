import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { assertCompatible, openPglite, openPostgres, statement, tenantById } from '@stoa/db'
import { type Ctx, silentLogger, systemClock } from '@stoa/kernel'
import { engines, type SuitePlace, type SuiteProgram, startSuite, testCtx } from '../src/index.ts'

const deps = { log: silentLogger, clock: systemClock }
const names = statement<[], { name: string }>('select name from tenants')
const rename = statement<[name: string, id: string], never>('update tenants set name = $1 where id = $2')

/** A small program: a key is the tenant's id; GET / is the tenant's own row, POST / gives it another name. */
async function startProgram({ databaseUrl, dataDir }: SuitePlace): Promise<SuiteProgram> {
  const db = databaseUrl
    ? await openPostgres({ url: databaseUrl }, deps)
    : await openPglite({ dataDir: join(dataDir, 'db') }, deps)
  await assertCompatible(db, [])
  const server = createServer(async (request, response) => {
    const id = request.headers.authorization?.replace('Bearer ', '')
    const tenant = id === undefined ? undefined : await tenantById(db, testCtx(), id)
    if (!tenant)
      return void response
        .writeHead(401, { 'content-type': 'application/problem+json' })
        .end('{"code":"unauthenticated"}')
    if (request.method === 'POST') {
      const { name } = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { name: string }
      await db.system(testCtx(), (tx) => tx.run(rename(name, tenant.id)))
    }
    const row = await db.read(testCtx({ tenant }), (tx) => tx.one(names()))
    const status = request.method === 'POST' ? 201 : 200
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(row))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    db,
    apiKeys: { create: async (ctx: Ctx) => ({ token: ctx.tenant.id }) },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await db[Symbol.asyncDispose]()
    },
  }
}

for (const engine of engines) {
  describe(`a suite on ${engine}`, () => {
    test('runs the program for three tenants, each with clients of its own', async () => {
      await using suite = await startSuite({ engine, sets: [], start: startProgram })
      const pooled = await suite.client()
      const placed = await suite.client('placed')
      assert.deepEqual((await pooled.got('/')).body, { name: 'Tenant pooled' })
      assert.deepEqual((await placed.got('/')).body, { name: 'Tenant placed' })
      const unknown = await suite.anonymous().send('GET', '/')
      assert.deepEqual([unknown.status, unknown.body], [401, { code: 'unauthenticated' }])
      await assert.rejects(suite.anonymous().got('/'), /GET \/ answered 401 instead of 200: .*unauthenticated/)
    })

    test('what was written is there after a restart, and nothing is left after the end', async () => {
      const suite = await startSuite({ engine, sets: [], start: startProgram })
      const before = await suite.client()
      await before.created('/', { name: 'Renamed' })
      await suite.restart()
      const after = await suite.client()
      assert.deepEqual((await after.got('/')).body, { name: 'Renamed' })
      assert.ok(existsSync(suite.place.dataDir))
      await suite[Symbol.asyncDispose]()
      assert.ok(!existsSync(suite.place.dataDir))
    })
  })
}
