/*
 * Signing people and programs in: tokens made, refreshed and looked at, the guard of the API, sign-ins by password while
 * others ask, and a thousand issuers.
 *
 * The program runs as it comes, on PostgreSQL, in one process. Tokens per core are tokens for each second of CPU that its
 * process takes, whatever the machine does besides; what the database takes stands beside. A refresh gives a refresh
 * token, an access token and an ID token. The guard is measured in its process, call by call, beside a check of the same
 * tokens by `node:crypto`; then over HTTP, where everything else of a request is the same. Of the thousand issuers it keeps
 * as many as it does by itself.
 */
import { setTimeout as delay } from 'node:timers/promises'
import autocannon from 'autocannon'
import { checkpoint, newDatabase } from './database.ts'
import { type Bench, type BenchContext, paired, type Row, row } from './harness.ts'
import {
  type Application,
  addApplication,
  addWebApplication,
  ask,
  basic,
  enter,
  openForm,
  p99,
  paced,
  refreshAll,
  setPassword,
  signIn,
  tokensOf,
  tryWrong,
  type Visit,
} from './identity-callers.ts'
import type { GuardCost, GuardOpened, GuardOpening } from './identity-guard-program.ts'
import type { Crowd, Ground, Opened, Opening } from './identity-program.ts'
import { cpuMs, type Program, residentMb, startProgram } from './process.ts'

const CALLERS = 20
const WARM_UP_SECONDS = 3
const HTTP_CALLERS = 50
/** More than the guard remembers. */
const TOKENS = 12_000
const SIGN_INS_PER_SECOND = 50
const OTHERS_PER_SECOND = 200
const PEOPLE = 200
/** Wrong passwords of one measurement. */
const WRONG = 20
const ISSUERS = 1_000
/** How many of those are asked for at once. */
const ASKED_AT_ONCE = 20
const ISSUER_RUNS = 3
/** After so long at rest, what the start and the making alone needed has been given back. */
const AT_REST_MS = 15_000

export const identity: Bench = { name: 'identity', run }

/** What all measurements of the running program share. */
interface Stage {
  readonly context: BenchContext
  readonly postgres: { readonly url: string; pid(): number | null }
  readonly program: Program
  readonly url: string
  readonly issuer: string
  readonly ground: Ground
  readonly robot: Application
  readonly web: Application
}

/** What one measurement gave. */
interface Outcome {
  readonly perSecond: number
  /** CPU time of the server per operation, in µs. */
  readonly cpuUs: number
  /** The same of the database's processes. */
  readonly databaseUs: number
}

async function run(context: BenchContext): Promise<readonly Row[]> {
  const postgres = await context.postgres()
  const databaseUrl = await newDatabase(postgres.url, 'program')
  return [
    ...(await withProgram(context, postgres, databaseUrl)),
    ...(await guard(context, await newDatabase(postgres.url, 'guard'))),
    ...(await issuers(context, await newDatabase(postgres.url, 'issuers'))),
  ]
}

async function withProgram(
  context: BenchContext,
  postgres: Stage['postgres'],
  databaseUrl: string,
): Promise<readonly Row[]> {
  await using program = await startProgram(new URL('./identity-program.ts', import.meta.url))
  const { url } = await program.ask<Opened>('open', { databaseUrl } satisfies Opening)
  const ground = await program.ask<Ground>('ground')
  const robot = await addApplication(url, ground.key, { grantTypes: ['client_credentials'], scopes: ['links:read'] })
  const web = await addWebApplication(url, ground.key)
  const stage = { context, postgres, program, url, issuer: `${url}/t/${ground.slug}`, ground, robot, web }
  await setPassword(stage.issuer, ground.person.reset)
  return [
    ...rates('client-credentials tokens', await repeated(stage, await clientCredentials(stage)), { perCore: 600 }),
    ...rates('refreshes', await repeated(stage, await refreshes(stage)), { perCore: 500 }),
    ...rates('introspections', await repeated(stage, await introspections(stage)), { perSecond: 2_000 }),
    ...(await signIns(stage)),
  ]
}

