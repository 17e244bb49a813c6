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

interface Known {
  readonly access: Access | null
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
  readonly #asking = new Map<string, Promise<Access | null>>()
  readonly #watch: AsyncDisposable & { readonly ready: Promise<unknown> }
  readonly #commits: Disposable
  #changes = 0

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
  accessOf(tenantId: string, subject: Subject): Access | null | Promise<Access | null> {
    const key = keyOf(tenantId, subject)
    const known = this.#known.get(key)
    if (known !== undefined && known.untilMs > this.#deps.clock.now()) return known.access
    let asked = this.#asking.get(key)
    if (asked === undefined) {
      const reading = this.#read(tenantId, subject, key).finally(() => {
        if (this.#asking.get(key) === reading) this.#asking.delete(key)
      })
      asked = reading
      this.#asking.set(key, reading)
    }
    return asked
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

  async #read(tenantId: string, subject: Subject, key: string): Promise<Access | null> {
    const { builtIn, clock, ctx, db } = this.#deps
    const changes = this.#changes
    const nowMs = clock.now()
    const [holdings, custom] = await db.systemRead(ctx, (tx) =>
      Promise.all([holdingsOf(tx, tenantId, subject, new Date(nowMs)), customRoles(tx, tenantId)]),
    )
    const access = holdings && accessOf(holdings.sources, rolesOf(builtIn, custom))
    const untilMs = Math.min(nowMs + TTL_MS, holdings?.endsAt?.getTime() ?? Number.POSITIVE_INFINITY)
    if (changes === this.#changes) this.#known.set(key, { access, untilMs })
    return access
  }

  #heard(events: readonly Change[]): void {
    for (const event of events) {
      const touches = ACCESS_EVENTS.get(event.type)
      if (touches === undefined) continue
      this.#changes += 1
      // Whoever asks from now on is not given what was read before.
      this.#asking.clear()
      if (touches === 'tenant') this.#dropTenant(event.tenantId)
      else this.#dropSubject(event, touches === 'everywhere')
    }
  }

  #dropTenant(tenantId: string): void {
    for (const key of this.#known.keys()) if (key.startsWith(tenantId)) this.#known.delete(key)
    this.#deps.realtime.tenantChanged(tenantId)
  }

  #dropSubject({ subjects, tenantId }: Change, everywhere: boolean): void {
    for (const subject of subjects) {
      const id = SUBJECT.exec(subject)?.[1]
      if (id === undefined) continue
      for (const key of this.#known.keys()) {
        if (key.endsWith(`:${id}`) && (everywhere || key.startsWith(tenantId))) this.#known.delete(key)
      }
      this.#deps.realtime.actorChanged(id)
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
