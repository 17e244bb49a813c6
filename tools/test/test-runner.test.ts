import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { isAlone, matching, testFiles } from '../testing/discover.ts'
import { createReport } from '../testing/report.ts'
import { type FileResult, TestProcess } from '../testing/test-process.ts'
import { temporaryFolder } from './repository.ts'

const HEAD = `import { test, describe, it, before } from 'node:test'\nimport assert from 'node:assert/strict'\n`

async function run(
  body: string,
  options: { timeoutMs?: number; namePattern?: string; signal?: AbortSignal } = {},
): Promise<FileResult> {
  const [result] = await runAll([body], options)
  assert.ok(result)
  return result
}

/** Runs files one after the other in a process. @returns a result for each, and one more when it ended badly */
async function runAll(
  bodies: readonly string[],
  options: { timeoutMs?: number; farewellMs?: number; namePattern?: string; signal?: AbortSignal } = {},
): Promise<FileResult[]> {
  const files = bodies.map((_, index) => `${'abc'[index]}.test.ts`)
  using folder = temporaryFolder(Object.fromEntries(bodies.map((body, index) => [files[index], HEAD + body])))
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const tests = new TestProcess({
    root: folder.root,
    timeoutMs: options.timeoutMs ?? 60_000,
    ...(options.farewellMs && { farewellMs: options.farewellMs }),
    env,
    namePattern: options.namePattern ?? null,
    signal: options.signal ?? new AbortController().signal,
  })
  const results: FileResult[] = []
  for (const file of files) results.push(await tests.run(file))
  const fault = await tests.close()
  return fault === null ? results : [...results, fault]
}

/** A run that its time limit ends, once it has come so far: a machine that needs longer for that gets longer. */
async function runTooLong(body: string, hasComeSoFar: (result: FileResult) => boolean): Promise<FileResult> {
  for (let seconds = 3; ; seconds *= 3) {
    const result = await run(body, { timeoutMs: seconds * 1_000 })
    assert.ok(names(result).includes(`the file did not end within ${seconds} s`), inspect(result))
    if (hasComeSoFar(result) || seconds > 30) return result
  }
}

/** Waits until a process has ended; one that nobody has collected yet (a zombie) counts as ended. */
async function gone(pid: number): Promise<void> {
  const state = () => {
    if (!existsSync('/proc/self/stat')) {
      return spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
    }
    if (!existsSync(`/proc/${pid}/stat`)) return ''
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)
  }
  for (let waited = 0; state() !== '' && !state().startsWith('Z'); waited += 50) {
    assert.ok(waited < 60_000, `process ${pid} still runs`)
    await delay(50)
  }
}

const ENDED = 'the process ended before its tests did (exit code 1)'
const names = (result: FileResult) => result.failures.map((failure) => failure.name)

