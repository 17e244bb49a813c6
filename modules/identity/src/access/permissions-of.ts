/*
 * What people and service accounts may do, as the guard asks it for each request: out of memory, at once.
 *
 *   known ──► the answer
 *   unknown ─ one read for all that ask now ─► remembered, for TTL_MS at the most, and not beyond the end of a grant
 *
 * A change is an event, and the event drops what it touches: in the process that commits it before its caller goes on, in
 * the others as soon as they hear of it. Then whoever follows something by a connection is looked at again. A read that
 * was under way meanwhile is not remembered.
 */
import type { Database } from '@stoa/db'
import type { KeyBounds, KeyOwner, KeyOwners } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import type { BaseCtx, Clock, Tenant } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'
import { type Access, accessOf, type Roles } from './access.ts'
import { ACCESS_EVENTS } from './access-events.ts'
import { customRoles, holdingsOf, type Subject } from './access-store.ts'
import type { BuiltInRole } from './built-in-roles.ts'

/** How long an answer is believed when nothing is heard, in milliseconds. */
const TTL_MS = 10_000
const MAX_KNOWN = 20_000

/** What it stands on. */
export interface PermissionsOfDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'watch' | 'committed'>
  readonly clock: Clock
  /** A context of the system, for the reads. */
  readonly ctx: BaseCtx
  readonly builtIn: ReadonlyMap<string, BuiltInRole>
  /** Told who may do something else than before: connections are looked at again. */
  readonly realtime: { actorChanged(id: string): void; tenantChanged(tenantId: string): void }
}

/** What somebody may do by tokens. */
export interface TokenAccess extends Access {
  /** Tokens that were given out before hold no longer. */
  readonly tokensSinceMs: number
  /** When the first grant ends. Absent: none does. */
  readonly rightsEndAtMs?: number
}

interface Known {
  readonly access: TokenAccess | null
  readonly untilMs: number
}

/** What a change touches. */
interface Change {
  readonly tenantId: string
  readonly type: string
  readonly subjects: readonly string[]
}

/** Knows what everybody may do. */
export class PermissionsOf implements KeyOwners, AsyncDisposable {
  readonly #deps: PermissionsOfDeps
  readonly #known = new LRUCache<string, Known>({ max: MAX_KNOWN })
  readonly #asking = new Map<string, Promise<TokenAccess | null>>()
  readonly #watch: AsyncDisposable & { readonly ready: Promise<unknown> }
  readonly #commits: Disposable

  constructor(deps: PermissionsOfDeps) {
    this.#deps = deps
    this.#commits = deps.journal.committed(({ events }) => this.#heard(events))
    this.#watch = deps.journal.watch({ name: 'identity.permissions' }, (events) => this.#heard(events))
  }

  /** Resolves when changes of other processes are heard. */
  get ready(): Promise<unknown> {
    return this.#watch.ready
  }

  /** What somebody may do in a tenant; null when they are not there, or suspended. At once when it is known. */
  accessOf(tenantId: string, subject: Subject): TokenAccess | null | Promise<TokenAccess | null> {
    const key = keyOf(tenantId, subject)
    const known = this.#known.get(key)
    if (known !== undefined && known.untilMs > this.#deps.clock.now()) return known.access
    return this.#asking.get(key) ?? this.#ask(tenantId, subject, key)
  }

  /** What a person may do in a whole tenant; nothing when they are no member. */
  async permissionsOf(tenantId: string, personId: string): Promise<ReadonlySet<string>> {
    const access = await this.accessOf(tenantId, { type: 'person', id: personId })
    return access?.permissions ?? new Set()
  }

  boundsOf(tenant: Tenant, { id, type }: KeyOwner): KeyBounds | null | Promise<KeyBounds | null> {
    return this.accessOf(tenant.id, { type, id })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#commits[Symbol.dispose]()
    await this.#watch[Symbol.asyncDispose]()
  }

  /** One read for all that ask meanwhile. When what it is about changes under way, it is not remembered. */
  #ask(tenantId: string, subject: Subject, key: string): Promise<TokenAccess | null> {
    const isLast = () => this.#asking.get(key) === asking && this.#asking.delete(key)
    const asking = this.#read(tenantId, subject).then(
      (known) => {
        if (isLast()) this.#known.set(key, known)
        return known.access
      },
      (error) => {
        isLast()
        throw error
      },
    )
    this.#asking.set(key, asking)
    return asking
  }

  async #read(tenantId: string, subject: Subject): Promise<Known> {
    const { builtIn, clock, ctx, db } = this.#deps
    const nowMs = clock.now()
    const [holdings, custom] = await db.systemRead(ctx, (tx) =>
      Promise.all([holdingsOf(tx, tenantId, subject, new Date(nowMs)), customRoles(tx, tenantId)]),
    )
    const rightsEndAtMs = holdings?.endsAt?.getTime()
    const access = holdings && {
      ...accessOf(holdings.sources, rolesOf(builtIn, custom)),
      tokensSinceMs: holdings.tokensSince.getTime(),
      ...(rightsEndAtMs !== undefined && { rightsEndAtMs }),
    }
    const untilMs = Math.min(nowMs + TTL_MS, rightsEndAtMs ?? Number.POSITIVE_INFINITY)
    return { access: access && Object.freeze(access), untilMs }
  }

  #heard(events: readonly Change[]): void {
    for (const event of events) {
      const touches = ACCESS_EVENTS.get(event.type)
      if (touches === undefined) continue
      if (touches === 'tenant') this.#dropTenant(event.tenantId)
      else this.#dropSubject(event, touches === 'everywhere')
    }
  }

  #dropTenant(tenantId: string): void {
    this.#drop((key) => key.startsWith(tenantId))
    this.#deps.realtime.tenantChanged(tenantId)
  }

  #dropSubject({ subjects, tenantId }: Change, everywhere: boolean): void {
    for (const subject of subjects) {
      const id = SUBJECT.exec(subject)?.[1]
      if (id === undefined) continue
      this.#drop((key) => key.endsWith(`:${id}`) && (everywhere || key.startsWith(tenantId)))
      this.#deps.realtime.actorChanged(id)
    }
  }

  /** Forgets what is known. Whoever asks from now on is not given what was read before. */
  #drop(isTouched: (key: string) => boolean): void {
    for (const kept of [this.#known, this.#asking]) {
      for (const key of kept.keys()) if (isTouched(key)) kept.delete(key)
    }
  }
}

const SUBJECT = /^(?:person|service_account):(.+)$/

function keyOf(tenantId: string, { id, type }: Subject): string {
  return `${tenantId} ${type}:${id}`
}

/** All roles of a tenant: nobody's own role takes the place of a built-in one. */
export function rolesOf(
  builtIn: ReadonlyMap<string, BuiltInRole>,
  custom: readonly { name: string; permissions: ReadonlySet<string> }[],
): Roles {
  return new Map([...custom.map((role) => [role.name, role] as const), ...builtIn])
}
