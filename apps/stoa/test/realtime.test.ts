/*
 * Clients of the whole program, in processes that end in every way: nothing is lost and nothing comes twice.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ChannelEvent, createRealtimeClient, type RealtimeClient } from '@stoa/client'
import { engines, eventually, type Suite } from '@stoa/testkit'
import { startRedis } from '@stoa/testkit/servers'
import type { Stoa } from '../src/compose.ts'
import { newInstallation, type Up } from './program.ts'
import { startProgram } from './suite.ts'

type Transport = 'websocket' | 'events'
type LinkEvent = ChannelEvent<'link.created', { readonly id: string; readonly target: string }>

/** Somebody who follows all links, by way of one process after the other. */
class Follower implements Disposable {
  readonly targets: string[] = []
  readonly resyncs: string[] = []
  readonly problems: string[] = []
  readonly #key: string
  #client: RealtimeClient<{ readonly links: LinkEvent }> | null = null
  #position: string | undefined

  constructor(key: string) {
    this.#key = key
  }

  /** Follows there from where it stood. */
  async at(url: string, transport: Transport): Promise<void> {
    this.#client?.close()
    const client = createRealtimeClient<{ readonly links: LinkEvent }>({
      ...{ url, transport, token: this.#key },
      ...{ minRetryMs: 10, maxRetryMs: 100 },
    })
    this.#client = client
    const subscription = client.subscribe('links', {
      onEvent: ({ data, position }) => {
        this.targets.push(data.target)
        this.#position = position
      },
      onResync: ({ reason }) => this.resyncs.push(reason),
      onError: ({ code }) => this.problems.push(code),
      ...(this.#position !== undefined && { position: this.#position }),
    })
    await eventually(() => {
      assert.deepEqual(this.problems, [])
      return client.state === 'open' && subscription.position !== undefined
    })
    this.#position ??= subscription.position
  }

  [Symbol.dispose](): void {
    this.#client?.close()
  }
}

const targetOf = (n: number) => `https://example.com/${n}`

/** Makes links, one after the other. Who does not answer is asked no more, and another one is. */
class Links {
  /** In the order of their answers. */
  readonly made: string[] = []
  readonly #ups: Up[]
  #over = false
  #n = 0
  readonly #running: Promise<void>

  constructor(ups: readonly Up[]) {
    this.#ups = [...ups]
    this.#running = this.#run()
  }

  async more(count: number): Promise<void> {
    const until = this.made.length + count
    await eventually(() => this.made.length >= until)
  }

  async end(): Promise<readonly string[]> {
    this.#over = true
    await this.#running
    return this.made
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      const target = targetOf(this.#n)
      this.#n += 1
      const [up] = this.#ups
      if (up === undefined) return
      const answer = await up
        .client()
        .send('POST', '/api/v1/links', { body: { target }, headers: { 'idempotency-key': target } })
        .catch(() => null)
      if (answer === null) this.#ups.shift()
      else if (answer.status === 201) this.made.push(target)
    }
  }
}

/** Everything that was answered has come, in order, and nothing twice. */
async function assertWhole(follower: Follower, made: readonly string[]): Promise<void> {
  await eventually(() => made.every((target) => follower.targets.includes(target)))
  assert.equal(new Set(follower.targets).size, follower.targets.length)
  assert.deepEqual(
    follower.targets.filter((target) => made.includes(target)),
    made,
  )
  assert.deepEqual(follower.resyncs, [])
}

describe('realtime, when processes end', () => {
  it('of two one is killed; who was there goes on at the other by either transport, nothing lost, nothing twice', async () => {
    await using installation = await newInstallation('postgres')
    const [one, two] = [await installation.up(), await installation.up()]
    const links = new Links([two])
    using followers = new DisposableStack()
    const followerAt = async ({ url }: Up, transport: Transport) => {
      const follower = followers.use(new Follower(installation.key as string))
      await follower.at(url, transport)
      return follower
    }
    const moved = new Map<Follower, Transport>()
    const stayed: Follower[] = []
    for (const transport of ['websocket', 'events'] as const) {
      moved.set(await followerAt(one, transport), transport)
      stayed.push(await followerAt(two, transport))
    }
    const begun = links.made.length
    await links.more(20)
    one.kill('SIGKILL')
    await one.exit
    await links.more(20)
    for (const [mover, transport] of moved) await mover.at(two.url, transport)
    await links.more(10)
    const made = await links.end()
    for (const mover of moved.keys()) {
      await assertWhole(
        mover,
        made.filter((target) => mover.targets.includes(target) || made.indexOf(target) > begun),
      )
    }
    for (const stayer of stayed) await assertWhole(stayer, made.slice(begun + 1))
    assert.equal(await two.stop(), 0)
  })

  it('Redis is killed: what one process writes comes at the other all the same', async () => {
    await using redis = await startRedis()
    await using installation = await newInstallation('postgres', { settings: { REDIS_URL: redis.url } })
    const [one, two] = [await installation.up(), await installation.up()]
    using far = new Follower(installation.key as string)
    await far.at(two.url, 'websocket')
    const links = new Links([one])
    await links.more(10)
    await redis.kill()
    await links.more(10)
    const made = await links.end()
    await assertWhole(far, made)
    await redis.restart()
    assert.deepEqual([await one.stop(), await two.stop()], [0, 0])
  })
})

for (const engine of engines) {
  describe(`realtime of the program (${engine})`, () => {
    let suite: Suite<Stoa>
    before(async () => {
      suite = await startProgram(engine)
    })
    after(() => suite?.[Symbol.asyncDispose]())

    it('a process that is asked to stop sends its clients away and ends at once; they go on when it is back', async () => {
      await using installation = await newInstallation(engine)
      const one = await installation.up({ STOA_DRAIN_TIMEOUT_MS: '600000' })
      using ada = new Follower(installation.key as string)
      using eve = new Follower(installation.key as string)
      await ada.at(one.url, 'websocket')
      await eve.at(one.url, 'events')
      await one.client().created('/api/v1/links', { target: targetOf(1) })
      await eventually(() => ada.targets.length === 1 && eve.targets.length === 1)
      assert.equal(await one.stop(), 0)
      const again = await installation.up()
      await again.client().created('/api/v1/links', { target: targetOf(2) })
      await ada.at(again.url, 'events')
      await eve.at(again.url, 'websocket')
      await eventually(() => ada.targets.length === 2 && eve.targets.length === 2)
      assert.deepEqual([ada.resyncs, eve.resyncs], [[], []])
      assert.equal(await again.stop(), 0)
    })

    it('the metrics count connections and deliveries', async () => {
      const owner = await suite.client()
      const key = { name: 'metrics', scopes: ['*'] }
      const { body } = await owner.created<{ key: string }>('/api/v1/api-keys', key)
      using ada = new Follower(body.key)
      await ada.at(suite.program.url, 'websocket')
      await owner.created('/api/v1/links', { target: targetOf(1) })
      await eventually(() => ada.targets.length === 1)
      const { body: text } = await suite.anonymous().send<string>('GET', '/metrics')
      for (const line of [
        'connections 1',
        'subscriptions 1',
        'deliveries_total 1',
        'opened_total 1',
        'resyncs_total 0',
      ]) {
        assert.match(text, new RegExp(`^stoa_realtime_${line}$`, 'm'))
      }
    })

    it('a key that is revoked ends its connections', async () => {
      const owner = await suite.client()
      const key = { name: 'short-lived', scopes: ['links:read', 'realtime:connect'] }
      const { body } = await owner.created<{ key: string; apiKey: { id: string } }>('/api/v1/api-keys', key)
      const problems: string[] = []
      for (const transport of ['websocket', 'events'] as const) {
        const client = createRealtimeClient({ url: suite.program.url, token: body.key, transport })
        client.subscribe('links', { onEvent: () => undefined, onError: ({ code }) => problems.push(code) })
        await eventually(() => client.state === 'open')
      }
      await owner.send('DELETE', `/api/v1/api-keys/${body.apiKey.id}`)
      await eventually(() => problems.length === 2)
      assert.deepEqual(problems, ['unauthenticated', 'unauthenticated'])
    })
  })
}
