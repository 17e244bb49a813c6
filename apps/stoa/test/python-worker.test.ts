/*
 * The worker of examples/python-worker, as its users have it: a Python program beside the program. Python is not a part
 * of Stoa, but without it this promise is not tested; so a machine that has none fails here, and says so.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { engines, eventually, type TestClient } from '@stoa/testkit'
import { type Installation, newInstallation, type Up } from './program.ts'
import { type Running, run } from './running.ts'

const WORKER = join(import.meta.dirname, '../../../examples/python-worker/worker.py')
const PYTHON = 'python3'

interface Task {
  readonly id: string
  readonly state: string
  readonly attempt: number
  readonly result: unknown
  readonly failure: { readonly reason: string } | null
}

function assertPython(): void {
  try {
    execFileSync(PYTHON, ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))'])
  } catch (cause) {
    throw new Error(`these tests run a worker in Python: install ${PYTHON}, 3.8 or newer`, { cause })
  }
}

for (const engine of engines) {
  describe(`the worker in Python on ${engine}`, () => {
    let installation: Installation
    let up: Up
    let client: TestClient
    const workers: Running[] = []
    before(async () => {
      assertPython()
      installation = await newInstallation(engine)
      up = await installation.up()
      client = up.client()
    })
    after(async () => {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))
      await installation?.[Symbol.asyncDispose]()
    })

    async function worker(): Promise<Running> {
      const { PATH = '', HOME = '' } = process.env
      const env = { PATH, HOME, STOA_URL: up.url, STOA_KEY: installation.key ?? '', PYTHONDONTWRITEBYTECODE: '1' }
      const one = run(PYTHON, [WORKER], { env })
      workers.push(one)
      await one.printed(/^ready$/m)
      return one
    }
    async function ask(input: object): Promise<string> {
      const body = { kind: 'text.count', input }
      const { body: task, status } = await client.send<Task>('POST', '/api/v1/tasks', { body })
      assert.equal(status, 202, JSON.stringify(task))
      return task.id
    }
    const when = async (id: string, state: string): Promise<Task> => {
      const { body } = await eventually(
        () => client.got<Task>(`/api/v1/tasks/${id}`),
        (answer) => answer.body.state === state,
      )
      return body
    }

    it('does what is asked for, and those who follow the task see it', async () => {
      const one = await worker()
      const id = await ask({ text: 'to be or not to be' })
      await one.printed(new RegExp(`^completion ${id} 1$`, 'm'))
      const { attempt, result } = await when(id, 'done')
      assert.deepEqual([attempt, result], [1, { words: 6 }])
      const { body } = await client.send<string>('GET', `/api/v1/tasks/${id}/events`)
      const types = [...body.matchAll(/"type":"(task\.\w+)"/g)].map(([, type]) => type)
      assert.deepEqual(types, ['task.queued', 'task.started', 'task.done'])
      one.kill('SIGTERM')
      await one.exit
    })

    it('shares tasks with another one, without doing one twice', async () => {
      const pair = await Promise.all([worker(), worker()])
      const ids = await Promise.all(Array.from({ length: 10 }, (_, n) => ask({ text: 'word '.repeat(n) })))
      await Promise.all(ids.map((id) => when(id, 'done')))
      const began = pair.flatMap(({ stdout }) => [...stdout.matchAll(/^began (\S+) 1$/gm)].map(([, id]) => id))
      assert.deepEqual(began.toSorted(), ids.toSorted())
      for (const one of pair) one.kill('SIGTERM')
      await Promise.all(pair.map(({ exit }) => exit))
    })

    it('stops at the next heartbeat when the task is cancelled', async () => {
      const one = await worker()
      const id = await ask({ text: 'a very long text', secondsPerWord: 60 })
      await one.printed(new RegExp(`^began ${id} 1$`, 'm'))
      assert.equal((await client.send('POST', `/api/v1/tasks/${id}/cancellation`)).status, 200)
      assert.equal((await when(id, 'cancelled')).failure?.reason, 'cancelled')
      one.kill('SIGTERM')
      await one.exit
    })

    it('that is killed loses its task to another one', async () => {
      const first = await worker()
      const id = await ask({ text: 'one two', secondsPerWord: 2 })
      await first.printed(new RegExp(`^began ${id} 1$`, 'm'))
      first.kill('SIGKILL')
      await first.exit
      await worker()
      const { attempt, result } = await when(id, 'done')
      assert.deepEqual([attempt, result], [2, { words: 2 }])
    })
  })
}
