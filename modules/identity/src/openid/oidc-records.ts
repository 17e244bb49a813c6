/*
 * Where the provider keeps what it has given out: one statement for each of its calls.
 *
 * What somebody can show (a code, a refresh token, a user code) is kept as its SHA-256, and left out of the payload; what
 * the provider has to find again without being shown it (the device code behind a user code) is encrypted. A stolen
 * table lets nobody in.
 *
 * The provider reads first and writes then. Where two could do that at the same time, the statement decides: one of them
 * uses the code or the refresh token, and for the other one it is a replay, which ends the grant. A refresh token is used
 * up by the statement that keeps the next one: one commit for both, and who gets none can use the old one again.
 */
import { createHmac, hash } from 'node:crypto'
import type { Database, Tx } from '@stoa/db'
import { type Ctx, isId, seal, unseal } from '@stoa/kernel'
import type { Adapter, AdapterPayload } from 'oidc-provider'
import { touchSession } from '../sign-in/session-store.ts'
import { TOUCH_MS } from '../sign-in/sessions.ts'
import { libraryErrors, requestInLibrary } from './oidc-library.ts'
import {
  addRecord,
  consumeRecord,
  type OidcRecord,
  type OidcRecordRow,
  recordById,
  recordByUserCode,
  recordOfLiveSession,
  removeFamily,
  removeRecord,
  removeRecordsOfGrant,
  replaceRecord,
  saveRecord,
} from './oidc-record-store.ts'

/** What records stand on. */
export interface OidcRecordsDeps {
  readonly db: Database
  /** Encrypts. 32 bytes. */
  readonly key: Buffer
  /** Called when a grant ends, in the transaction (of the system role) that ends it. Default: nothing is said. */
  readonly grantEnded?: (tx: Tx, grantId: string, spent: boolean) => void
}

/** What is encrypted of a payload, by model: what could be shown to us, and has to be known again. */
const SEALED: Readonly<Record<string, readonly string[]>> = {
  DeviceCode: ['jti', 'userCode'],
  Interaction: ['deviceCode', 'parJti', 'cid'],
}
const SESSION_BOUND = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode'])
/** What says nothing of its own end is kept for a year. */
const NO_END_SECONDS = 365 * 86_400

/** The kinds of tokens that are told apart by their first letter: only one of them is looked for. */
const LETTERS: Readonly<Record<string, string>> = { AccessToken: 'a', ClientCredentials: 'c', RefreshToken: 'r' }

/** Refresh tokens that requests under way use up. */
const used = new WeakMap<object, Buffer>()

/** The first letter of the tokens of a kind; null: they have none of their own. */
export function letterOf(model: string): string | null {
  return LETTERS[model] ?? null
}

/** The records of one kind, of one tenant. */
export class OidcRecords implements Adapter {
  readonly #model: string
  readonly #ctx: Ctx
  readonly #deps: OidcRecordsDeps

  constructor(model: string, ctx: Ctx, deps: OidcRecordsDeps) {
    this.#model = model
    this.#ctx = ctx
    this.#deps = deps
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<undefined> {
    const record = this.#recordOf(id, payload, expiresIn)
    const used = this.#usedByThisRequest()
    if (used === undefined) await this.#deps.db.transaction(this.#ctx, (tx) => saveRecord(tx, record))
    else await this.#replace(used, record)
  }

  /** Keeps it if there is none. False when there is: somebody has shown the same before. */
  add(id: string, payload: AdapterPayload, expiresIn: number): Promise<boolean> {
    const record = this.#recordOf(id, payload, expiresIn)
    return this.#deps.db.transaction(this.#ctx, (tx) => addRecord(tx, record))
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const letter = letterOf(this.#model)
    if (letter !== null && !id.startsWith(letter)) return undefined
    const { id: tenantId } = this.#ctx.tenant
    const row = await this.#deps.db.read(this.#ctx, (tx) => recordById(tx, tenantId, this.#model, digestOf(id)))
    return row && this.#payloadOf(row, id)
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const { id: tenantId } = this.#ctx.tenant
    const row = await this.#deps.db.read(this.#ctx, (tx) =>
      recordByUserCode(tx, tenantId, this.#userCodeHash(userCode)),
    )
    return row && this.#payloadOf(row, undefined)
  }

  /**
   * The provider's session of a session of ours: they have one id, and one end. It is asked for when an application shows
   * what it was given for it: so the session is used.
   */
  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    if (!isId(uid)) return undefined
    const { clock, tenant } = this.#ctx
    const { db } = this.#deps
    const now = new Date(clock.now())
    const row = await db.systemRead(this.#ctx, (tx) => recordOfLiveSession(tx, tenant.id, digestOf(uid), uid, now))
    if (row === undefined) return undefined
    if (now.getTime() - row.seenAt.getTime() >= TOUCH_MS) {
      await db.system(this.#ctx, (tx) => touchSession(tx, uid, now))
    }
    return this.#payloadOf(row, uid)
  }

  async consume(id: string): Promise<undefined> {
    const { clock, tenant } = this.#ctx
    const koa = requestInLibrary()
    if (this.#model === 'RefreshToken' && koa !== undefined && koa.oidc.params?.grant_type === 'refresh_token') {
      used.set(koa, digestOf(id))
      return
    }
    const consumed = await this.#deps.db.transaction(this.#ctx, (tx) =>
      consumeRecord(tx, tenant.id, this.#model, digestOf(id), new Date(clock.now())),
    )
    if (!consumed) await this.#refuseSpent(digestOf(id))
  }

  /** The refresh token that the next one takes the place of. */
  #usedByThisRequest(): Buffer | undefined {
    const koa = requestInLibrary()
    return this.#model === 'RefreshToken' && koa !== undefined ? used.get(koa) : undefined
  }

  async #replace(before: Buffer, record: OidcRecord): Promise<void> {
    const at = new Date(this.#ctx.clock.now())
    const replaced = await this.#deps.db.transaction(this.#ctx, (tx) => replaceRecord(tx, record, before, at))
    if (!replaced) await this.#refuseSpent(before)
  }

  /** Somebody else used it, after it was looked at. Nobody knows which of them is the thief, so the grant ends for both. */
  async #refuseSpent(id: Buffer): Promise<never> {
    const { tenant } = this.#ctx
    await this.#deps.db.system(this.#ctx, async (tx) => {
      const grantId = await removeFamily(tx, tenant.id, this.#model, id)
      if (grantId !== undefined) this.#deps.grantEnded?.(tx, grantId, true)
    })
    throw spent(this.#model)
  }

  async destroy(id: string): Promise<undefined> {
    const { id: tenantId } = this.#ctx.tenant
    if (this.#model !== 'Grant') {
      await this.#deps.db.transaction(this.#ctx, (tx) => removeRecord(tx, tenantId, this.#model, digestOf(id)))
      return
    }
    await this.#deps.db.system(this.#ctx, async (tx) => {
      const removed = await removeRecord(tx, tenantId, this.#model, digestOf(id))
      if (removed > 0) this.#deps.grantEnded?.(tx, id, false)
    })
  }

