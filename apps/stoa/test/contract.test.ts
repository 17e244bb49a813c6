import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { contract } from '../src/contract.ts'
import { newInstallation } from './program.ts'

describe('the contract', () => {
  it('is the document that a running program serves, on PostgreSQL too, and the one that is committed', async () => {
    await using installation = await newInstallation('postgres')
    const { url } = await installation.up()
    const served: unknown = await (await fetch(`${url}/openapi.json`)).json()
    assert.deepEqual(served, await contract())
    const committed = await readFile(new URL('../../../openapi/stoa.json', import.meta.url), 'utf8')
    assert.deepEqual(JSON.parse(committed), served)
  })
})
