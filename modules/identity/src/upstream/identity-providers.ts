/*
 * Whom a tenant lets its people sign in by. Its secret is sealed for this tenant and this provider: another row opens with
 * nothing.
 */
import type { Database } from '@stoa/db'
import type { IfMatch } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import { type Ctx, errors, isId, newId, requirePermission, StoaError, seal, type Tenant, unseal } from '@stoa/kernel'
import type { Static } from 'typebox'
import { identityErrors } from '../errors.ts'
import { peopleWithoutOtherWay } from './linked-account-store.ts'
import type * as schema from './provider-schema.ts'
import {
  addProvider,
  countProviders,
  lockedProvider,
  type ProviderKind,
  type ProviderRow,
  providerById,
  providersOf,
  removeProvider,
  saveProvider,
} from './provider-store.ts'
import { identityProviderAdded, identityProviderChanged, identityProviderRemoved } from './upstream-events.ts'

/** What they stand on. */
export interface IdentityProvidersDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  /** Seals the secrets. 32 bytes. */
  readonly key: Buffer
  /** Whether a provider may be in a private network, without TLS. */
  readonly allowPrivate: boolean
  /** Where the issuer of a tenant is: `https://stoa.example.org/t/acme`. */
  issuerOf(tenant: Tenant): string
}

type Shown = Static<typeof schema.IdentityProvider>
type Change = Static<typeof schema.IdentityProviderChange>

/** How one is removed. */
interface ProviderRemoval {
  /** Also when it is the only way in of somebody. */
  readonly anyway: boolean
  readonly precondition: IfMatch | null
}

/** Most of a tenant: each is a button on its page. */
const MOST = 20

/** Who says who people are, where nothing else is said. */
const ISSUERS: Readonly<Record<Exclude<ProviderKind, 'openid'>, string>> = {
  google: 'https://accounts.google.com',
  microsoft: 'https://login.microsoftonline.com/organizations/v2.0',
  github: 'https://github.com',
}

/** The providers of tenants. */
export class IdentityProviders {
  readonly #deps: IdentityProvidersDeps

  constructor(deps: IdentityProvidersDeps) {
    this.#deps = deps
  }

  /** Those that people may sign in by now. For the pages: whoever opens one sees them. */
  async open(ctx: Ctx): Promise<ProviderRow[]> {
    const rows = await this.#deps.db.read(ctx, (tx) => providersOf(tx, ctx.tenant.id))
    return rows.filter(({ enabled }) => enabled)
  }

