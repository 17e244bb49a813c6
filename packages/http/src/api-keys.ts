/*
 * The keys of a tenant: made, changed, revoked. Each change is one transaction with its event; the event is what makes
 * every node forget what it remembers of the key.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import {
  type Clock,
  type Ctx,
  errors,
  type Logger,
  newId,
  requirePermission,
  requirePermissionOrOwn,
  StoaError,
  systemCtx,
} from '@stoa/kernel'
import type { Store } from '@stoa/limiter'
import { apiKeyErrors } from './api-key-errors.ts'
import { apiKeyCreated, apiKeyRevokedEvent, apiKeySubject, apiKeyUpdated } from './api-key-events.ts'
import { ApiKeyScheme, GUESSES } from './api-key-scheme.ts'
import {
  type ApiKeyRow,
  apiKeyAdded,
  apiKeyById,
  apiKeyChanged,
  apiKeyForUpdate,
  apiKeyList,
  apiKeyRevoked,
  apiKeysOfOwnerRevoked,
} from './api-key-store.ts'
import { mintToken, prefixOf, storedHash } from './api-key-token.ts'
import { ApiKeyUses } from './api-key-use.ts'
import type { AuthScheme } from './auth.ts'
import type { IfMatch } from './etag.ts'
import type { KeyOwner, KeyOwners } from './key-owners.ts'
import type { Page, PageRequest } from './pagination.ts'
import { openLimiter } from './rate-limit.ts'
import type { Route } from './route.ts'
import { apiKeyRoutes } from './routes/index.ts'
import { checkScopesExist, checkScopesHeld } from './scopes.ts'

/** The permissions of this package. */
export const httpPermissions = {
  'apiKeys:read': 'See the API keys of the organisation.',
  'apiKeys:own': 'Make, see, change, rotate and revoke keys of one’s own, which do no more than one may oneself.',
  'apiKeys:write': 'Create, change and revoke API keys, with no more than one may do oneself.',
} as const

/** What is said of the tags of this package. */
export const httpTags = {
  'API keys':
    'What programs prove by who they are: a key does what its scopes allow, and where it has an owner no more than they may at that moment.',
  Hosts: 'What a proxy asks that gets certificates for the hosts of tenants.',
} as const

/** What {@link createApiKeys} stands on. */
export interface ApiKeysDeps {
  readonly db: Database
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Logger
  /** A secret of this installation for a purpose; the same on every node and across restarts. */
  readonly secret: (purpose: string, bytes?: number) => Buffer
  /** Where wrong keys are counted, by address. Default: in this process. */
  readonly limitStore?: Store
  /** Every permission of this installation. */
  readonly permissions: readonly string[]
}

/** What a new key is. */
export interface NewApiKey {
  readonly name: string
  readonly scopes: readonly string[]
  /** null: it does not expire. */
  readonly expiresAt: Date | null
  /** To whom it belongs: what they may do bounds it. Default: the person who makes it, or the owner of the key that does. */
  readonly owner?: KeyOwner
}

/** How a key is followed by another one. */
export interface ApiKeyRotation {
  /** For how long the old one is good beside the new one, in milliseconds; 0: it ends now. */
  readonly overlapMs: number
  /** When the new one ends. Default: after as long a life as the old one was given. */
  readonly expiresAt?: Date | null | undefined
  /** Which version of the old one is meant. Default: any. */
  readonly ifMatch?: IfMatch | null
}

/** What may be changed of a key. What is absent stays. */
export interface ApiKeyChange {
  readonly name?: string | undefined
  readonly scopes?: readonly string[] | undefined
  readonly expiresAt?: Date | null | undefined
}

/** The API keys of an installation. */
export class ApiKeys implements AsyncDisposable {
  /** Knows callers by their keys. */
  readonly scheme: AuthScheme
  /** The operations on keys. */
  readonly routes: readonly Route[]
  readonly #deps: ApiKeysDeps
  readonly #secret: Buffer
  readonly #scheme: ApiKeyScheme
  readonly #uses: ApiKeyUses
  readonly #watch: AsyncDisposable
  readonly #listeners = new Set<(id: string) => void>()
  #owners: KeyOwners | null = null

