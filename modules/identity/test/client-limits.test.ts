import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeOnEngines } from './setup.ts'

describeOnEngines(
  'programs of one address',
  (suite) => {
    const tenant = () => suite().tenants.pooled
    async function program(over: object = { grantTypes: ['client_credentials'], scopes: ['notes:read'] }) {
      const answer = await suite()
        .as(tenant())
        .send<{ client: { id: string }; secret: string }>('POST', '/api/v1/oauth-clients', {
          body: { name: 'Robot', ...over },
        })
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
      return { id: answer.body.client.id, secret: answer.body.secret }
    }
    type Credentials = Awaited<ReturnType<typeof program>>
    const post = (path: string, fields: Record<string, string>, as: Credentials | null) =>
      fetch(`${suite().issuer(tenant())}/${path}`, {
        method: 'POST',
        headers: as ? { authorization: `Basic ${Buffer.from(`${as.id}:${as.secret}`).toString('base64')}` } : {},
        body: new URLSearchParams(fields),
      })
    const token = (as: Credentials) => post('token', { grant_type: 'client_credentials' }, as)
    async function statuses(times: number, ask: () => Promise<Response>): Promise<number[]> {
      const seen: number[] = []
      for (let asked = 0; asked < times; asked += 20) {
        const some = await Promise.all(Array.from({ length: 20 }, ask))
        await Promise.all(some.map((answer) => answer.arrayBuffer()))
        seen.push(...some.map(({ status }) => status))
      }
      return seen
    }
    const kinds = (all: readonly number[]) => [...new Set(all)].sort()

    it('are limited each by itself, and not by what all others without credentials get', async () => {
      const [one, other] = [await program(), await program()]
      assert.deepEqual(kinds(await statuses(200, () => token(one))), [200])
      assert.deepEqual(kinds(await statuses(200, () => token(other))), [200])
      assert.deepEqual(kinds(await statuses(120, () => token(one))), [200, 429])
      const refused = await token(one)
      assert.equal(refused.status, 429)
      assert.equal(((await refused.json()) as { error: string }).error, 'slow_down')
      assert.ok(Number(refused.headers.get('retry-after')) >= 1)
      assert.equal((await token(other)).status, 200, 'the other one goes on')
    })

    it('that prove nothing get as much as anybody without credentials, and hold nobody else up', async () => {
      const good = await program()
      const wrong = await statuses(140, () => token({ ...good, secret: 'wrong' }))
      assert.equal(wrong.filter((status) => status === 401).length, 120)
      assert.deepEqual(kinds(wrong), [401, 429])
      assert.deepEqual(kinds(await statuses(20, () => post('token/introspection', { token: 'x' }, null))), [429])
      assert.equal((await token(good)).status, 200)
    })

    it('that have no secret are limited with those, before anything is done', async () => {
      const made = await program({
        redirectUris: ['https://app.example.org/back'],
        authMethod: 'none',
        scopes: ['openid'],
      })
      const guess = () => post('token', { grant_type: 'refresh_token', refresh_token: 'rx', client_id: made.id }, null)
      assert.deepEqual(kinds(await statuses(20, guess)), [429])
    })
  },
  // The clock stands still, so no bucket fills again.
  { limited: true, config: { clientBurst: 300, clientRequestsPerSecond: 1 } },
)
