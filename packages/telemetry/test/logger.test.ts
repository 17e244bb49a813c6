import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { errors, StoaError } from '@stoa/kernel'
import { createLogger, type LoggerOptions, REDACTED } from '@stoa/telemetry'

const apiKey = 'stoa_0123456789abcdef_ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'

function setup(options: LoggerOptions = {}) {
  const written: string[] = []
  const log = createLogger({ ...options, destination: { write: (line) => written.push(line) } })
  return { log, written, records: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

/** A file in a folder of its own. */
function tempFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'deep', 'stoa.log')
}

/** A process that runs the code with a logger `log` on its standard output. */
function program(code: string) {
  const source = `import { createLogger } from '@stoa/telemetry'; const log = createLogger(); ${code}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    err += data
  })
  const ended = once(child, 'close').then(([code]) => ({ code, out, err }))
  return { child, ended }
}

describe('createLogger', () => {
  it('writes one JSON line with level, UTC time, bindings and message', () => {
    const { log, written, records } = setup({ base: { service: 'stoa' } })
    log.info({ route: '/links' }, 'request')
    assert.match(written[0] ?? '', /^\{.*\}\n$/)
    const [{ time, ...rest } = {}] = records()
    assert.deepEqual(rest, { level: 'info', service: 'stoa', route: '/links', msg: 'request' })
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  it('writes its level and above, and nothing when it is silent', () => {
    const all = (log: ReturnType<typeof setup>['log']) => {
      for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) log[level]({}, level)
    }
    for (const [level, expected] of [
      ['debug', ['debug', 'info', 'warn', 'error', 'fatal']],
      ['warn', ['warn', 'error', 'fatal']],
      ['silent', []],
    ] as const) {
      const { log, records } = setup({ level })
      all(log)
      assert.deepEqual(
        records().map((record) => record.level),
        expected,
      )
    }
  })

  it('carries the bindings of every ancestor, such as trace and request ids', () => {
    const { log, records } = setup()
    log.child({ traceId: 'abc' }).child({ requestId: 'def' }).warn({ n: 1 }, 'slow')
    const [{ traceId, requestId, n } = {}] = records()
    assert.deepEqual([traceId, requestId, n], ['abc', 'def', 1])
  })

  it('cuts secrets out of bindings, of children, of the base and of the message', () => {
    const { log, written } = setup({ base: { token: 'base-secret' } })
    log
      .child({ 'x-api-key': 'child-secret' })
      .info({ headers: { authorization: 'own-secret', cookie: 'a=own-secret' } }, `no such key: ${apiKey}`)
    assert.ok(!/base-secret|child-secret|own-secret|ABCDEFGHIJ/.test(written[0] ?? ''), written[0])
    assert.equal((written[0] ?? '').split(REDACTED).length, 6)
  })

  it('spells errors out, also one that is passed in the place of the bindings', () => {
    const { log, records } = setup()
    const error = new StoaError(errors.conflict, { context: { row: 7 } })
    log.error({ err: error }, 'refused')
    log.error(error, 'refused')
    for (const { err } of records()) {
      const { type, code, context, stack } = err as Record<string, unknown>
      assert.deepEqual([type, code, context], ['StoaError', 'conflict', { row: 7 }])
      assert.match(String(stack), /logger\.test/)
    }
  })

  it('never fails its caller', () => {
    const { log, written } = setup()
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    log.info(cycle, 'cycle')
    log.info(null as never, 'null')
    log.info(undefined as never, undefined as never)
    log.info('text' as never, 'text')
    assert.equal(written.length, 4)
  })

  it('refuses options that it does not know', () => {
    assert.throws(() => createLogger({ levle: 'info' } as never), /unknown option 'levle', did you mean 'level'\?/)
    assert.throws(() => createLogger({ level: 'loud' as never }), /level must be one of/)
  })

  it('writes lines for people when asked', () => {
    const { log, written } = setup({ pretty: true })
    log.info({ route: '/a b', n: 1 }, 'request')
    log.error({ err: new Error('broken', { cause: new Error('root') }) }, 'failed')
    assert.match(written[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} INFO {2}request route="\/a b" n=1\n$/)
    assert.match(written[1] ?? '', /ERROR failed\n {2}Error: broken\n {6}at .*caused by:\n {2}Error: root\n/s)
  })
})

describe('the buffer of a logger', () => {
  it('collects lines and hands them over on flush and on dispose', async (t) => {
    const file = tempFile(t)
    const log = createLogger({ destination: file, flushMs: 60_000 })
    for (let n = 0; n < 10; n++) log.info({ n }, 'line')
    await log.flush()
    const lines = () => readFileSync(file, 'utf8').trimEnd().split('\n').length
    assert.equal(lines(), 10)
    log.info({}, 'one more')
    assert.equal(lines(), 10, 'the line waits')
    await log[Symbol.asyncDispose]()
    assert.equal(lines(), 11)
    await log[Symbol.asyncDispose]()
  })

  it('hands over by itself when it is full, in order, and loses nothing', async (t) => {
    const file = tempFile(t)
    const log = createLogger({ destination: file, flushMs: 60_000, bufferBytes: 1000 })
    for (let n = 0; n < 5000; n++) log.info({ n }, 'line')
    await log[Symbol.asyncDispose]()
    const numbers = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).n)
    assert.deepEqual(numbers, [...Array(5000).keys()])
    assert.equal(log.dropped, 0)
  })

  it('drops and counts lines when the reader is too slow, instead of filling the memory', async (t) => {
    const file = tempFile(t)
    const log = createLogger({ destination: file, maxBufferedBytes: 65_536 })
    for (let n = 0; n < 10_000; n++) log.info({ n }, 'line')
    assert.ok(log.dropped > 5000 && log.dropped < 10_000, String(log.dropped))
    await log[Symbol.asyncDispose]()
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    assert.equal(lines.length + log.dropped, 10_000, 'every line is either there or counted')
    for (const line of lines) JSON.parse(line)
  })

  it('hands over after a while though the program goes on and writes no more', async () => {
    const { child, ended } = program(`log.info({}, 'waiting'); process.stdin.on('end', () => {}).resume()`)
    const [data] = await once(child.stdout, 'data')
    assert.match(String(data), /waiting/)
    child.stdin.end()
    assert.equal((await ended).code, 0)
  })

  it('does not keep a program alive, and writes the last lines when it ends, exits or fails', async () => {
    for (const [end, code] of [
      ['', 0],
      ['process.exit(3)', 3],
      ['throw new Error("broken")', 1],
    ] as const) {
      const result = await program(`for (let n = 0; n < 100; n++) log.info({ n }, 'line'); ${end}`).ended
      assert.equal(result.code, code)
      assert.equal(result.out.trimEnd().split('\n').length, 100, end)
    }
  })

  it('has written a fatal line, and all before it, before the call returns', async () => {
    const { out } = await program(
      `log.info({}, 'before'); log.fatal({}, 'fatal'); process.kill(process.pid, 'SIGKILL')`,
    ).ended
    assert.match(out, /before.*\n.*fatal/)
  })

  it('says at once that a file cannot be opened', () => {
    assert.throws(() => createLogger({ destination: join(import.meta.filename, 'x.log') }), /ENOTDIR|EEXIST/)
  })

  it('ends quietly when its reader has gone, and the program goes on', async () => {
    const { child, ended } = program(
      `process.stdin.on('end', async () => { for (let n = 0; n < 3; n++) { log.info({}, 'x'); await log.flush() } console.error('dropped', log.dropped) }).resume()`,
    )
    child.stdout.destroy()
    await once(child.stdout, 'close')
    child.stdin.end()
    const { code, err } = await ended
    assert.equal(code, 0)
    assert.match(err, /log lines cannot be written: EPIPE.*\ndropped 3/)
  })

  it('does not bring the program down when its output breaks', { skip: process.platform !== 'linux' }, async () => {
    const code = `const full = createLogger({ destination: '/dev/full' }); full.info({}, 'x'); await full.flush(); console.log('alive')`
    const result = await program(code).ended
    assert.equal(result.out.trim(), 'alive')
    assert.match(result.err, /log lines cannot be written: ENOSPC/)
    assert.equal(result.code, 0)
  })
})
