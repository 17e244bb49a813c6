/**
 * The isolation of tenants, tried on every operation of an OpenAPI document: no list of routes to forget one on.
 *
 *   seed      both tenants call every operation once, with success; whatever comes back (ids, codes, names, cursors) is kept
 *   settle    what the program writes late is written
 *   intrude   the intruder calls every operation: word for word as the victim did, and as itself with values of the victim in each place where
 *             one fits (path, query, body, cursor, Idempotency-Key, If-Match): what the victim has there, what is called alike, and
 *             others in turn
 *   judge     no answer holds a value of the victim that the question did not hold (or that is made of what it held), a path with the victim's ids answers 404, its cursors
 *             answer 400, nothing of its answers is replayed, and its tables are the same, row by row
 *
 * Operations that anybody may call have no tenant to keep apart: they are left out here, and stand on a list that is
 * read in review.
 */
import type { Database } from '@stoa/db'
import type { Tenant } from '@stoa/kernel'
import { type ApiHarvest, callOf, harvestOf, withHeader, withQuery } from './api-harvest.ts'
import {
  type ApiCall,
  type ApiCalls,
  type ApiOperation,
  apiOperations,
  callOperation,
  type JsonSchema,
} from './api-operations.ts'
import { fitting, stringPlaces } from './schema-places.ts'
import { rowDifferences, type TenantRowsOptions, tenantRows } from './tenant-rows.ts'
import type { TestAnswer, TestClient } from './test-client.ts'

/** What {@link tryRouteIsolation} takes. */
export interface RouteIsolationOptions extends TenantRowsOptions {
  /** The OpenAPI document of the program. */
  readonly document: object
  readonly calls: ApiCalls
  readonly db: () => Database
  readonly victim: Tenant
  /** New clients with every permission. They are asked for often, so that nobody's bucket runs dry. */
  readonly asVictim: () => Promise<TestClient>
  readonly asIntruder: () => Promise<TestClient>
  /**
   * Operations whose body names what callers choose, or what several tenants may have: who says the same word for word is
   * right to get it. They are not tried with what the victim sends. Default: none.
   */
  readonly sharedNames?: readonly string[]
  /**
   * Comes back when nothing more is going to be written by itself: a restart of the program does. Default: nothing is
   * waited for.
   */
  readonly settle?: () => Promise<void>
}

/** What was tried. */
export interface RouteIsolationReport {
  /** The ids of the operations. */
  readonly checked: readonly string[]
  /** Requests of the intruder. */
  readonly sent: number
  /** What the intruder could do; empty when tenants are isolated. */
  readonly problems: readonly string[]
}

/** What is longer is refused before anybody looks at it. */
const LONGEST_SEGMENT = 200
/** A shorter text may be there by chance. */
const SHORTEST_SECRET = 6
/**
 * Values of other kinds that are put into each place. They take turns: each is tried somewhere, and the number of requests
 * does not grow with the square of the program.
 */
const OTHER_KINDS = 3
/** After so many attacks the intruder comes with another key. */
const ATTACKS_OF_A_CLIENT = 8

/**
 * Tries to reach what the victim has through every operation that needs a permission.
 *
 * @throws Error when an operation has no call, a call does not succeed for its own tenant, or nothing was found that
 * could be betrayed
 */
export async function tryRouteIsolation(options: RouteIsolationOptions): Promise<RouteIsolationReport> {
  const { document, calls, db, victim, asVictim, asIntruder, settle, sharedNames = [] } = options
  const operations = apiOperations(document).filter(({ permission }) => permission !== null)
  const theirs = await harvestOf(operations, calls, asVictim)
  const own = await harvestOf(operations, calls, asIntruder)
  await settle?.()
  const isSecret = (value: string) => value.length >= SHORTEST_SECRET && !own.values.has(value)
  const secrets = [...theirs.values, victim.id].filter(isSecret)
  if (secrets.length < operations.length) throw new Error('the victim has too little that could be betrayed')
  const values = new VictimValues(theirs, victim, isSecret)
  const before = await tenantRows(db(), victim, options)
  const intruder = new Intruder(calls, asIntruder, new Secrets(secrets))
  // What the intruder writes holds what it knows of the victim, and it may read that again: so it reads first.
  const reads = operations.filter(({ method }) => method === 'GET')
  const writes = operations.filter(({ method }) => method !== 'GET')
  for (const operation of [...reads, ...writes]) {
    const all = attacks(operation, theirs, values, victim)
    const names = sharedNames.includes(operation.id)
    await intruder.tryAll(operation, names ? all.filter(({ own }) => own) : all)
  }
  const after = await tenantRows(db(), victim, options)
  const changes = rowDifferences(before, after).map((difference) => `rows of the other tenant changed: ${difference}`)
  return {
    checked: operations.map(({ id }) => id),
    sent: intruder.sent,
    problems: [...intruder.problems, ...changes],
  }
}