/** Runs something for a while. @returns how often it was done */
type Load = (seconds: number) => Promise<number>

async function repeated({ context, postgres, program }: Stage, load: Load): Promise<Outcome[]> {
  await load(WARM_UP_SECONDS)
  const outcomes: Outcome[] = []
  for (let number = 0; number < context.runs; number++) {
    await checkpoint(postgres.url)
    const before = { server: cpuMs(program.pid), database: cpuMs(postgres.pid()), at: performance.now() }
    const count = await load(context.seconds)
    const seconds = (performance.now() - before.at) / 1e3
    outcomes.push({
      perSecond: count / seconds,
      cpuUs: ((cpuMs(program.pid) - before.server) * 1e3) / count,
      databaseUs: ((cpuMs(postgres.pid()) - before.database) * 1e3) / count,
    })
  }
  return outcomes
}

function rates(name: string, outcomes: readonly Outcome[], atLeast: { perCore?: number; perSecond?: number }): Row[] {
  const target = (limit: number | undefined) =>
    limit !== undefined && { target: { of: 'value', atLeast: limit } as const }
  const of = (value: (outcome: Outcome) => number) => outcomes.map(value)
  return [
    row({
      ...{ name: `${name} for each second of the server's CPU`, unit: '/s per core' },
      ...{ subject: of(({ cpuUs }) => 1e6 / cpuUs), ...target(atLeast.perCore) },
    }),
    row({
      ...{ name: `${name} for each second of the server's and the database's CPU`, unit: '/s per core' },
      subject: of(({ cpuUs, databaseUs }) => 1e6 / (cpuUs + databaseUs)),
    }),
    row({
      ...{ name: `${name} by ${CALLERS} callers at once`, unit: '/s' },
      ...{ subject: of(({ perSecond }) => perSecond), ...target(atLeast.perSecond) },
    }),
  ]
}

async function clientCredentials({ context, issuer, robot }: Stage): Promise<Load> {
  context.say('client-credentials tokens')
  return (seconds) => posted(`${issuer}/token`, 'grant_type=client_credentials', robot, seconds)
}

async function introspections({ context, issuer, robot, web }: Stage): Promise<Load> {
  context.say('introspection')
  const { access_token: token } = await tokensOf(issuer, robot, 'grant_type=client_credentials')
  return (seconds) => posted(`${issuer}/token/introspection`, `token=${token}`, web, seconds)
}

async function posted(url: string, body: string, application: Application, seconds: number): Promise<number> {
  const headers = { authorization: basic(application), 'content-type': 'application/x-www-form-urlencoded' }
  const result = await autocannon({ url, method: 'POST', headers, body, connections: CALLERS, duration: seconds })
  if (result.non2xx + result.errors > 0) throw new Error(`not all answered: ${JSON.stringify(result.statusCodeStats)}`)
  return result['2xx']
}

async function refreshes({ context, ground, issuer, web }: Stage): Promise<Load> {
  context.say('refreshes')
  const cookie = await signIn(issuer, ground.person.email, await openForm(`${issuer}/sign-in`))
  let tokens: readonly string[] = []
  for (let caller = 0; caller < CALLERS; caller++) tokens = [...tokens, await enter(issuer, web, cookie)]
  return async (seconds) => {
    const { last, used } = await refreshAll(issuer, web, tokens, seconds)
    tokens = last
    return used
  }
}

