import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Destination, Destinations, type KnownCodes } from '../src/targets/destinations.ts'

function setup(options: { entries?: number; filter?: KnownCodes } = {}) {
  const clock = { at: 1_000_000, now: () => clock.at }
  const asked: string[] = []
  const answers: PromiseWithResolvers<Destination | null>[] = []
  const destinations = new Destinations({
    entries: options.entries ?? 100,
    ttlMs: 5_000,
    clock,
    ...(options.filter && { filter: options.filter }),
    load: (host, code) => {
      asked.push(`${host}/${code}`)
      const answer = Promise.withResolvers<Destination | null>()
      answers.push(answer)
      return answer.promise
    },
  })
  const answer = (target: string | null) => {
    const next = answers.shift()
    assert.ok(next, 'nobody has asked')
    next.resolve(target === null ? null : destination(target))
  }
  return { destinations, clock, asked, answers, answer }
}

function destination(target: string): Destination {
  return {
    tenant: { id: 't', slug: 't', schema: 'stoa_pool' },
    link: Buffer.alloc(16),
    target,
    linkId: 'l',
    status: 302,
    startsAt: Number.NEGATIVE_INFINITY,
    endsAt: Number.POSITIVE_INFINITY,
    limited: false,
    forwardsQuery: false,
    routing: null,
    password: null,
    card: null,
    takedown: null,
    readAt: Number.POSITIVE_INFINITY,
  }
}