  constructor(deps: ApiKeysDeps) {
    this.#deps = deps
    this.#secret = deps.secret('http/api-keys', 32)
    this.#uses = new ApiKeyUses(deps)
    this.#scheme = new ApiKeyScheme({
      ...deps,
      guesses: openLimiter(deps).policy('guesses', GUESSES),
      secret: this.#secret,
      uses: this.#uses,
      owners: () => this.#owners,
      ctx: systemCtx(deps, 'api key look-up'),
    })
    this.#watch = deps.journal.watch({ name: 'api-keys' }, (events) => {
      for (const { type, subjects } of events) {
        const id = type.startsWith('api_key.') ? subjects[0]?.slice(apiKeySubject('').length) : undefined
        if (id === undefined) continue
        this.#scheme.forget(id)
        for (const listener of this.#listeners) listener(id)
      }
    })
    this.scheme = this.#scheme
    this.routes = apiKeyRoutes(this)
  }

  /**
   * Makes a key. The token is given out here and never again.
   *
   * @throws StoaError `forbidden` when a scope is more than the caller holds; `validation_failed` when one does not
   * exist, or the end is past
   */
  async create(ctx: Ctx, input: NewApiKey): Promise<{ readonly apiKey: ApiKeyRow; readonly token: string }> {
    const whose = ownerToAsk(ctx, 'apiKeys:write')
    const { name, scopes, expiresAt } = input
    const owner = input.owner ?? ownerOf(ctx)
    // For somebody else it takes the permission for all.
    if (whose !== null && owner?.id !== whose) requirePermission(ctx, 'apiKeys:write')
    checkScopesExist(scopes, this.#deps.permissions)
    checkScopesHeld(ctx, scopes)
    const now = ctx.clock.now()
    checkEnd(expiresAt, now)
    const token = mintToken()
    const id = newId(ctx.clock)
    const apiKey = await this.#deps.db.transaction(ctx, async (tx) => {
      const by = `${ctx.actor.type}:${ctx.actor.id}`
      const hash = storedHash(this.#secret, token)
      const row = await tx.one(
        apiKeyAdded(
          ...([ctx.tenant.id, id, prefixOf(token), name, hash, scopes, expiresAt, by, new Date(now)] as const),
          ...([owner?.type ?? null, owner?.id ?? null] as const),
        ),
      )
      this.#deps.journal.append(ctx, tx, apiKeyCreated.of(eventData(row), [apiKeySubject(id)]))
      return row
    })
    return { apiKey, token }
  }

  /** One key. @throws StoaError `not_found` */
  async get(ctx: Ctx, id: string): Promise<ApiKeyRow> {
    const whose = ownerToAsk(ctx, 'apiKeys:read')
    const row = await this.#deps.db.read(ctx, (tx) => tx.maybe(apiKeyById(ctx.tenant.id, id, whose)))
    if (row === undefined) throw new StoaError(errors.not_found)
    return row
  }

  /** Keys in the order of their creation. */
  async list(
    ctx: Ctx,
    filter: { readonly revoked?: boolean | undefined; readonly ownerId?: string | undefined },
    page: PageRequest<'createdAt' | '-createdAt'>,
  ): Promise<Page<ApiKeyRow>> {
    const whose = ownerToAsk(ctx, 'apiKeys:read')
    // Of somebody else there is nothing to see, and not that there is.
    if (whose !== null && (filter.ownerId ?? whose) !== whose) return page.of<ApiKeyRow>([], (row) => [row.id])
    const after = (page.after?.[0] ?? null) as string | null
    const query = apiKeyList(
      page.sort,
      ctx.tenant.id,
      after,
      filter.revoked ?? null,
      filter.ownerId ?? whose,
      page.limit + 1,
    )
    const rows = await this.#deps.db.read(ctx, (tx) => tx.many(query))
    return page.of(rows, (row) => [row.id])
  }

  /**
   * Changes a key. Whoever changes it must hold all of its scopes, those that it had and those that it gets.
   *
   * @throws StoaError `not_found`, `precondition_failed`, `api_key_revoked`, `forbidden`, `validation_failed`
   */
  async update(ctx: Ctx, id: string, change: ApiKeyChange, ifMatch: IfMatch): Promise<ApiKeyRow> {
    const whose = ownerToAsk(ctx, 'apiKeys:write')
    if (change.scopes) checkScopesExist(change.scopes, this.#deps.permissions)
    const now = ctx.clock.now()
    if (change.expiresAt) checkEnd(change.expiresAt, now)
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = await tx.maybe(apiKeyForUpdate(ctx.tenant.id, id, whose))
      if (row === undefined) throw new StoaError(errors.not_found)
      ifMatch.check(row.version)
      if (row.revokedAt !== null) throw new StoaError(apiKeyErrors.api_key_revoked)
      const { name = row.name, scopes = row.scopes, expiresAt = row.expiresAt } = change
      checkScopesHeld(ctx, [...row.scopes, ...scopes])
      const changed = await tx.one(apiKeyChanged(ctx.tenant.id, id, name, scopes, expiresAt, new Date(now)))
      this.#deps.journal.append(ctx, tx, apiKeyUpdated.of(eventData(changed), [apiKeySubject(id)]))
      tx.afterCommit(() => this.#scheme.forget(id))
      return changed
    })
  }

  /**
   * Makes a key that takes the place of another one: the same name, scopes and owner. For a while both are good. Whoever
   * does it must hold all of its scopes, and a person's key is theirs to rotate: who gets it acts as them.
   *
   * @throws StoaError `not_found`, `precondition_failed`, `api_key_revoked`, `forbidden`, `validation_failed`
   */
  async rotate(
    ctx: Ctx,
    id: string,
    { expiresAt, ifMatch, overlapMs }: ApiKeyRotation,
  ): Promise<{ readonly apiKey: ApiKeyRow; readonly token: string }> {
    const whose = ownerToAsk(ctx, 'apiKeys:write')
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = await tx.maybe(apiKeyForUpdate(ctx.tenant.id, id, whose))
      if (row === undefined) throw new StoaError(errors.not_found)
      ifMatch?.check(row.version)
      if (row.revokedAt !== null) throw new StoaError(apiKeyErrors.api_key_revoked)
      requireNotAnothers(ctx, row)
      const { name, ownerId, ownerType, scopes } = row
      const now = ctx.clock.now()
      const end = expiresAt === undefined ? asLongAfter(now, row) : expiresAt
      const owner = ownerType !== null && ownerId !== null && { owner: { type: ownerType, id: ownerId } }
      const made = await this.create(ctx, { name, scopes, expiresAt: end, ...owner })
      const over = new Date(now + overlapMs)
      const last = row.expiresAt !== null && row.expiresAt < over ? row.expiresAt : over
      const changed = await tx.one(apiKeyChanged(ctx.tenant.id, id, name, scopes, last, new Date(now)))
      this.#deps.journal.append(ctx, tx, apiKeyUpdated.of(eventData(changed), [apiKeySubject(id)]))
      tx.afterCommit(() => this.#scheme.forget(id))
      return made
    })
  }

  /** Revokes a key for ever; one that is revoked already stays so. @throws StoaError `not_found`, `precondition_failed` */
  async revoke(ctx: Ctx, id: string, ifMatch: IfMatch | null = null): Promise<void> {
    const whose = ownerToAsk(ctx, 'apiKeys:write')
    await this.#deps.db.transaction(ctx, async (tx) => {
      const seen = ifMatch && (await tx.maybe(apiKeyForUpdate(ctx.tenant.id, id, whose)))
      if (seen) ifMatch.check(seen.version)
      const revoked = await tx.maybe(apiKeyRevoked(ctx.tenant.id, id, new Date(ctx.clock.now()), whose))
      if (revoked === undefined) {
        const row = await tx.maybe(apiKeyById(ctx.tenant.id, id, whose))
        if (row === undefined) throw new StoaError(errors.not_found)
        return
      }
      const { name, prefix } = revoked
      this.#deps.journal.append(ctx, tx, apiKeyRevokedEvent.of({ name, prefix }, [apiKeySubject(id)]))
      tx.afterCommit(() => this.#scheme.forget(id))
    })
  }

  /**
   * Revokes all keys of somebody who is gone. Whether the caller may is for the caller to know.
   *
   * @param ownerId of the person, or of the service account
   */
  async revokeOwned(ctx: Ctx, ownerId: string): Promise<void> {
    await this.#deps.db.transaction(ctx, async (tx) => {
      for (const { id, name, prefix } of await tx.many(
        apiKeysOfOwnerRevoked(ctx.tenant.id, ownerId, new Date(ctx.clock.now())),
      )) {
        this.#deps.journal.append(ctx, tx, apiKeyRevokedEvent.of({ name, prefix }, [apiKeySubject(id)]))
        tx.afterCommit(() => this.#scheme.forget(id))
      }
    })
  }

  /** Keys that belong to somebody are bounded by what these say. Until then they are refused. */
  boundBy(owners: KeyOwners): void {
    this.#owners = owners
  }

  /**
   * Calls `listener` with the id of each key that was changed or revoked by any process, once this one has forgotten what
   * it knew of the key: whoever asks the scheme then gets what holds now. It must be quick and must not throw.
   */
  onChange(listener: (id: string) => void): void {
    this.#listeners.add(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]()
    await this.#uses[Symbol.asyncDispose]()
  }
}

