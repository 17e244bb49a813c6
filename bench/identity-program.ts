// The program of the identity benchmark, in a process of its own, so that its CPU time can be told from everything else's.

import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTenant, type Database } from '@stoa/db'
import { seedPerson } from '@stoa/identity/testing'
import { newId, systemClock, systemCtx, type Tenant, tenantCtx } from '@stoa/kernel'
import { type Stoa, startStoa } from '@stoa/stoa'
import { configOf } from '@stoa/stoa/config'
import { readEnvironment } from '@stoa/stoa/environment'
import { giveBackMemoryAtRest } from '@stoa/stoa/give-back-memory'
import { migrationSets } from '@stoa/stoa/manifest'
import { createLogger } from '@stoa/telemetry'
import { answer } from './process.ts'

/** How to open the program. */
export interface Opening {
  readonly databaseUrl: string
}

/** It listens. */
export interface Opened {
  readonly url: string
}

/** A tenant of the benchmark, and what opens it. */
export interface Ground {
  readonly slug: string
  readonly tenantId: string
  /** An API key that may do everything. */
  readonly key: string
  /** Somebody without a password, and the token of the link by which they set one. */
  readonly person: { readonly id: string; readonly email: string; readonly reset: string }
}

/** More people who have the password of somebody. */
export interface Crowd {
  readonly count: number
  readonly like: string
  readonly tenantId: string
}

/** Of the installation: several programs in turn open the same database. */
const SECRET = 'ab'.repeat(32)
const UNREACHED = { capacity: 1_000_000, refillPerSecond: 1_000_000 }

const stack = new AsyncDisposableStack()
const folder = mkdtempSync(join(tmpdir(), 'stoa-bench-'))
stack.defer(() => rmSync(folder, { recursive: true, force: true }))
const log = stack.use(createLogger({ level: 'info', destination: join(folder, 'log') }))
const ctx = systemCtx({ log, clock: systemClock }, 'bench')
let program: Stoa | undefined

/** The program as `npm start` runs it on PostgreSQL, with its log in a file. */
async function open({ databaseUrl }: Opening): Promise<Opened> {
  const environment = readEnvironment({ DATABASE_URL: databaseUrl, STOA_DATA: folder, STOA_SECRET: SECRET, PORT: '0' })
  const config = configOf(environment, {}, false)
  // The limits that come with the program are below what is measured; they are counted all the same.
  const limits = { rateLimit: UNREACHED, tenantRateLimit: UNREACHED, anonymousRateLimit: UNREACHED }
  const [burst, perSecond] = [UNREACHED.capacity, UNREACHED.refillPerSecond]
  const programs = { clientBurst: burst, clientRequestsPerSecond: perSecond }
  const addresses = { addressBurst: burst, addressRequestsPerSecond: perSecond }
  const rooms = { ...config.rooms, identity: { ...config.rooms.identity, ...programs, ...addresses } }
  const own = { ...config, rooms, http: { ...config.http, ...limits, trustedProxies: ['127.0.0.1'] } }
  program = stack.use(await startStoa(own, { log, clock: systemClock }, { migrates: true }))
  stack.use(giveBackMemoryAtRest({ clock: systemClock, log }))
  return { url: program.url }
}

async function ground(): Promise<Ground> {
  const { apiKeys, db } = opened()
  const tenant = await newTenant(db)
  const own = tenantCtx(ctx, tenant, { permissions: new Set(['*']) })
  const { token: key } = await apiKeys.create(own, { name: 'bench', scopes: ['*'], expiresAt: null })
  const person = await seedPerson(db, ctx, tenant, ['owner'])
  const reset = randomBytes(32).toString('base64url')
  await db.admin((session) =>
    session.query(
      `insert into stoa.one_time_tokens (token_hash, purpose, person_id, expires_at, created_at)
       values ($1, 'reset', $2, now() + interval '1 hour', now())`,
      [createHash('sha256').update(reset).digest(), person.id],
    ),
  )
  return { slug: tenant.slug, tenantId: tenant.id, key, person: { ...person, reset } }
}

/** @returns their addresses */
async function crowd({ count, like, tenantId }: Crowd): Promise<string[]> {
  const { db } = opened()
  const emails: string[] = []
  for (let number = 0; number < count; number++) {
    const { email, id } = await seedPerson(db, ctx, { id: tenantId })
    await db.admin((session) =>
      session.query(
        `insert into stoa.passwords (person_id, hash, set_at)
         select $1, hash, set_at from stoa.passwords where person_id = $2`,
        [id, like],
      ),
    )
    emails.push(email)
  }
  return emails
}

/** @returns the slugs of so many new tenants */
async function tenants(count: number): Promise<string[]> {
  const slugs: string[] = []
  for (let number = 0; number < count; number++) slugs.push((await newTenant(opened().db)).slug)
  return slugs
}

function newTenant(db: Database): Promise<Tenant> {
  const slug = `acme-${newId().slice(-12)}`
  return createTenant(db, ctx, migrationSets, { slug, name: 'Acme', placement: 'pool' })
}

function opened(): Stoa {
  if (program === undefined) throw new Error('it is not open yet')
  return program
}

answer({ open, ground, crowd, tenants }, () => stack.disposeAsync())
