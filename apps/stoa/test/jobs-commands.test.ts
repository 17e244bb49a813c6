import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { engines } from '@stoa/testkit'
import { type Installation, newInstallation } from './program.ts'

interface Task {
  readonly id: string
}

for (const engine of engines) {
  describe(`stoa jobs on ${engine}`, () => {
    let installation: Installation
    const ids: string[] = []
    before(async () => {
      installation = await newInstallation(engine, { settings: { STOA_WORK: 'false' } })
      const up = await installation.up()
      const input = { links: [{ target: 'https://example.com/' }] }
      const runAt = new Date(Date.now() + 3_600_000).toISOString()
      for (const body of [
        { kind: 'links.import', input },
        { kind: 'links.import', input, runAt },
      ]) {
        ids.push((await up.client().send<Task>('POST', '/api/v1/tasks', { body })).body.id)
      }
      assert.equal(await up.stop(), 0)
    })
    after(() => installation?.[Symbol.asyncDispose]())

    /** What a command that works has printed. */
    async function done(words: string): Promise<string[]> {
      const { code, stderr, stdout } = await installation.call(words)
      assert.equal(code, 0, stderr)
      return stdout.split('\n').slice(0, -1)
    }

    async function refused(words: string): Promise<string> {
      const { code, stderr } = await installation.call(words)
      assert.ok(code === 1 || code === 2, stderr)
      return stderr
    }

    it('lists jobs and lanes, and shows all of a job', async () => {
      const [ready = '', later = ''] = ids
      const [first = '', second = ''] = await done('jobs list --tenant demo')
      assert.match(first, new RegExp(`^${later}  scheduled  links\\.import +bulk +0  at 20`))
      assert.match(second, new RegExp(`^${ready}  ready      links\\.import +bulk +0$`))
      assert.deepEqual(
        (await done('jobs list --tenant demo --state ready --kind links.import --json')).map(
          (line) => JSON.parse(line).id,
        ),
        [ready],
      )
      const shown = JSON.parse((await done(`jobs show ${ready} --tenant demo`)).join('\n'))
      assert.deepEqual([shown.kind, shown.input.links.length, shown.origin.actor.type], ['links.import', 1, 'apiKey'])
      const lanes = (await done('jobs lanes --json')).map((line) => JSON.parse(line))
      assert.deepEqual(
        lanes.map(({ lane, ready: waiting, scheduled }) => [lane, waiting, scheduled]),
        [
          ['critical', 0, 0],
          ['default', 0, 0],
          ['remote', 0, 0],
          ['bulk', 1, 1],
          ['external', 0, 0],
        ],
      )
    })

    it('retries, cancels and redrives', async () => {
      const [, later = ''] = ids
      assert.match((await done(`jobs retry ${later} --tenant demo`)).join(), /runs as soon as a worker is free/)
      assert.deepEqual(await done(`jobs cancel ${later} --tenant demo`), [`Cancelled ${later}.`])
      assert.match(await refused(`jobs cancel ${later} --tenant demo`), /The job is finished\./)
      assert.deepEqual(await done(`jobs redrive ${later} --tenant demo`), [`${later} is new.`])
      assert.deepEqual(await done('jobs redrive all --tenant demo --kind links.import'), ['0 jobs are new.'])
    })

    it('pauses and resumes', async () => {
      assert.deepEqual(await done('jobs pause bulk'), ['Paused: lane:bulk.'])
      assert.deepEqual(await done('jobs pause mail.send'), ['Paused: kind:mail.send, lane:bulk.'])
      assert.deepEqual(await done('jobs resume bulk'), ['Still paused: kind:mail.send.'])
      assert.deepEqual(await done('jobs resume mail.send'), ['Nothing is paused.'])
      const help = (await done('jobs pause --help')).join('\n')
      for (const name of ['bulk', 'external']) assert.match(help, new RegExp(`\\b${name}\\b`))
    })

    it('says in words what is misspelt, or is not there', async () => {
      const [ready = ''] = ids
      assert.match(await refused('jobs pause bluk'), /no lane 'bluk', did you mean 'bulk'/)
      // These open nothing, so they need not wait for each other.
      const misspelt: readonly (readonly [words: string, told: RegExp])[] = [
        ['jobs list --tenant demo --state daed', /did you mean 'dead'/],
        ['jobs list --tenant demo --limit 0', /from 1 to 500/],
        ['jobs list', /--tenant is missing/],
        ['jobs show 7 --tenant demo', /'7' is not the id of a job/],
      ]
      await Promise.all(misspelt.map(async ([words, told]) => assert.match(await refused(words), told)))
      assert.match(
        await refused(`jobs cancel ${ready.replace(/.$/, (end) => (end === '0' ? '1' : '0'))} --tenant demo`),
        /has no job/,
      )
    })
  })
}
