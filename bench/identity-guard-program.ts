// The guard of the identity room beside a bare check of the same tokens, in a process of its own.

import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTenant, migrate, openPostgres } from '@stoa/db'
import { type AuthScheme, createHttp, defineRoute, type Principal } from '@stoa/http'
import { seedPerson } from '@stoa/identity/testing'
import { newId, Resources, systemClock, systemCtx, type Tenant } from '@stoa/kernel'
import { compose } from '@stoa/stoa'
import { configOf } from '@stoa/stoa/config'
import { readEnvironment } from '@stoa/stoa/environment'
import { migrationSets } from '@stoa/stoa/manifest'
import { createLogger } from '@stoa/telemetry'
import { Type } from 'typebox'
import { answer } from './process.ts'

/** What is opened. */
export interface GuardOpening {
  readonly databaseUrl: string
  /** How many tokens there are: more than the guard remembers, so that each is new to it when they come in turn. */
  readonly tokens: number
}

/** It listens. */
export interface GuardOpened {
  /** A route behind the guard. */
  readonly guarded: string
  /** The same route behind a check of the signature and the claims, and nothing else. */
  readonly bare: string
  /** Some of the tokens. */
  readonly tokens: readonly string[]
}

/** CPU of a call, in µs. */
export interface GuardCost {
  /** Of the guard, at the first sight of a token. */
  readonly firstUs: number
  /** Of the guard, later. */
  readonly laterUs: number
  /** Of a check of signature and claims by `node:crypto`. */
  readonly bareUs: number
}

/** Who has tokens. */
interface Holder {
  readonly tenant: Tenant
  readonly personId: string
  readonly issuer: string
  readonly audience: string
}

const CALLERS = 50
const LATER_CALLS = 200_000
const UNREACHED = { capacity: 1_000_000, refillPerSecond: 1_000_000 }
const resources = new Resources({ clock: systemClock })
let headers: readonly { readonly authorization: string }[] = []
let guard: AuthScheme | undefined
let bare: AuthScheme | undefined

async function open({ databaseUrl, tokens: count }: GuardOpening): Promise<GuardOpened> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-bench-'))
  resources.add('folder', async () => rmSync(folder, { recursive: true, force: true }))
  const log = resources.use(createLogger({ level: 'info', destination: join(folder, 'log') }), 'log')
  const deps = { log, clock: systemClock }
  const db = resources.use(await openPostgres({ url: databaseUrl }, deps), 'database')
  await migrate(db, migrationSets, deps)
  const config = configOf(readEnvironment({ DATABASE_URL: databaseUrl, STOA_DATA: folder, PORT: '0' }), {}, false)
  const secret = (purpose: string, bytes = 32) => Buffer.alloc(bytes, purpose)
  const composed = await compose(config, { ...deps, db, secret }, resources)
  const url = composed.reachedAt('http://127.0.0.1:1')
  await Promise.all(composed.rooms.map((room) => room.ready?.()))
  guard = composed.rooms.flatMap(({ schemes = [] }) => [...schemes]).find(({ name }) => name === 'accessToken')
  const ctx = systemCtx(deps, 'bench')
  const slug = `acme-${newId().slice(-12)}`
  const tenant = await createTenant(db, ctx, migrationSets, { slug, name: 'Acme', placement: 'pool' })
  const { id: personId } = await seedPerson(db, ctx, tenant, ['owner'])
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const [kid, publicJwk] = [`bench-${newId()}`, publicKey.export({ format: 'jwk' })]
  // A key of the tenant's whose private part is here: tokens need not be asked for one by one.
  await db.admin((session) =>
    session.query(
      `insert into stoa.signing_keys (tenant_id, kid, alg, public_jwk, private_sealed, signs_from, created_at)
       values ($1, $2, 'ES256', $3::jsonb, '', now() - interval '1 day', now() - interval '1 day')`,
      [tenant.id, kid, JSON.stringify(publicJwk)],
    ),
  )
  const holder = { tenant, personId, issuer: `${url}/t/${slug}`, audience: `${url}/api/v1` }
  headers = mint(count, kid, privateKey, holder).map((token) => ({ authorization: `Bearer ${token}` }))
  bare = bareScheme(kid, publicJwk, holder)
  // Keys and rights are read from the database once.
  await guard?.authenticate({ headers: headers[0] ?? {}, ip: '127.0.0.1' })
  const serve = async (scheme: AuthScheme) => {
    const http = await createHttp(
      // What is measured without HTTP holds the event loop for longer than a server should.
      { port: 0, rateLimit: UNREACHED, tenantRateLimit: UNREACHED, maxEventLoopDelayMs: 0 },
      { ...deps, db, secret, routes: [hello], schemes: [scheme] },
    )
    return `${await resources.use(http, 'http').listen()}/hello`
  }
  return {
    guarded: await serve(guard as AuthScheme),
    bare: await serve(bare),
    tokens: headers.slice(0, CALLERS).map(({ authorization }) => authorization),
  }
}