/** One request of the intruder. */
interface Attack {
  /** `path id`, `query subject`, `word for word` … */
  readonly what: string
  /** The victim's own call; or how it is made of a call that succeeds for the intruder. */
  readonly of: ApiCall | ((own: ApiCall) => ApiCall)
  /** What it has to answer; null: anything that betrays nothing. */
  readonly status: number | null
  /** It sends the intruder's own body. */
  readonly own?: boolean
  /** It cannot succeed, so the call that it is made of serves others as well. */
  readonly harmless?: boolean
}

/** What of the victim is put into places. */
class VictimValues {
  readonly #named: ReadonlyMap<string, string>
  readonly #ids: readonly string[]
  readonly #texts: readonly string[]
  readonly #isSecret: (value: string) => boolean
  #turn = 0

  constructor({ ids, samples }: ApiHarvest, victim: Tenant, isSecret: (value: string) => boolean) {
    this.#named = samples
    this.#ids = [...new Set([...ids, victim.id])].filter(isSecret)
    this.#texts = [...new Set([...samples.values(), victim.id])].filter(isSecret)
    this.#isSecret = isSecret
  }

  /** Those for a place: what the victim has there, what it has under this name, and some others. */
  for(name: string, schema: JsonSchema, theirs: string | null | undefined): string[] {
    const alike = [theirs, this.#named.get(name)].filter((text) => typeof text === 'string').filter(this.#isSecret)
    const others = fitting(schema, schema.format === 'uuid' ? this.#ids : this.#texts)
    const some = Array.from({ length: Math.min(OTHER_KINDS, others.length) }, (_, index) => {
      return others[(this.#turn + index) % others.length] as string
    })
    this.#turn += OTHER_KINDS
    return [...new Set([...fitting(schema, alike), ...some])]
  }
}

function attacks(operation: ApiOperation, theirs: ApiHarvest, values: VictimValues, victim: Tenant): Attack[] {
  const { id, parameters, body } = operation
  const call = theirs.calls.get(id) as ApiCall
  const page = theirs.pages.get(id)
  const inPath = parameters.some((parameter) => parameter.in === 'path') ? 404 : null
  const { 'idempotency-key': key, ...headers } = call.headers ?? {}
  const anyVersion = withHeader({ ...call, headers }, 'if-match', '*')
  const found: Attack[] = [
    { what: 'word for word', of: call, status: inPath },
    { what: 'If-Match', of: anyVersion, status: inPath },
    { what: 'X-Tenant-Id', of: (own) => withHeader(own, 'x-tenant-id', victim.id), status: null, own: true },
    { what: 'query tenantId', of: (own) => withQuery(own, { tenantId: victim.id }), status: null, own: true },
  ]
  if (page !== undefined) found.push({ what: 'cursor', of: page, status: 400 })
  if (key !== undefined) {
    found.push({ what: 'Idempotency-Key', of: (own) => withHeader(own, 'idempotency-key', key), status: null })
  }
  for (const { name, in: place, schema } of parameters) {
    if (place === 'header' || name === 'cursor') continue
    for (const text of values.for(name, schema, (place === 'path' ? call.params : call.query)?.[name])) {
      if (place === 'path' && text.length > LONGEST_SEGMENT) continue
      found.push(
        place === 'path'
          ? {
              what: `path ${name}`,
              of: (own) => ({ ...own, params: { ...own.params, [name]: text } }),
              status: 404,
              harmless: true,
            }
          : { what: `query ${name}`, of: (own) => withQuery(own, { [name]: text }), status: null },
      )
    }
  }
  if (body === null) return found
  const inBody = (what: string, change: (own: object) => Record<string, unknown>): Attack => ({
    what: `body ${what}`,
    of: (own) => ({ ...own, body: change(own.body ?? {}) }),
    status: null,
  })
  found.push(inBody('tenantId', (own) => ({ ...own, tenantId: victim.id })))
  for (const { get, path, put, schema } of stringPlaces(body)) {
    for (const text of values.for(path.at(-1) ?? '', schema, get(call.body ?? {})))
      found.push(inBody(path.join('.'), (own) => put({ ...own }, text)))
  }
  return found
}

/** Finds texts in another one, however many they are: by what they begin with. */
class Secrets {
  readonly #byStart = new Map<string, string[]>()

  /** @param secrets each of at least {@link SHORTEST_SECRET} characters */
  constructor(secrets: readonly string[]) {
    for (const secret of secrets) {
      const start = secret.slice(0, SHORTEST_SECRET)
      const same = this.#byStart.get(start)
      if (same === undefined) this.#byStart.set(start, [secret])
      else same.push(secret)
    }
  }

  in(text: string): string[] {
    const found: string[] = []
    for (let at = 0; at <= text.length - SHORTEST_SECRET; at++) {
      const same = this.#byStart.get(text.slice(at, at + SHORTEST_SECRET))
      if (same !== undefined) found.push(...same.filter((secret) => text.startsWith(secret, at)))
    }
    return found
  }
}

/** Carries attacks out, and notes what came of them. */
class Intruder {
  sent = 0
  readonly #problems = new Set<string>()
  readonly #calls: ApiCalls
  readonly #newClient: () => Promise<TestClient>
  readonly #secrets: Secrets

  constructor(calls: ApiCalls, newClient: () => Promise<TestClient>, secrets: Secrets) {
    this.#calls = calls
    this.#newClient = newClient
    this.#secrets = secrets
  }

  get problems(): string[] {
    return [...this.#problems]
  }

  /**
   * Tries them some at a time, each time with another key: an Idempotency-Key is known for the API key that used it.
   */
  async tryAll(operation: ApiOperation, [first, ...others]: readonly Attack[]): Promise<void> {
    const groups = first === undefined ? [] : [[first]]
    for (let index = 0; index < others.length; index += ATTACKS_OF_A_CLIENT) {
      groups.push(others.slice(index, index + ATTACKS_OF_A_CLIENT))
    }
    for (const group of groups) {
      const client = await this.#newClient()
      const prepare = () => callOf(this.#calls, operation, client)
      // Reading changes nothing, so one call serves as the start of all; what was carried out may not succeed a second
      // time.
      let shared: Promise<ApiCall> | null = null
      const prepareFor = ({ harmless }: Attack) => {
        if (operation.method !== 'GET' && !harmless) return prepare()
        shared ??= prepare()
        return shared
      }
      const made = async (attack: Attack) =>
        typeof attack.of === 'function' ? attack.of(await prepareFor(attack)) : attack.of
      await Promise.all(group.map(async (attack) => this.#try(operation, attack, client, await made(attack))))
    }
  }

  async #try(operation: ApiOperation, attack: Attack, client: TestClient, call: ApiCall): Promise<void> {
    const answer = await callOperation(client, operation, call)
    this.sent += 1
    const problem = this.#problemOf(call, answer, attack.status)
    if (problem !== null) this.#problems.add(`${operation.id}, ${attack.what}: ${problem}`)
  }

  #problemOf(call: ApiCall, answer: TestAnswer, status: number | null): string | null {
    const said = JSON.stringify([answer.body, [...answer.headers]])
    const asked = JSON.stringify(call)
    // The answer to `example.com` may say `_proof.example.com`.
    const own = textsIn(call.body).filter(({ length }) => length >= SHORTEST_SECRET)
    const isMadeOfIt = (secret: string) => own.some((text) => secret.includes(text))
    const betrayed = this.#secrets.in(said).find((secret) => !asked.includes(secret) && !isMadeOfIt(secret))
    if (betrayed !== undefined) return `the answer (${answer.status}) holds '${betrayed}' of the other tenant`
    if (answer.headers.has('idempotent-replayed')) return "the other tenant's answer was replayed"
    if (answer.status === 429 || answer.status >= 500) return `answered ${answer.status}, which proves nothing`
    return status === null || answer.status === status ? null : `answered ${answer.status} instead of ${status}`
  }
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}