/** Others ask for a link, at a steady rate; alone, and then beside people who sign in, each with a browser of their own. */
async function signIns({ context, ground, issuer, program, url }: Stage): Promise<Row[]> {
  context.say(`${SIGN_INS_PER_SECOND} sign-ins a second`)
  const { id: like } = ground.person
  const emails = await program.ask<string[]>('crowd', {
    count: PEOPLE,
    like,
    tenantId: ground.tenantId,
  } satisfies Crowd)
  const browsers: Visit[] = []
  for (const email of emails) {
    const browser = await openForm(`${issuer}/sign-in`)
    // From a browser that is known for its account nobody counts how many others sign in from the same address.
    await signIn(issuer, email, browser)
    browsers.push(browser)
  }
  const headers = { authorization: `Bearer ${ground.key}` }
  const others = (seconds: number) =>
    paced(OTHERS_PER_SECOND, seconds, () => got(`${url}/api/v1/links?limit=1`, headers))
  const people = (seconds: number) =>
    paced(SIGN_INS_PER_SECOND, seconds, (turn) =>
      signIn(issuer, emails[turn % PEOPLE] as string, browsers[turn % PEOPLE] as Visit),
    )
  await Promise.all([others(WARM_UP_SECONDS), people(WARM_UP_SECONDS)])
  const [alone, beside, signing, failed]: number[][] = [[], [], [], []]
  for (let number = 0; number < context.runs; number++) {
    alone?.push(p99(await others(context.seconds)))
    const [asked, signed] = await Promise.all([others(context.seconds), people(context.seconds)])
    beside?.push(p99(asked))
    signing?.push(p99(signed))
    failed?.push(asked.failed + signed.failed)
  }
  const name = `while ${SIGN_INS_PER_SECOND} people a second sign in`
  const unit = { unit: 'ms' }
  return [
    row({
      ...{ ...unit, name: `${OTHERS_PER_SECOND} other requests a second ${name}: p99`, subject: beside ?? [] },
      ...{ peer: { name: 'nobody signs in', values: alone ?? [] }, target: { of: 'value', atMost: 50 } },
    }),
    row({ ...unit, name: `a sign-in ${name}: p99`, subject: signing ?? [] }),
    row({ name: `failed ${name}`, unit: 'requests', subject: failed ?? [], target: { of: 'value', atMost: 0 } }),
    ...(await wrongPasswords({ context, issuer, program }, emails)),
  ]
}

/** What a wrong password costs for an account that is there, and for one that is not: who knows the one must not learn the other. */
async function wrongPasswords(
  { context, issuer, program }: Pick<Stage, 'context' | 'issuer' | 'program'>,
  emails: readonly string[],
): Promise<Row[]> {
  context.say('wrong passwords')
  const form = await openForm(`${issuer}/sign-in`)
  let tries = 0
  const measure = (emailOf: (turn: number) => string) => async () => {
    const before = cpuMs(program.pid)
    for (let number = 0; number < WRONG; number++) await tryWrong(issuer, emailOf(tries), form, tries++)
    return (cpuMs(program.pid) - before) / WRONG
  }
  const [known, unknown] = [
    measure((turn) => emails[turn % PEOPLE] as string),
    measure((turn) => `nobody${turn}@example.org`),
  ]
  await known()
  await unknown()
  const { peer, subject } = await paired(context, { subject: known, peer: unknown })
  const one = { name: 'a wrong password for an account that is there', unit: 'ms of CPU', subject }
  const other = { name: 'a wrong password for an account that is not', unit: 'ms of CPU', subject: peer }
  return [
    row({ ...one, peer: { name: 'for one that is not', values: peer }, target: { of: 'ratio', atMost: 1.1 } }),
    row({ ...other, peer: { name: 'for one that is', values: subject }, target: { of: 'ratio', atMost: 1.1 } }),
  ]
}

async function got(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const { status, text } = await ask(url, { headers })
  if (status !== 200) throw new Error(`${status} ${text}`)
}

