import { randomUUID } from 'node:crypto'
import { type ApiCall, type ApiCalls, type ApiOperation, addressOf, callOperation } from './api-operations.ts'
import type { TestAnswer, TestClient } from './test-client.ts'

/** What a tenant has after it called every operation once. */
export interface ApiHarvest {
  /** By operation: the call that succeeded, with its Idempotency-Key where there was one. */
  readonly calls: ReadonlyMap<string, ApiCall>
  /** By operation: the call that got its second page. */
  readonly pages: ReadonlyMap<string, ApiCall>
  /** Every text that was sent or came back, times aside. */
  readonly values: ReadonlySet<string>
  /** One of each field, by its name. */
  readonly samples: ReadonlyMap<string, string>
  /** One UUID of each field, and those that were made for a call. */
  readonly ids: readonly string[]
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const TIME = /^\d{4}-\d\d-\d\dT/

/**
 * Calls every operation with success, and keeps what comes back.
 *
 * @param client gives a new one for each operation
 * @throws Error when an operation has no call, or a call does not succeed
 */
export async function harvestOf(
  operations: readonly ApiOperation[],
  calls: ApiCalls,
  client: () => Promise<TestClient>,
): Promise<ApiHarvest> {
  const basket = new Basket()
  const done = new Map<string, ApiCall>()
  for (const operation of operations) {
    const caller = await client()
    const prepared = await callOf(calls, operation, caller)
    const call = isKeyed(operation) ? withHeader(prepared, 'idempotency-key', randomUUID()) : prepared
    const { body, headers } = await succeeded(caller, operation, call)
    if (isKeyed(operation)) await mustReplay(caller, operation, call)
    basket.take('', call)
    basket.take('', body)
    basket.take('location', headers.get('location'))
    done.set(operation.id, call)
  }
  const pages = new Map<string, ApiCall>()
  for (const operation of operations.filter(isList)) {
    const caller = await client()
    const first = withQuery(done.get(operation.id) as ApiCall, { limit: '1' })
    const { nextCursor } = (await succeeded(caller, operation, first)).body as { readonly nextCursor: string | null }
    if (nextCursor === null) throw new Error(`${operation.id} has one page only, so no cursor can be tried`)
    const second = withQuery(first, { cursor: nextCursor })
    await succeeded(caller, operation, second)
    pages.set(operation.id, second)
  }
  return {
    calls: done,
    pages,
    values: basket.values,
    samples: basket.samples,
    ids: idsOf([...done.values()], [...basket.samples.values()]),
  }
}

/** A call of the operation that succeeds. @throws Error when there is none for it */
export async function callOf(calls: ApiCalls, { id }: ApiOperation, caller: TestClient): Promise<ApiCall> {
  const prepare = calls[id]
  if (prepare === undefined)
    throw new Error(
      `there is no call of ${id}: say how it is called with success (for the program in apps/stoa/test/api-calls.ts)`,
    )
  return await prepare(caller)
}

function idsOf(calls: readonly ApiCall[], samples: readonly string[]): string[] {
  const texts = [...calls.flatMap(({ params = {} }) => Object.values(params)), ...samples]
  return [...new Set(texts)].filter((text) => UUID.test(text))
}

/** Whether it is carried out once under a key. */
function isKeyed({ parameters }: ApiOperation): boolean {
  return parameters.some(({ in: place, name }) => place === 'header' && name === 'Idempotency-Key')
}

function isList({ parameters }: ApiOperation): boolean {
  return parameters.some(({ in: place, name }) => place === 'query' && name === 'cursor')
}

/** The call with one more header. */
export function withHeader(call: ApiCall, name: string, value: string): ApiCall {
  return { ...call, headers: { ...call.headers, [name]: value } }
}

/** The call with more in its query. */
export function withQuery(call: ApiCall, query: Readonly<Record<string, string>>): ApiCall {
  return { ...call, query: { ...call.query, ...query } }
}

async function succeeded(caller: TestClient, operation: ApiOperation, call: ApiCall): Promise<TestAnswer> {
  const answer = await callOperation(caller, operation, call)
  if (answer.status < 400) return answer
  const address = `${operation.method} ${addressOf(operation, call)}`
  throw new Error(`${operation.id}: ${address} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
}

/** Else another tenant's replay would prove nothing. */
async function mustReplay(caller: TestClient, operation: ApiOperation, call: ApiCall): Promise<void> {
  const { headers } = await succeeded(caller, operation, call)
  if (headers.get('idempotent-replayed') !== 'true') throw new Error(`${operation.id} does not keep its answers`)
}

class Basket {
  readonly values = new Set<string>()
  readonly samples = new Map<string, string>()

  take(field: string, value: unknown): void {
    if (typeof value === 'string') this.#keep(field, value)
    else if (Array.isArray(value)) for (const item of value) this.take(field, item)
    else if (typeof value === 'object' && value !== null) {
      for (const [name, item] of Object.entries(value)) this.take(name, item)
    }
  }

  #keep(field: string, value: string): void {
    if (TIME.test(value)) return
    this.values.add(value)
    if (!this.samples.has(field)) this.samples.set(field, value)
  }
}
