import assert from 'node:assert/strict'
import { it } from 'node:test'
import { groundMigrations } from '@stoa/db'
import { lintMigrations } from '@stoa/db/lint'
import { linkMigrations } from '../src/migrations/index.ts'

it('the migrations of links lock no big table and rewrite none', async () => {
  assert.deepEqual(await lintMigrations([groundMigrations, linkMigrations]), [])
})