  /** One that people may sign in by now. @throws StoaError `not_found` */
  async openOne(ctx: Ctx, id: string): Promise<ProviderRow> {
    const row = isId(id) && (await this.#deps.db.read(ctx, (tx) => providerById(tx, ctx.tenant.id, id)))
    if (row !== false && row?.enabled) return row
    throw new StoaError(errors.not_found)
  }

  /** The secret of one. */
  secretOf(ctx: Ctx, { id, secretSealed }: Pick<ProviderRow, 'id' | 'secretSealed'>): string {
    return unseal(this.#deps.key, secretSealed, placeOf(ctx, id)).toString()
  }

  /**
   * Where people come back to: another address for each, so that no answer is taken for another's (RFC 9700 §4.4).
   *
   * @param address where the pages are that they set out from
   */
  redirectUri(address: string, id: string): string {
    return `${address}/with/${id}/callback`
  }

  /** All of them. Needs `identity:configure`. */
  async list(ctx: Ctx): Promise<Shown[]> {
    requirePermission(ctx, 'identity:configure')
    const rows = await this.#deps.db.read(ctx, (tx) => providersOf(tx, ctx.tenant.id))
    return rows.map((row) => this.#shown(ctx, row))
  }

  /** One of them. Needs `identity:configure`. @throws StoaError `not_found` */
  async get(ctx: Ctx, id: string): Promise<Shown> {
    requirePermission(ctx, 'identity:configure')
    return this.#shown(ctx, found(await this.#deps.db.read(ctx, (tx) => providerById(tx, ctx.tenant.id, id))))
  }

  /** Needs `identity:configure`. @throws StoaError `validation_failed`, `conflict` */
  async add(ctx: Ctx, given: Static<typeof schema.NewIdentityProvider>): Promise<Shown> {
    requirePermission(ctx, 'identity:configure')
    const { db, journal, key } = this.#deps
    const { clientId, clientSecret, enabled = true, kind, name } = given
    const [id, at] = [newId(ctx.clock), new Date(ctx.clock.now())]
    const row: ProviderRow = {
      ...{ id, kind, name, clientId, enabled, version: 1, createdAt: at, updatedAt: at },
      ...{ issuer: this.#issuer(kind, given.issuer), createdBy: `${ctx.actor.type}:${ctx.actor.id}` },
      secretSealed: seal(key, clientSecret, placeOf(ctx, id)),
    }
    await db.transaction(ctx, async (tx) => {
      if ((await countProviders(tx, ctx.tenant.id)) >= MOST) {
        throw new StoaError(errors.conflict, { message: `There are ${MOST} providers already.` })
      }
      addProvider(tx, ctx.tenant.id, row)
      journal.append(ctx, tx, identityProviderAdded.of(eventData(row), subjectsOf(id)))
    })
    return this.#shown(ctx, row)
  }

  /** Needs `identity:configure`. @throws StoaError `not_found`, `precondition_failed`, `validation_failed` */
  async change(ctx: Ctx, id: string, change: Change, ifMatch: IfMatch): Promise<Shown> {
    requirePermission(ctx, 'identity:configure')
    const { db, journal, key } = this.#deps
    return await db.transaction(ctx, async (tx) => {
      const before = found(await lockedProvider(tx, ctx.tenant.id, id))
      ifMatch.check(before.version)
      const { clientId, clientSecret, enabled, issuer, name } = change
      const row: ProviderRow = {
        ...before,
        ...(clientId !== undefined && { clientId }),
        ...(enabled !== undefined && { enabled }),
        ...(name !== undefined && { name }),
        ...(issuer !== undefined && { issuer: this.#issuer(before.kind, issuer) }),
        ...(clientSecret !== undefined && { secretSealed: seal(key, clientSecret, placeOf(ctx, id)) }),
        ...{ version: before.version + 1, updatedAt: new Date(ctx.clock.now()) },
      }
      saveProvider(tx, ctx.tenant.id, row)
      journal.append(ctx, tx, identityProviderChanged.of(eventData(row), subjectsOf(id)))
      return this.#shown(ctx, row)
    })
  }

  /**
   * With the accounts that are linked to it. Needs `identity:configure`.
   *
   * @throws StoaError `not_found`, `only_way_in`, `precondition_failed`
   */
  async remove(ctx: Ctx, id: string, { anyway, precondition }: ProviderRemoval): Promise<void> {
    requirePermission(ctx, 'identity:configure')
    const { db, journal } = this.#deps
    // Of the system, because what people sign in by is theirs and not the tenant's.
    await db.system(ctx, async (tx) => {
      const { name, version } = found(await lockedProvider(tx, ctx.tenant.id, id))
      precondition?.check(version)
      const left = await peopleWithoutOtherWay(tx, ctx.tenant.id, id)
      if (left > 0 && !anyway) throw onlyWayIn(left)
      await removeProvider(tx, ctx.tenant.id, id)
      journal.append(ctx, tx, identityProviderRemoved.of({ providerId: id, name }, subjectsOf(id)))
    })
  }

  #issuer(kind: ProviderKind, given: string | undefined): string {
    const issuer = given ?? (kind === 'openid' ? '' : ISSUERS[kind])
    const url = URL.parse(issuer)
    const isSafe = url?.protocol === 'https:' || (this.#deps.allowPrivate && url?.protocol === 'http:')
    const isPlain = url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === ''
    // Compared letter by letter with what a provider says of itself (OpenID Connect Discovery 1.0, 4.3).
    const isWritten = url?.href === issuer || url?.href === `${issuer}/`
    if (isSafe && isPlain && isWritten) return issuer
    const message = 'is not an address by https, without a query, as the provider writes it'
    throw new StoaError(errors.validation_failed, {
      fields: [{ pointer: '/body/issuer', code: 'unsafe_address', message }],
    })
  }

  #shown(ctx: Ctx, { secretSealed: _, ...row }: ProviderRow): Shown {
    return { ...row, redirectUri: this.redirectUri(this.#deps.issuerOf(ctx.tenant), row.id) } as never
  }
}

function onlyWayIn(people: number): StoaError {
  const { only_way_in: error } = identityErrors
  return new StoaError(error, { message: `${error.message} People whom it concerns: ${people}.` })
}

function placeOf({ tenant }: Ctx, id: string): string {
  return `${tenant.id} identity provider ${id}`
}

function subjectsOf(id: string): string[] {
  return [`identity_provider:${id}`]
}

function eventData({ enabled, id, issuer, kind, name }: ProviderRow) {
  return { providerId: id, kind, name, issuer, enabled }
}

function found(row: ProviderRow | undefined): ProviderRow {
  if (row === undefined) throw new StoaError(errors.not_found)
  return row
}
