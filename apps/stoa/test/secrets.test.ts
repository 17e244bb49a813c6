import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { createSecret, findSecret, installationSecret, secretFile } from '../src/config/secrets.ts'

const GIVEN = 'a secret that is long enough to be one'

describe('the secret of an installation', () => {
  const root = mkdtempSync(join(tmpdir(), 'stoa-secret-'))
  after(() => rm(root, { recursive: true, force: true }))
  let folders = 0
  const folder = () => join(root, String(++folders))

  it('gives each purpose a key of its own, always the same', () => {
    const secret = installationSecret(GIVEN, 'test')
    assert.deepEqual(secret.derive('links.code', 16), installationSecret(GIVEN, 'file').derive('links.code', 16))
    assert.notDeepEqual(secret.derive('a'), secret.derive('b'))
    assert.equal(secret.derive('a').length, 32)
    assert.throws(() => secret.derive('a', 0), RangeError)
  })

  it('derives what it always derived: another value would lock every installation out', () => {
    const secret = installationSecret(GIVEN, 'test')
    assert.equal(secret.derive('links.code', 16).toString('hex'), '5b5d55a15610cbd15c6f712d7e204f2c')
    assert.equal(secret.fingerprint, 'cf28822b2f55d389bdb354c82f26d4af')
  })

  it('another secret has another fingerprint, which is not the secret', () => {
    const one = installationSecret(GIVEN, 'test')
    assert.notEqual(one.fingerprint, installationSecret(`${GIVEN}.`, 'test').fingerprint)
    assert.match(one.fingerprint, /^[0-9a-f]{32}$/)
  })

  it('is made in a folder that is made too, for its owner alone', async () => {
    const dataDir = folder()
    assert.equal(await findSecret(null, dataDir), null)
    const made = await createSecret(dataDir)
    assert.equal((await findSecret(null, dataDir))?.fingerprint, made.fingerprint)
    assert.equal((await stat(secretFile(dataDir))).mode & 0o777, 0o600)
    assert.equal((await readFile(secretFile(dataDir), 'utf8')).trim().length, 64)
    assert.deepEqual(await readdir(dataDir), ['secret'])
  })

  it('made by many at once is one secret', async () => {
    const dataDir = folder()
    const made = await Promise.all(Array.from({ length: 20 }, () => createSecret(dataDir)))
    assert.equal(new Set(made.map((secret) => secret.fingerprint)).size, 1)
  })

  it('of the environment counts before the file, and the file is left alone', async () => {
    const dataDir = folder()
    const inFile = await createSecret(dataDir)
    const found = await findSecret(GIVEN, dataDir)
    assert.equal(found?.source, 'STOA_SECRET')
    assert.notEqual(found?.fingerprint, inFile.fingerprint)
    assert.equal((await findSecret(null, dataDir))?.fingerprint, inFile.fingerprint)
  })

  it('that was cut short is refused and never replaced', async () => {
    const dataDir = folder()
    await createSecret(dataDir)
    await writeFile(secretFile(dataDir), 'short')
    await assert.rejects(findSecret(null, dataDir), { code: 'secret_unusable' })
    await assert.rejects(createSecret(dataDir), { code: 'secret_unusable' })
    assert.equal(await readFile(secretFile(dataDir), 'utf8'), 'short')
  })

  it('that cannot be read or written is refused with the path', async () => {
    const dataDir = folder()
    await writeFile(dataDir, 'a file where the folder should be')
    await assert.rejects(findSecret(null, dataDir), (error: Error) => error.message.includes(secretFile(dataDir)))
    await assert.rejects(createSecret(dataDir), { code: 'secret_unusable' })
  })
})