/**
 * Opens the API keys of an installation whose schema has {@link httpMigrations}. The journal knows {@link httpEvents}.
 */
export function createApiKeys(deps: ApiKeysDeps): ApiKeys {
  return new ApiKeys(deps)
}

/** The end of a life as long as this key was given. */
function asLongAfter(now: number, { createdAt, expiresAt }: ApiKeyRow): Date | null {
  return expiresAt && new Date(now + expiresAt.getTime() - createdAt.getTime())
}

/** Whose keys the caller may act on by a permission, or by owning them; null: anybody's. @throws StoaError `forbidden` */
function ownerToAsk(ctx: Ctx, permission: 'apiKeys:read' | 'apiKeys:write'): string | null {
  return requirePermissionOrOwn(ctx, permission, 'apiKeys:own')?.id ?? null
}

/** Whom a key belongs to that nobody is named for. */
function ownerOf({ actor, owner = actor }: Ctx): KeyOwner | null {
  const { id, type } = owner
  return type === 'person' || type === 'serviceAccount' ? { type, id } : null
}

/**
 * Passes unless a key belongs to a person who is not the caller. To hold its scopes is not enough to be given it: by it one
 * is that person, and a person is the installation's, in other organisations too.
 *
 * @throws StoaError `forbidden`
 */
function requireNotAnothers(ctx: Ctx, { ownerId, ownerType }: Pick<ApiKeyRow, 'ownerId' | 'ownerType'>): void {
  if (ownerType !== 'person' || ownerOf(ctx)?.id === ownerId) return
  throw new StoaError(errors.forbidden, {
    message: 'A key of a person is rotated by that person alone. Revoke it, and ask them to make another one.',
    context: { ownerId, actor: ctx.actor },
  })
}

function checkEnd(expiresAt: Date | null, nowMs: number): void {
  if (expiresAt === null || expiresAt.getTime() > nowMs) return
  throw new StoaError(errors.validation_failed, {
    fields: [{ pointer: '/body/expiresAt', code: 'too_early', message: 'must be in the future' }],
  })
}

function eventData({ name, prefix, scopes, expiresAt }: ApiKeyRow) {
  return { name, prefix, scopes, expiresAt: expiresAt?.toISOString() ?? null }
}