describe('destinations', () => {
  it('ask once, however many want to know at the same time, and remember the answer', async () => {
    const { destinations, asked, answer } = setup()
    const waiting = [destinations.find('', 'abc'), destinations.find('', 'abc'), destinations.find('', 'abc')]
    answer('https://a.example/')
    for (const found of await Promise.all(waiting)) assert.equal(found?.target, 'https://a.example/')
    const later = destinations.find('', 'abc')
    assert.ok(!(later instanceof Promise))
    assert.deepEqual(asked, ['/abc'])
  })

  it('remember that a code is unknown', async () => {
    const { destinations, asked, answer } = setup()
    const first = destinations.find('', 'abc')
    answer(null)
    assert.equal(await first, null)
    assert.equal(destinations.find('', 'abc'), null)
    assert.equal(asked.length, 1)
  })

  it('keep hosts apart', async () => {
    const { destinations, asked, answer } = setup()
    const first = destinations.find('', 'abc')
    answer('https://a.example/')
    await first
    void destinations.find('s.example', 'abc')
    assert.deepEqual(asked, ['/abc', 's.example/abc'])
  })

  it('ask again when the journal was not heard for too long, and not as long as it is', async () => {
    const { destinations, clock, asked, answer } = setup()
    const first = destinations.find('', 'abc')
    answer('https://a.example/')
    await first
    for (let times = 0; times < 10; times++) {
      clock.at += 4_999
      assert.ok(!(destinations.find('', 'abc') instanceof Promise))
      destinations.heard()
    }
    clock.at += 5_001
    void destinations.find('', 'abc')
    assert.equal(asked.length, 2)
  })

  it('ask again after ten minutes, whatever was heard', async () => {
    const { destinations, clock, asked, answer } = setup()
    const first = destinations.find('', 'abc')
    answer('https://a.example/')
    await first
    clock.at += 600_001
    destinations.heard()
    void destinations.find('', 'abc')
    assert.equal(asked.length, 2)
  })

  it('give out what they remember while the database is away, and ask it no more than once a second', async () => {
    const { destinations, clock, answers, asked, answer } = setup()
    const first = destinations.find('', 'abc')
    answer('https://a.example/')
    await first
    clock.at += 6_000
    const second = destinations.find('', 'abc')
    answers.shift()?.reject(new Error('away'))
    assert.equal((await second)?.target, 'https://a.example/')
    assert.ok(!(destinations.find('', 'abc') instanceof Promise))
    assert.equal(asked.length, 2)
    clock.at += 1_001
    const third = destinations.find('', 'abc')
    answer('https://b.example/')
    assert.equal((await third)?.target, 'https://b.example/')
  })

  it('look codes up that the filter does not know, but no more than some of them', async () => {
    const known = new Set<string>()
    const { destinations, clock, asked, answers } = setup({
      filter: { mayHave: (key) => known.has(key), add: (key) => known.add(key) },
    })
    for (let number = 0; number < 1_000; number++) void destinations.find('', `no${number}`)
    assert.equal(asked.length, 50)
    assert.equal(destinations.counts.filter, 950)
    clock.at += 1_000
    for (let number = 0; number < 1_000; number++) void destinations.find('', `none${number}`)
    assert.equal(asked.length, 52)
    destinations.forget('', 'made')
    const made = destinations.find('', 'made')
    answers.at(-1)?.resolve(destination('https://made.example/'))
    assert.equal((await made)?.target, 'https://made.example/')
  })

  it('push out no link for codes that are unknown', async () => {
    const { destinations, asked, answer } = setup({ entries: 10 })
    const first = destinations.find('', 'abc')
    answer('https://a.example/')
    await first
    for (let number = 0; number < 100; number++) {
      const unknown = destinations.find('', `no${number}`)
      answer(null)
      await unknown
    }
    assert.ok(!(destinations.find('', 'abc') instanceof Promise))
    assert.equal(asked.length, 101)
  })

  it('keep what was asked for last, whoever came first', async () => {
    const { destinations, clock, answer } = setup({ entries: 2 })
    const ask = async (code: string) => {
      const found = destinations.find('', code)
      answer(`https://${code}.example/`)
      await found
    }
    await ask('first')
    await ask('second')
    clock.at += 1_000
    assert.ok(!(destinations.find('', 'first') instanceof Promise))
    await ask('third')
    assert.ok(!(destinations.find('', 'first') instanceof Promise), 'it was asked for after the second')
    assert.ok(destinations.find('', 'second') instanceof Promise)
  })

  it('do not remember an answer that was under way when the link changed', async () => {
    const { destinations, answer } = setup()
    const before = destinations.find('', 'abc')
    destinations.forget('', 'abc')
    const after = destinations.find('', 'abc')
    answer('https://old.example/')
    answer('https://new.example/')
    assert.equal((await before)?.target, 'https://old.example/')
    assert.equal((await after)?.target, 'https://new.example/')
    assert.equal((await destinations.find('', 'abc'))?.target, 'https://new.example/')
  })

  it('do not let the slower, older answer overwrite the newer one', async () => {
    const { destinations, answers } = setup()
    const before = destinations.find('', 'abc')
    destinations.forget('', 'abc')
    const after = destinations.find('', 'abc')
    answers[1]?.resolve(destination('https://new.example/'))
    await after
    answers[0]?.resolve(destination('https://old.example/'))
    await before
    assert.equal((await destinations.find('', 'abc'))?.target, 'https://new.example/')
  })

  it('do not remember a failure', async () => {
    const { destinations, answers, answer } = setup()
    const first = destinations.find('', 'abc')
    answers.shift()?.reject(new Error('away'))
    await assert.rejects(async () => first, /away/)
    const second = destinations.find('', 'abc')
    answer('https://a.example/')
    assert.equal((await second)?.target, 'https://a.example/')
  })

  it('spend no query on text that cannot be a code', () => {
    const { destinations, asked } = setup()
    for (const text of ['', 'a//b', 'ä', 'a b', 'x'.repeat(65), "'; drop table links --", '\u0000']) {
      assert.equal(destinations.find('', text), null)
    }
    assert.equal(asked.length, 0)
  })

  it('keep no more than they are allowed to', async () => {
    const { destinations, asked, answer } = setup({ entries: 2 })
    for (const code of ['aaa', 'bbb', 'ccc']) {
      const found = destinations.find('', code)
      answer(`https://${code}.example/`)
      await found
    }
    void destinations.find('', 'aaa')
    assert.equal(asked.length, 4)
  })
})