function mint(count: number, kid: string, key: KeyObject, { audience, issuer, personId, tenant }: Holder): string[] {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const head = part({ alg: 'ES256', typ: 'at+jwt', kid })
  const [iat, clientId] = [Math.floor(Date.now() / 1_000), newId()]
  const claims = {
    ...{ roles: ['owner'], acr: '1', amr: ['pwd'], auth_time: iat, sub: personId, iat, exp: iat + 3_600 },
    ...{ tenant: tenant.id, scope: 'openid links:read links:write', client_id: clientId, iss: issuer, aud: audience },
  }
  return Array.from({ length: count }, () => {
    const text = `${head}.${part({ ...claims, jti: newId() })}`
    return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  })
}

/** What one writes by hand: the signature, the issuer, the audience, the time; each time anew. */
function bareScheme(kid: string, jwk: JsonWebKey, { audience, issuer, personId, tenant }: Holder): AuthScheme {
  const keys = new Map([[kid, createPublicKey({ key: jwk, format: 'jwk' })]])
  const read = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString())
  const actor = { type: 'person', id: personId } as const
  const principal: Principal = { actor, tenant, permissions: new Set(['links:read']), limitKey: personId }
  return {
    ...{ name: 'bare', challenge: 'Bearer', openapi: { type: 'http', scheme: 'bearer' } },
    authenticate({ headers: { authorization = '' } }) {
      const token = authorization.slice(7)
      const [head, body, signature = ''] = token.split('.')
      const { alg, kid: named } = read(head)
      const key = keys.get(named)
      const signed = Buffer.from(token.slice(0, token.lastIndexOf('.')))
      const shown = Buffer.from(signature, 'base64url')
      if (alg !== 'ES256' || key === undefined) return null
      if (!verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, shown)) return null
      const { aud, exp, iss } = read(body)
      return iss === issuer && aud === audience && exp * 1_000 > Date.now() ? principal : null
    },
  }
}

const HELLO = { hello: 'world' }
const hello = defineRoute({
  method: 'GET',
  url: '/hello',
  operationId: 'hello',
  tags: ['bench'],
  summary: 'Says hello.',
  permission: 'links:read',
  schema: { response: { 200: Type.Object({ hello: Type.String() }) } },
  handler: async () => HELLO,
})

/** One after the other, in this process and without a request around them: µs are too few to be seen in one. */
async function cost(): Promise<GuardCost> {
  const [ours, theirs] = [guard as AuthScheme, bare as AuthScheme]
  const each = async (scheme: AuthScheme, calls: number, of: number): Promise<number> => {
    const before = process.cpuUsage()
    for (let number = 0; number < calls; number++) {
      const shown = { headers: headers[number % of] ?? {}, ip: '127.0.0.1', method: 'GET', url: '/hello' }
      const answered = scheme.authenticate(shown)
      // Rights are read anew now and then; everything else is answered at once.
      if (answered === null || (answered instanceof Promise && (await answered) === null)) throw new Error('refused')
    }
    const { system, user } = process.cpuUsage(before)
    return (system + user) / calls
  }
  const firstUs = await each(ours, headers.length, headers.length)
  const bareUs = await each(theirs, headers.length, headers.length)
  await each(ours, CALLERS, CALLERS)
  return { firstUs, bareUs, laterUs: await each(ours, LATER_CALLS, CALLERS) }
}

answer({ open, cost }, () => resources[Symbol.asyncDispose]())