  async revokeByGrantId(grantId: string): Promise<undefined> {
    const { id: tenantId } = this.#ctx.tenant
    await this.#deps.db.transaction(this.#ctx, (tx) => removeRecordsOfGrant(tx, tenantId, this.#model, grantId))
  }

  #recordOf(id: string, payload: AdapterPayload, expiresIn: number): OidcRecord {
    const { tenant } = this.#ctx
    const digest = digestOf(id)
    const { jti: _jti, ...rest } = payload as Record<string, unknown>
    const hidden = SEALED[this.#model]
    const secrets: Record<string, unknown> = {}
    for (const name of hidden ?? []) {
      const value = name === 'jti' ? id : rest[name]
      if (value !== undefined) secrets[name] = value
      delete rest[name]
    }
    const { accountId, expiresWithSession, grantId, sessionUid, userCode } = payload
    return {
      tenantId: tenant.id,
      model: this.#model,
      id: digest,
      payload: rest,
      sealed: hidden ? seal(this.#deps.key, JSON.stringify(secrets), this.#place(digest)) : null,
      grantId: this.#model === 'Grant' ? id : (grantId ?? null),
      sessionId: this.#sessionOf(id, expiresWithSession === true, sessionUid),
      accountId: this.#model === 'Grant' && isId(accountId ?? '') ? (accountId as string) : null,
      userCode: userCode === undefined ? null : this.#userCodeHash(userCode),
      expiresAt: new Date(this.#ctx.clock.now() + (expiresIn ?? NO_END_SECONDS) * 1_000),
    }
  }

  #sessionOf(id: string, endsWithIt: boolean, sessionUid: string | undefined): string | null {
    if (this.#model === 'Session') return isId(id) ? id : null
    const bound = SESSION_BOUND.has(this.#model) && endsWithIt && sessionUid !== undefined && isId(sessionUid)
    return bound ? sessionUid : null
  }

  #payloadOf({ consumedAt, id, payload, sealed }: OidcRecordRow, shown: string | undefined): AdapterPayload {
    const secrets =
      sealed === null ? {} : (JSON.parse(unseal(this.#deps.key, sealed, this.#place(id)).toString()) as object)
    return {
      ...payload,
      ...(shown !== undefined && { jti: shown }),
      ...secrets,
      ...(consumedAt !== null && { consumed: Math.floor(consumedAt.getTime() / 1_000) }),
    } as AdapterPayload
  }

  #place(id: Buffer): string {
    return `${this.#ctx.tenant.id} ${this.#model} ${id.toString('hex')}`
  }

  /** User codes are short enough to be tried one by one, so a plain hash would not do. */
  #userCodeHash(userCode: string): Buffer {
    return createHmac('sha256', this.#deps.key).update(`${this.#ctx.tenant.id} user code ${userCode}`).digest()
  }
}

/** A code or a refresh token was used twice at the same time. */
function spent(model: string): Error {
  const { InvalidGrant } = libraryErrors()
  return new InvalidGrant(`${model === 'RefreshToken' ? 'refresh token' : 'code'} already used`)
}

/** What is kept of something that can be shown. */
function digestOf(id: string): Buffer {
  return hash('sha256', id, 'buffer')
}