describe('a test file', () => {
  it('is counted by its tests, not by its suites', async () => {
    const result = await run(`
      describe('suite', () => { it('one', () => {}); it('two', () => {}) })
      test('three', async (t) => { await t.test('four', () => {}) })`)
    assert.equal(result.passed, 4)
    assert.deepEqual(result.failures, [])
  })

  it('fails by the full name of the test, its place and the error with its cause', async () => {
    const result = await run(`describe('suite', () => {
      it('throws', () => { throw new Error('outer', { cause: new Error('inner') }) })
      it('compares', () => { assert.deepEqual({ a: 1 }, { a: 2 }) })
    })`)
    assert.deepEqual(names(result), ['suite › throws', 'suite › compares'])
    const [thrown, compared] = result.failures
    assert.match(thrown?.place ?? '', /a\.test\.ts:4$/)
    assert.match(thrown?.detail ?? '', /outer[\s\S]*inner/)
    assert.match(compared?.detail ?? '', /\+ {3}a: 1\n- {3}a: 2/)
  })

  it('fails when a hook does, with what the hook threw', async () => {
    const result = await run(
      `describe('suite', () => { before(() => { throw new Error('no room') }); it('x', () => {}) })`,
    )
    assert.ok(result.failures.some((failure) => failure.name === 'suite' && /no room/.test(failure.detail)))
  })

  it('fails when it cannot be imported, when it throws outside of tests, and when it exits before its tests end', async () => {
    for (const body of [
      `import './nowhere.ts'`,
      `test('x', () => {}); setTimeout(() => { throw new Error('late') }, 5)\ntest('y', () => new Promise((resolve) => setTimeout(resolve, 200)))`,
      `test('x', () => { process.exit(0) })`,
    ]) {
      const result = await run(body)
      assert.notDeepEqual(result.failures, [], body)
    }
  })

  it('fails by an error that nobody caught, whatever it still waits for', async () => {
    for (const thrown of [`setTimeout(() => { throw new Error('stray') }, 20)`, `Promise.reject(new Error('stray'))`]) {
      const result = await run(`test('first', () => {})
        test('waits', async () => { ${thrown}; await new Promise(() => setInterval(() => {}, 1000)) })`)
      assert.equal(result.passed, 1)
      const [stray, ended] = result.failures
      assert.match(`${stray?.name}: ${stray?.detail}`, /^an error that nobody caught: Error: stray\n +at /)
      assert.deepEqual([ended?.name, ended?.detail], [ENDED, 'in progress: waits'])
    }
  })

  it('is not followed by node:test while its tests run', async () => {
    const result = await run(`import { executionAsyncId } from 'node:async_hooks'
      test('x', async () => { await null; assert.equal(executionAsyncId(), 0) })`)
    assert.deepEqual(result.failures, [])
  })

  it('fails when a test is declared after it was imported', async () => {
    const late = `describe('late', async () => { await new Promise((resolve) => setTimeout(resolve, 5)); it('x', () => {}) })`
    assert.deepEqual(names(await run(`test('first', () => {})\n${late}`)), ['x'])
  })

  it('fails when it has no tests, unless a name was asked for', async () => {
    assert.deepEqual(names(await run('')), ['the file has no tests'])
    assert.deepEqual(names(await run(`test('a', () => {})`, { namePattern: 'nothing' })), [])
  })

  it('is ended when it takes too long, and the test in progress is named', async () => {
    const result = await runTooLong(
      `test('first', () => {})\ndescribe('suite', () => { it('hangs', () => new Promise(() => setInterval(() => {}, 1000))) })`,
      ({ passed }) => passed === 1,
    )
    assert.equal(result.passed, 1)
    assert.equal(result.failures.length, 1)
    assert.equal(result.failures[0]?.detail, 'in progress: suite › hangs')
  })

  it('is ended even when it blocks the event loop, and so is what it started', async () => {
    const result = await runTooLong(
      `import { spawn } from 'node:child_process'
       test('blocks', () => {
         const child = spawn('sleep', ['100'], { stdio: 'inherit' })
         process.stdout.write('started ' + child.pid)
         for (;;) ;
       })`,
      ({ output }) => output.startsWith('started'),
    )
    assert.equal(result.failures.length, 1)
    const pid = Number(/started (\d+)/.exec(result.output)?.[1])
    assert.ok(pid > 0, result.output)
    await gone(pid)
  })

  it('is ended at once when the run is interrupted', async () => {
    const interrupt = new AbortController()
    setTimeout(() => interrupt.abort(), 1_000)
    const result = await run(`test('hangs', () => new Promise(() => setInterval(() => {}, 1000)))`, {
      signal: interrupt.signal,
    })
    assert.deepEqual(names(result), ['interrupted'])
  })

  it('shares its process with the next one, and its failures, hooks and names with none', async () => {
    const seen = 'const seen = (globalThis.seen ??= [])\n'
    const hook = (name: string) =>
      `test('${name}', () => seen.push('${name}'))\nbefore(() => seen.push('before ${name}'))`
    const last = `test('saw', () => assert.deepEqual(seen, ['before a', 'a', 'before b', 'b']))`
    const broken = "test('broken', () => assert.fail('broken'))"
    const results = await runAll([`${seen}${hook('a')}\n${broken}`, seen + hook('b'), seen + last])
    assert.deepEqual(
      results.map((result) => [result.file, result.passed, names(result)]),
      [
        ['a.test.ts', 1, ['broken']],
        ['b.test.ts', 1, []],
        ['c.test.ts', 1, []],
      ],
    )
  })

  it('that leaves the process open, or spoils it afterwards, is told of by the process', async () => {
    for (const [body, name] of [
      [`test('x', () => { setInterval(() => {}, 1000) })`, 'the process did not end after its tests'],
      [`test('x', () => { process.exitCode = 3 })`, 'the process failed after its tests (exit code 3)'],
    ] as const) {
      const results = await runAll([`test('fine', () => {})`, body], { farewellMs: 3_000 })
      assert.deepEqual(results.map(names), [[], [], [name]], body)
      assert.equal(results[2]?.failures[0]?.detail, 'files that ran in it: a.test.ts, b.test.ts')
    }
  })

  it('reports what was skipped and why', async () => {
    const result = await run(`test('a', { skip: 'no network' }, () => {})\ntest.todo('b')\ntest('c', () => {})`)
    assert.equal(result.passed, 1)
    assert.deepEqual(result.skipped, [
      { name: 'a', reason: 'no network' },
      { name: 'b', reason: 'to do' },
    ])
  })
})

