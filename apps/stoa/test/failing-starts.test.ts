import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Installation, newInstallation } from './program.ts'
import { refused } from './refusal.ts'

/** Every file of a folder with a hash of what is in it. */
async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const hashes = files.sort().map(async (file) => {
    return [
      file,
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    ] as const
  })
  return Object.fromEntries(await Promise.all(hashes))
}

/** Root may read everything, unless it gives that right up. */
function withoutPrivileges(): readonly string[] {
  if (process.getuid?.() !== 0) return []
  const words = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']
  const tried = spawnSync(words[0] as string, [...words.slice(1), 'true'])
  assert.equal(
    tried.status,
    0,
    'root can only try this with setpriv: install util-linux, or run the tests as another user',
  )
  return words
}

describe('a start that cannot be, on an installation with data', () => {
  let installation: Installation
  let link: { readonly id: string }
  let kept: Record<string, string>
  before(async () => {
    installation = await newInstallation('pglite')
    const up = await installation.up()
    link = (await up.client().created<typeof link>('/api/v1/links', { target: 'https://example.com/' })).body
    assert.equal(await up.stop(), 0)
    kept = await contents(installation.dataDir)
  })
  after(() => installation[Symbol.asyncDispose]())

  /** Tries a start that is refused, and leaves every byte as it was. */
  async function tryStart(why: RegExp, settings: Record<string, string> = {}, prefix: readonly string[] | null = null) {
    const start = () => (prefix ? installation.run('up', settings, prefix) : installation.call('up', settings))
    refused(await start(), why)
    assert.deepEqual(await contents(installation.dataDir), kept)
  }

  it('names a port that is taken, and another one to try', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await tryStart(new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is in use by another program\\. Choose one by PORT=`), {
      PORT: String(port),
    })
    server.close()
  })

  it('names an address that this machine does not have, whichever port is asked for', async () => {
    await tryStart(/This machine has no address 203\.0\.113\.7/, { HOST: '203.0.113.7' })
  })

  it('names every variable at fault, and the one that was probably meant', async () => {
    await tryStart(/PORT must be a whole number \(got "http"\)/, { PORT: 'http' })
    await tryStart(/unknown variable STOA_PUBLIC_ULR, did you mean 'STOA_PUBLIC_URL'\?/, { STOA_PUBLIC_ULR: 'x' })
    await tryStart(/STOA_LOG_LEVEL.*STOA_DRAIN_TIMEOUT_MS/, { STOA_LOG_LEVEL: 'loud', STOA_DRAIN_TIMEOUT_MS: '-1' })
  })

  it('names what is a file and should be a folder', async () => {
    const file = join(installation.folder, 'file')
    await writeFile(file, 'mine')
    for (const STOA_DATA of [file, join(file, 'below')]) {
      await tryStart(/The data folder \S+\/file\/\S+ cannot be made: ENOTDIR/, { STOA_DATA })
    }
    assert.equal(await readFile(file, 'utf8'), 'mine')
  })

  it('names a folder in which nothing can be made', async () => {
    // Linux says ENOENT, where it is; elsewhere there is no such folder, and none can be made at the root.
    await tryStart(/The data folder \/proc\/stoa\/db cannot be made: E[A-Z]+:/, { STOA_DATA: '/proc/stoa' })
  })

  it('names a folder that it may not read or write', async () => {
    const prefix = withoutPrivileges()
    const sealed = join(installation.folder, 'sealed')
    await mkdir(join(sealed, 'db'), { recursive: true })
    for (const [mode, why] of [
      [0o000, /The data folder \S+\/sealed\/db cannot be reached: \S+\/sealed may not be entered/],
      [0o500, /The lock file \S+\/sealed\/db\.lock cannot be written: EACCES/],
    ] as const) {
      await chmod(sealed, mode)
      await tryStart(why, { STOA_DATA: sealed }, prefix)
    }
    await chmod(sealed, 0o700)
  })

  it('names a folder that holds something else, and leaves it alone', async () => {
    const foreign = join(installation.folder, 'foreign')
    await mkdir(join(foreign, 'db'), { recursive: true })
    await writeFile(join(foreign, 'db', 'letters.txt'), 'dear')
    await tryStart(/foreign\/db holds no database, but it is not empty \(it has letters\.txt\)/, { STOA_DATA: foreign })
    assert.deepEqual(await readdir(foreign, { recursive: true }), ['db', 'db/letters.txt'])
  })

  it('names the process that has the folder, which goes on as if nothing had happened', async () => {
    await using up = await installation.up()
    for (const command of ['up', 'migrate', 'tenant create acme']) {
      const why = new RegExp(`The data folder \\S+/db is in use by the process ${up.pid}\\. Stop that process`)
      refused(await installation.call(command), why)
    }
    await up.client().got(`/api/v1/links/${link.id}`)
    assert.equal(await up.stop(), 0)
  })

  it('names what it may not read or write inside of the database, and so does the doctor', async () => {
    const prefix = withoutPrivileges()
    for (const [name, mode] of [
      ['global', 0o700],
      ['global/pg_control', 0o600],
    ] as const) {
      const path = join(installation.dataDir, 'db', name)
      await chmod(path, 0o000)
      const [start, doctor] = [await installation.run('up', {}, prefix), await installation.run('doctor', {}, prefix)]
      await chmod(path, mode)
      refused(start, new RegExp(`cannot be opened as a database: ${path} may not be read and written\\. Give it`))
      assert.match(doctor.stdout, new RegExp(`^fail +Data folder +${path} may not be read and written\\.$`, 'm'))
    }
  })

  it('says of a damaged database that it is damaged', async () => {
    const control = join(installation.dataDir, 'db', 'global', 'pg_control')
    const saved = await readFile(control)
    await truncate(control)
    refused(await installation.run('up'), /cannot be opened as a database: .* it is damaged: put it back from a backup/)
    await writeFile(control, saved)
    const folder = join(installation.dataDir, 'db', 'global')
    await rename(folder, `${folder}.aside`)
    await writeFile(folder, '')
    refused(
      await installation.run('up'),
      /as a database: \S+\/db\/global is not a folder, so it is damaged: put it back from a backup\.$/,
    )
    await rm(folder)
    await rename(`${folder}.aside`, folder)
  })

  it('was in vain, and has done no harm: the next one has everything', async () => {
    await using up = await installation.up()
    await up.client().got(`/api/v1/links/${link.id}`)
    assert.equal(await up.stop(), 0)
  })
})
