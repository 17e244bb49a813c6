import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How many modules of the library a new process has loaded when it has imported a file. */
async function loadedBy(file: string): Promise<number> {
  const program = `
    import { registerHooks } from 'node:module'
    let loaded = 0
    registerHooks({ load: (url, context, next) => (url.includes('/oidc-provider/') && loaded++, next(url, context)) })
    await import(${JSON.stringify(import.meta.resolve(file))})
    console.log(loaded)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program])
  return Number(stdout)
}

test('the library of the protocol is taken in with the first issuer, and not with the room', async () => {
  assert.equal(await loadedBy('../src/module.ts'), 0)
  assert.ok((await loadedBy('../src/openid/provider.ts')) > 100)
})