describe('the report of a run', () => {
  const base: FileResult = { file: 'a.test.ts', passed: 2, failures: [], skipped: [], durationMs: 1, output: '' }

  function report(...results: FileResult[]) {
    const lines: string[] = []
    const writer = createReport((line) => lines.push(line))
    for (const result of results) writer.file(result, false)
    return { code: writer.end(10), last: lines.at(-1), text: lines.join('\n') }
  }

  it('ends with the three numbers', () => {
    const { code, last } = report(base, { ...base, skipped: [{ name: 's', reason: 'why' }] })
    assert.equal(last, '4 passed, 0 failed, 1 skipped')
    assert.equal(code, 0)
  })

  it('shows what a failed file wrote, and keeps quiet about the others', () => {
    const failures = [{ name: 'broken', place: 'a.test.ts:3', detail: 'because' }]
    const { code, last, text } = report({ ...base, output: 'chatter' }, { ...base, failures, output: 'a clue' })
    assert.equal(code, 1)
    assert.equal(last, '4 passed, 1 failed, 0 skipped')
    assert.match(text, /because[\s\S]*a clue/)
    assert.doesNotMatch(text, /chatter/)
  })

  it('fails when nothing passed', () => {
    assert.equal(report({ ...base, passed: 0 }).code, 1)
    assert.equal(report().code, 1)
  })
})

describe('the discovery of test files', () => {
  it('finds those of every workspace and of the tools, and nothing else', () => {
    using folder = temporaryFolder({
      'packages/db/test/deep/a.test.ts': '',
      'packages/db/test/setup.ts': '',
      'packages/db/src/b.test.ts': '',
      'modules/links/test/c.test.ts': '',
      'apps/stoa/test/d.test.ts': '',
      'tools/test/e.test.ts': '',
      'packages/db/test/node_modules/x/f.test.ts': '',
    })
    const files = testFiles(folder.root)
    assert.deepEqual(files, [
      'apps/stoa/test/d.test.ts',
      'modules/links/test/c.test.ts',
      'packages/db/test/deep/a.test.ts',
      'tools/test/e.test.ts',
    ])
    assert.deepEqual(matching(files, ['./packages/db', 'd.test']), [
      'apps/stoa/test/d.test.ts',
      'packages/db/test/deep/a.test.ts',
    ])
    assert.deepEqual(matching(files, ['none']), [])
  })

  it('knows the files that want a process of their own', () => {
    using folder = temporaryFolder({
      'a.test.ts': `// What it tests.\n// A process of its own: it looks at the memory.\n`,
      'b.test.ts': `it('// A process of its own: is no such line')\n`,
    })
    assert.deepEqual([isAlone(folder.root, 'a.test.ts'), isAlone(folder.root, 'b.test.ts')], [true, false])
  })
})
