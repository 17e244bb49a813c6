/*
 * Clicks of the whole program: those who follow a link see them as they are counted, and a process that is killed loses no
 * more than what it had not written yet.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ChannelEvent, createRealtimeClient } from '@stoa/client'
import { newId } from '@stoa/kernel'
import { eventually, type TestClient } from '@stoa/testkit'
import { type Installation, newInstallation, type Up } from './program.ts'

const browser = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' }

interface Link {
  readonly id: string
  readonly code: string
}

type ClicksEvent = ChannelEvent<
  'clicks.recorded',
  { readonly clicks: number; readonly links: number; readonly byLink: readonly { id: string; clicks: number }[] }
>

describe('clicks on links (postgres)', () => {
  let installation: Installation
  let up: Up
  before(async () => {
    installation = await newInstallation('postgres')
    up = await installation.up()
  })
  after(() => installation?.[Symbol.asyncDispose]())

  const newLink = async () =>
    (await up.client().created<Link>('/api/v1/links', { target: 'https://example.com/' })).body
  const visit = ({ code }: Link) => up.client(null).send('GET', `/l/${code}`, { headers: browser })
  const counted = async ({ id }: Link) =>
    (await up.client().got<{ readonly total: { readonly clicks: number } }>(`/api/v1/links/${id}/clicks`)).body.total
      .clicks

  for (const transport of ['websocket', 'events'] as const) {
    it(`who follows link-clicks:{id} by ${transport} sees those of this link, each once, and of no other`, async () => {
      const [link, other] = [await newLink(), await newLink()]
      const seen: ClicksEvent['data'][] = []
      const problems: string[] = []
      const channel = `link-clicks:${link.id}`
      using client = closing(
        createRealtimeClient<Record<string, ClicksEvent>>({ url: up.url, transport, token: installation.key ?? '' }),
      )
      const subscription = client.open.subscribe(channel, {
        onEvent: ({ data }) => seen.push(data),
        onError: ({ code }) => problems.push(code),
      })
      await eventually(() => client.open.state === 'open' && subscription.position !== undefined)
      const visits = Array.from({ length: 10 }, (_, n) => visit(n % 2 === 0 ? link : other))
      for (const { status } of await Promise.all(visits)) assert.equal(status, 302)
      const clicks = () => seen.reduce((sum, data) => sum + data.clicks, 0)
      await eventually(() => clicks() >= 5)
      assert.equal(clicks(), 5)
      for (const { byLink, clicks, links } of seen) {
        assert.deepEqual([links, byLink.map(({ id, ...own }) => [id, own.clicks])], [1, [[link.id, clicks]]])
      }
      assert.deepEqual(problems, [])
    })
  }

  it('nobody is let into the channel of a link that is not there, or is another tenant’s', async () => {
    const theirs = await strangersLink(installation, up)
    const link = await newLink()
    const outcomes = new Map<string, string>()
    using client = closing(
      createRealtimeClient<Record<string, ClicksEvent>>({ url: up.url, token: installation.key ?? '' }),
    )
    const channels = [theirs, newId(), 'x', '..'].flatMap((id) => [`link:${id}`, `link-clicks:${id}`])
    for (const channel of channels) {
      client.open.subscribe(channel, { onEvent: () => undefined, onError: ({ code }) => outcomes.set(channel, code) })
    }
    const good = client.open.subscribe(`link:${link.id}`, { onEvent: () => undefined })
    await eventually(() => outcomes.size === channels.length && good.position !== undefined)
    assert.deepEqual(new Set(outcomes.values()), new Set(['link_not_found']))
  })

  it('a kill -9 loses no click that was written, and none but those that were waiting', async () => {
    const link = await newLink()
    const state = { answered: 0, over: false }
    const visitors = Array.from({ length: 4 }, async () => {
      while (!state.over) {
        // Once the process is gone, nobody is answered.
        const answer = await visit(link).catch(() => null)
        if (answer === null) return
        assert.equal(answer.status, 302)
        state.answered++
      }
    })
    await eventually(() => counted(link).then((count) => count >= 100))
    const [before, written] = [state.answered, await counted(link)]
    up.kill('SIGKILL')
    assert.equal(await up.exit, 'SIGKILL')
    state.over = true
    await Promise.all(visitors)
    up = await installation.up()
    const kept = await counted(link)
    assert.ok(kept >= written, `${kept} of ${written} that had been written`)
    assert.ok(kept <= state.answered + 4, `${kept} of ${state.answered}`)
    assert.ok(before >= 100)
    await visit(link)
    await eventually(() => counted(link).then((count) => count === kept + 1))
  })
})

function closing<T extends { close(): void }>(open: T): Disposable & { readonly open: T } {
  return { open, [Symbol.dispose]: () => open.close() }
}

async function strangersLink(installation: Installation, up: Up): Promise<string> {
  await installation.run('tenant create strangers')
  const { stdout } = await installation.run([
    'key',
    'create',
    '--tenant',
    'strangers',
    '--name',
    'test',
    '--scope',
    '*',
  ])
  const key = /stoa_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}/.exec(stdout)?.[0] ?? assert.fail(stdout)
  const client: TestClient = up.client(key)
  return (await client.created<Link>('/api/v1/links', { target: 'https://example.com/' })).body.id
}