async function guard(context: BenchContext, databaseUrl: string): Promise<Row[]> {
  context.say('the guard')
  await using program = await startProgram(new URL('./identity-guard-program.ts', import.meta.url))
  const opened = await program.ask<GuardOpened>('open', { databaseUrl, tokens: TOKENS } satisfies GuardOpening)
  await program.ask('cost')
  const costs: GuardCost[] = []
  for (let number = 0; number < context.runs; number++) costs.push(await program.ask<GuardCost>('cost'))
  const of = (value: (cost: GuardCost) => number) => costs.map(value)
  const bare = { name: 'a bare ES256 check', values: of(({ bareUs }) => bareUs) }
  const called = { unit: 'µs of CPU', peer: bare }
  const measure = (url: string) => () => asked(program, url, opened.tokens, context.seconds)
  const http = await paired(context, { subject: measure(opened.guarded), peer: measure(opened.bare) })
  return [
    row({
      ...{ ...called, name: 'the guard, first sight of a token', subject: of(({ firstUs }) => firstUs) },
      target: { of: 'value', atMost: 120 },
    }),
    row({
      ...{ ...called, name: 'the guard, later requests with it', subject: of(({ laterUs }) => laterUs) },
      target: { of: 'value', atMost: 10 },
    }),
    row({
      ...{ name: 'a request with a token that came before', unit: 'µs of CPU', subject: http.subject },
      peer: { name: 'the same route, a bare check each time', values: http.peer },
    }),
  ]
}

/** @returns CPU of the server per request, in µs */
async function asked(program: Program, url: string, tokens: readonly string[], seconds: number): Promise<number> {
  const before = cpuMs(program.pid)
  let caller = 0
  const result = await autocannon({
    ...{ url, connections: HTTP_CALLERS, duration: seconds },
    setupClient: (client) => client.setHeaders({ authorization: tokens[caller++ % tokens.length] as string }),
  })
  if (result.non2xx + result.errors > 0) throw new Error(`not all answered: ${JSON.stringify(result.statusCodeStats)}`)
  return ((cpuMs(program.pid) - before) * 1e3) / result['2xx']
}

/** Each run is a program of its own; the keys of the tenants are made before. */
async function issuers(context: BenchContext, databaseUrl: string): Promise<Row[]> {
  context.say(`${ISSUERS} issuers`)
  const opening: Opening = { databaseUrl }
  const slugs = await prepared(opening)
  const [starts, made, grown, most]: number[][] = [[], [], [], []]
  for (let number = 0; number < Math.min(context.runs, ISSUER_RUNS); number++) {
    await using program = await startProgram(new URL('./identity-program.ts', import.meta.url))
    const before = performance.now()
    const { url } = await program.ask<Opened>('open', opening)
    starts?.push((performance.now() - before) / 1e3)
    // One of another tenant's brings in the code that every issuer needs.
    await discovered(url, slugs.slice(0, 1))
    await delay(AT_REST_MS)
    const [at, mb] = [performance.now(), residentMb(program.pid)]
    await discovered(url, slugs.slice(1))
    made?.push((performance.now() - at) / 1e3)
    most?.push(residentMb(program.pid) - mb)
    await delay(AT_REST_MS)
    grown?.push(residentMb(program.pid) - mb)
  }
  const atMost = (limit: number) => ({ target: { of: 'value', atMost: limit } as const })
  return [
    row({ name: `start with ${ISSUERS} tenants`, unit: 's', subject: starts ?? [], ...atMost(3) }),
    row({
      name: `${ISSUERS} issuers, each asked for its keys: until all are there`,
      unit: 's',
      subject: made ?? [],
      ...atMost(3),
    }),
    row({
      ...{ name: `${ISSUERS} issuers: growth of resident memory, at rest`, unit: 'MB', subject: grown ?? [] },
      ...atMost(80),
    }),
    row({ name: `${ISSUERS} issuers: the same as soon as they are there`, unit: 'MB', subject: most ?? [] }),
  ]
}

async function prepared(opening: Opening): Promise<string[]> {
  await using program = await startProgram(new URL('./identity-program.ts', import.meta.url))
  const { url } = await program.ask<Opened>('open', opening)
  const slugs = await program.ask<string[]>('tenants', ISSUERS + 1)
  await discovered(url, slugs)
  return slugs
}

async function discovered(url: string, slugs: readonly string[]): Promise<void> {
  const waiting = slugs.values()
  const caller = async () => {
    for (const slug of waiting) await got(`${url}/t/${slug}/jwks`, {})
  }
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, caller))
}
