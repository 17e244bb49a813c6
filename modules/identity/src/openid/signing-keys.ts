/*
 * What a tenant signs with. Each key goes through its life by time alone, so that every node is at the same place:
 *
 *   created ── published ──▶ signsFrom ── signs ──▶ (the next one's signsFrom) ── published ──▶ retiresAt ── forgotten
 *
 * It is published before it signs, so whoever keeps the key set of yesterday for a while meets no token that it cannot
 * check; and it stays published while something that it has signed may be shown.
 */
import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto'
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, requirePermission, seal, unseal } from '@stoa/kernel'
import { signingKeyRotated } from './oidc-events.ts'
import {
  addSigningKey,
  lockSigningKeys,
  retireSigningKeys,
  type SigningAlgorithm,
  type SigningKeyRow,
  signingKeysOf,
} from './signing-key-store.ts'

/** What signing keys stand on. */
export interface SigningKeysDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  /** Encrypts the private keys. 32 bytes. */
  readonly key: Buffer
  /** Of new keys. */
  readonly algorithm: SigningAlgorithm
  /** How long a key is published before it signs. */
  readonly publishSeconds: number
}

/** A key with its private part. */
export interface SigningKey {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly publicJwk: JsonWebKey
  readonly privateKey: KeyObject
}

/** The keys of a tenant at a moment. */
export interface KeySet {
  /** The one that signs first; then what is published besides. */
  readonly keys: readonly SigningKey[]
  /** When the next one begins to sign, in milliseconds; infinity when none is waiting. */
  readonly changesAtMs: number
}

/** What somebody is told of a key. */
export interface SigningKeySummary {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly state: 'published' | 'signing' | 'retiring'
  readonly signsFrom: Date
  readonly retiresAt: Date | null
  readonly createdAt: Date
}

/** How long a key is still published after the next one has begun to sign: as long as a session may last. */
const RETIRING_MS = 30 * 86_400_000

/** The signing keys of tenants. */
export class SigningKeys {
  readonly #deps: SigningKeysDeps

  constructor(deps: SigningKeysDeps) {
    this.#deps = deps
  }

  /** The keys of a tenant now; the first one is made when there is none. */
  async of(ctx: Ctx): Promise<KeySet> {
    const { db } = this.#deps
    const now = ctx.clock.now()
    let rows = await db.read(ctx, (tx) => signingKeysOf(tx, ctx.tenant.id, new Date(now)))
    if (!rows.some((row) => row.signsFrom.getTime() <= now)) {
      rows = await db.transaction(ctx, (tx) => this.#first(ctx, tx))
    }
    const waiting = rows.filter((row) => row.signsFrom.getTime() > now)
    const begun = rows.filter((row) => row.signsFrom.getTime() <= now)
    return {
      keys: [...begun, ...waiting].map((row) => this.#open(row)),
      changesAtMs: Math.min(...waiting.map((row) => row.signsFrom.getTime()), Number.POSITIVE_INFINITY),
    }
  }

  /** The keys that are published, the newest first. */
  async list(ctx: Ctx): Promise<SigningKeySummary[]> {
    requirePermission(ctx, 'identity:keys:read')
    const now = ctx.clock.now()
    const rows = await this.#deps.db.read(ctx, (tx) => signingKeysOf(tx, ctx.tenant.id, new Date(now)))
    return rows.map((row) => summaryOf(row, rows, now))
  }

  /** Makes the next key. It signs as soon as it was published for long enough; the one before retires then. */
  async rotate(ctx: Ctx): Promise<SigningKeySummary> {
    requirePermission(ctx, 'identity:keys:rotate')
    const now = ctx.clock.now()
    return this.#deps.db.transaction(ctx, async (tx) => {
      await lockSigningKeys(tx, ctx.tenant.id)
      const signsFrom = now + this.#deps.publishSeconds * 1_000
      await retireSigningKeys(tx, ctx.tenant.id, new Date(signsFrom + RETIRING_MS))
      const row = this.#make(ctx, tx, new Date(now), new Date(signsFrom))
      return summaryOf(row, [row], now)
    })
  }

  async #first(ctx: Ctx, tx: Tx): Promise<SigningKeyRow[]> {
    const now = new Date(ctx.clock.now())
    await lockSigningKeys(tx, ctx.tenant.id)
    const rows = await signingKeysOf(tx, ctx.tenant.id, now)
    if (rows.some((row) => row.signsFrom <= now)) return rows
    return [this.#make(ctx, tx, now, now), ...rows]
  }

  #make(ctx: Ctx, tx: Tx, now: Date, signsFrom: Date): SigningKeyRow {
    const { algorithm, journal, key } = this.#deps
    const kid = randomBytes(12).toString('base64url')
    const { privateKey, publicKey } =
      algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    const row: SigningKeyRow = {
      ...{ tenantId: ctx.tenant.id, kid, alg: algorithm, publicJwk: publicKey.export({ format: 'jwk' }) },
      ...{ privateSealed: seal(key, pem, placeOf(ctx.tenant.id, kid)), signsFrom, retiresAt: null, createdAt: now },
    }
    addSigningKey(tx, row)
    const data = { kid, alg: algorithm, signsFrom: signsFrom.toISOString() }
    journal.append(ctx, tx, signingKeyRotated.of(data, [`tenant:${ctx.tenant.id}`]))
    return row
  }

  #open({ alg, kid, privateSealed, publicJwk, tenantId }: SigningKeyRow): SigningKey {
    const pem = unseal(this.#deps.key, privateSealed, placeOf(tenantId, kid)).toString()
    return { kid, alg, publicJwk, privateKey: createPrivateKey(pem) }
  }
}

function placeOf(tenantId: string, kid: string): string {
  return `${tenantId} signing key ${kid}`
}

function summaryOf(row: SigningKeyRow, rows: readonly SigningKeyRow[], now: number): SigningKeySummary {
  const { alg, createdAt, kid, retiresAt, signsFrom } = row
  const signing = rows.find((one) => one.signsFrom.getTime() <= now)
  const state = signsFrom.getTime() > now ? 'published' : signing === row ? 'signing' : 'retiring'
  return { kid, alg, state, signsFrom, retiresAt, createdAt }
}
