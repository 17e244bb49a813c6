import assert from 'node:assert/strict'
import { it } from 'node:test'
import { groundMigrations } from '@stoa/db'
import { lintMigrations } from '@stoa/db/lint'
import { identityMigrations } from '../src/migrations/index.ts'

it('the migrations of identity lock no big table and rewrite none', async () => {
  assert.deepEqual(await lintMigrations([groundMigrations, identityMigrations]), [])
})
