import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { testRedisUrl } from '@stoa/testkit'
import { nodeFindings } from '../src/doctor/machine.ts'
import { diagnose } from './doctor.ts'
import { newInstallation } from './program.ts'

describe('the doctor, before the first start', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'stoa-doctor-'))
  })
  after(() => rm(root, { recursive: true, force: true }))

  it('finds nothing to mend, and makes nothing', async () => {
    const dataDir = join(root, 'new')
    const found = await diagnose({ STOA_DATA: dataDir, PORT: '0' })
    assert.deepEqual(found.ills, ['warn Durability'])
    found.has('ok', 'Data folder', /is made at the first start/)
    found.has('ok', 'Database', /its folder is made at the first start/)
    await assert.rejects(readFile(dataDir), { code: 'ENOENT' })
  })

  it('names every variable at fault, and goes no further', async () => {
    const found = await diagnose({ PORT: 'http', STOA_DATTA: 'x', REDIS_URL: 'http://cache' })
    assert.deepEqual(found.ills, ['fail Settings', 'fail Settings', 'fail Settings'])
    found.has('fail', 'Settings', /PORT must be a whole number/)
    found.has('fail', 'Settings', /STOA_DATTA, did you mean 'STOA_DATA'\?$/)
    found.has('fail', 'Settings', /REDIS_URL must be a URL/)
  })

  it('knows the oldest Node', () => {
    assert.deepEqual(
      ['23.11.0', '24.0.0', '25.1.0'].map((version) => nodeFindings(version)[0]?.level),
      ['fail', 'ok', 'ok'],
    )
  })

  it('says of the data folder that it is a file, or open to everybody', async () => {
    const file = join(root, 'file')
    await writeFile(file, '')
    ;(await diagnose({ STOA_DATA: file })).has('fail', 'Data folder', /file is not a folder/)
    ;(await diagnose({ STOA_DATA: join(file, 'below') })).has(
      'fail',
      'Data folder',
      /below cannot be looked at: ENOTDIR/,
    )
    const open = join(root, 'open')
    await mkdir(open)
    await chmod(open, 0o755)
    const { advice } = (await diagnose({ STOA_DATA: open })).has('warn', 'Data folder', /open to every user/)
    assert.equal(advice, `chmod 700 ${open}`)
  })

  it('says of the secret that it is cut short, can be guessed or read by others, or is in two places', async () => {
    const dataDir = join(root, 'secrets')
    await mkdir(dataDir, { mode: 0o700 })
    const secret = join(dataDir, 'secret')
    await writeFile(secret, 'short')
    const ask = (env: Record<string, string> = {}) => diagnose({ STOA_DATA: dataDir, ...env })
    ;(await ask()).has('fail', 'Secret', /has fewer than 32 characters/)
    await writeFile(secret, 'a'.repeat(40))
    await chmod(secret, 0o644)
    const found = await ask()
    found.has('warn', 'Secret', /looks as if it could be guessed/)
    assert.equal(found.has('warn', 'Secret', /can be read by other users/).advice, `chmod 600 ${secret}`)
    const other = await ask({ STOA_SECRET: 'the quick brown fox jumps over it' })
    other.has('ok', 'Secret', /comes from STOA_SECRET/)
    other.has('warn', 'Secret', /secrets\/secret holds another one, which is not used/)
  })

  it('says what is on the port', async () => {
    const server: Server = createServer((_request, response) => response.end('another program')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const ask = (env: Record<string, string>) => diagnose({ STOA_DATA: join(root, 'new'), ...env })
    ;(await ask({ PORT: String(port) })).has(
      'fail',
      'Port',
      new RegExp(`Port ${port} on 127.0.0.1 is in use by another`),
    )
    ;(await ask({ HOST: '203.0.113.7' })).has('fail', 'Port', /This machine has no address 203\.0\.113\.7/)
    await new Promise((resolve) => server.close(resolve))
    ;(await ask({ PORT: String(port) })).has('ok', 'Port', /is free/)
  })

  it('says what the outside will see', async () => {
    const ask = (env: Record<string, string>) => diagnose({ STOA_DATA: join(root, 'new'), PORT: '0', ...env })
    const open = await ask({ HOST: '0.0.0.0' })
    open.has('warn', 'Outside', /STOA_PUBLIC_URL is not set/)
    open.has('warn', 'Outside', /No proxy is trusted: behind one, all callers would look like one address/)
    open.has('warn', 'Outside', /\/metrics is open to whoever reaches the port/)
    const plain = await ask({ STOA_PUBLIC_URL: 'http://stoa.example.org' })
    plain.has('warn', 'Outside', /without TLS: API keys travel in the clear/)
    plain.has('warn', 'Outside', /A proxy seems to be in front, and none is trusted/)
    const secure = await ask({ STOA_PUBLIC_URL: 'https://stoa.example.org', HOST: '0.0.0.0' })
    secure.has('warn', 'Outside', /A proxy seems to be in front, and none is trusted/)
    secure.has('warn', 'Outside', /not told to come by TLS alone/)
    const good = await ask({
      STOA_PUBLIC_URL: 'https://stoa.example.org',
      HOST: '0.0.0.0',
      STOA_METRICS_TOKEN: 'a token of some length',
      STOA_TRUSTED_PROXIES: '10.0.0.0/8',
      STOA_HSTS_SECONDS: '31536000',
    })
    assert.deepEqual(good.ills, ['warn Durability'])
  })

  it('says whether Redis answers, which is never a fault', async () => {
    const ask = (REDIS_URL: string) => diagnose({ STOA_DATA: join(root, 'new'), REDIS_URL })
    ;(await ask(testRedisUrl())).has('ok', 'Redis', /It answers at /)
    ;(await ask('redis://:guess@127.0.0.1:1')).has('warn', 'Redis', /does not answer at 127\.0\.0\.1:1: .*ECONNREFUSED/)
    for (const several of ['redis+sentinel://:guess@127.0.0.1:1/main', 'redis+cluster://:guess@127.0.0.1:1']) {
      ;(await ask(several)).has('warn', 'Redis', /does not answer at [^@]+ 127\.0\.0\.1:1: \w+/)
    }
  })
})

describe('stoa doctor, on an installation on PGlite', () => {
  it('finds it healthy, and damaged, and does not look inside while the program has it', async () => {
    await using installation = await newInstallation('pglite')
    const up = await installation.up()
    const ask = () => diagnose({ ...installation.settings, PORT: new URL(up.url).port })
    const running = await ask()
    running.has('warn', 'Database', new RegExp(`in use by the process ${up.pid}: what is inside was not looked at`))
    running.has('ok', 'Port', /Stoa is running on port/)
    assert.equal(await up.stop(), 0)

    const { code, stderr, stdout } = await installation.run('doctor')
    assert.equal(code, 0, stdout)
    assert.equal(stderr, '')
    assert.match(stdout, /\nok +Same secret +It is the one that the database was made with\.\n/)
    assert.match(
      stdout,
      /\nwarn +Durability +\S.*not a power loss.*\n +→ For data that must not be lost, set DATABASE_URL/,
    )
    assert.match(stdout, /\n\d+ ok, 1 to know, 0 to mend\n$/)

    await rm(join(installation.dataDir, 'db', 'global', 'pg_control'))
    ;(await ask()).has('fail', 'Database', /it is damaged: put it back from a backup/)
  })
})
