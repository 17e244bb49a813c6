/*
 * The hosts that tenants have for their issuers.
 *
 *   added ─▶ pending ──(the TXT record stands)──▶ verified ──(activation)──▶ active ──(deactivation; another is activated)──▶ verified
 *                │ a job looks for three days,        └──────────┬─────────────┘
 *                │ less and less often; after that      another tenant proves it, and this record is gone ──▶ pending
 *                │ whoever asks for it
 *
 * A proof does not move the issuer: every application has to be told of its new name, so somebody says when. An active
 * host is not removed; one that is lost takes the issuer back to the installation's address.
 */
import type { Database, Tx } from '@stoa/db'
import type { TenantHosts } from '@stoa/http'
import type { EventDefinition, Journal } from '@stoa/journal'
import { type Ctx, errors, newId, requirePermission, StoaError } from '@stoa/kernel'
import type { DomainProof } from '@stoa/module'
import { hostName } from '@stoa/outbound'
import type { Static } from 'typebox'
import type { Precondition } from '../access/roles.ts'
import { issuerHostErrors } from './issuer-host-errors.ts'
import {
  issuerHostActivated,
  issuerHostAdded,
  issuerHostDeactivated,
  issuerHostLost,
  issuerHostRemoved,
  issuerHostVerified,
} from './issuer-host-events.ts'
import type * as schema from './issuer-host-schema.ts'
import {
  addIssuerHost,
  type IssuerHostRow,
  issuerHostRow,
  issuerHostRows,
  lockedIssuerHosts,
  removeIssuerHostRow,
  saveIssuerHost,
} from './issuer-host-store.ts'
import { HOST_ROOM, type IssuerPlaces } from './issuer-places.ts'

/** A host as the API shows it. */
export type IssuerHost = Static<typeof schema.IssuerHost>

/** What the verbs stand on. */
export interface IssuerHostsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly places: IssuerPlaces
  readonly tenantHosts: Pick<TenantHosts, 'isOwn' | 'leave' | 'take' | 'takeOver'>
  readonly proof: DomainProof
  /** Whether a host has to be proven. */
  readonly proves: boolean
  /** Most hosts of a tenant. */
  readonly most: number
  /** Whether it may be a name that only a local network resolves. */
  readonly allowLocal: boolean
  /** Asks for {@link IssuerHosts.verify} in the transaction. */
  readonly verifyLater: (ctx: Ctx, tx: Tx, id: string) => Promise<void>
}

/** The verbs of hosts for issuers. */
export class IssuerHosts {
  readonly #deps: IssuerHostsDeps

  constructor(deps: IssuerHostsDeps) {
    this.#deps = deps
  }

  /** Adds a host. Refuses with `issuer_host_invalid`, `issuer_host_taken`, `issuer_host_limit`. */
  async add(ctx: Ctx, given: Static<typeof schema.NewIssuerHost>): Promise<IssuerHost> {
    requirePermission(ctx, 'identity:configure')
    const { db, most, proves, verifyLater } = this.#deps
    const now = new Date(ctx.clock.now())
    const row: IssuerHostRow = {
      ...{ id: newId(ctx.clock), host: this.#accepted(given.host), verifiedAt: proves ? null : now, active: false },
      ...{ version: 1, createdAt: now, updatedAt: now, createdBy: `${ctx.actor.type}:${ctx.actor.id}` },
    }
    return db.transaction(ctx, async (tx) => {
      const rows = await lockedIssuerHosts(tx, ctx.tenant.id)
      if (rows.length >= most) throw new StoaError(issuerHostErrors.issuer_host_limit)
      if (!(await addIssuerHost(tx, ctx.tenant.id, row))) throw taken()
      if (proves) await verifyLater(ctx, tx, row.id)
      else await this.#take(ctx, tx, row)
      return this.#told(ctx, tx, issuerHostAdded, row)
    })
  }

  /** The host; refuses with `issuer_host_not_found`. */
  async get(ctx: Ctx, id: string): Promise<IssuerHost> {
    requirePermission(ctx, 'identity:configure')
    return this.#shown(ctx, found(await this.#deps.db.read(ctx, (tx) => issuerHostRow(tx, ctx.tenant.id, id))))
  }

  /** All hosts, the oldest first, and where the issuer is. */
  async list(ctx: Ctx): Promise<Static<typeof schema.IssuerHosts>> {
    requirePermission(ctx, 'identity:configure')
    const rows = await this.#deps.db.read(ctx, (tx) => issuerHostRows(tx, ctx.tenant.id))
    const active = rows.find((row) => row.active)
    const { places } = this.#deps
    const issuer = active ? places.addressOf(active.host) : places.pagesOf(ctx.tenant.slug)
    return { issuer, items: rows.map((row) => this.#shown(ctx, row)) }
  }

  /**
   * Looks whether the host is proven now. Not to be called inside of a transaction: DNS is waited for. Refuses with
   * `issuer_host_not_proven`, which says what has to stand in DNS; with `issuer_host_taken` when somebody else can prove it
   * too; with `unavailable` when DNS does not answer.
   */
  async verify(ctx: Ctx, id: string, precondition: Precondition | null = null): Promise<IssuerHost> {
    requirePermission(ctx, 'identity:configure')
    const { db, tenantHosts } = this.#deps
    const row = found(await db.read(ctx, (tx) => issuerHostRow(tx, ctx.tenant.id, id)))
    precondition?.check(row.version)
    if (row.verifiedAt !== null) return this.#shown(ctx, row)
    if (!(await this.canProve(ctx.tenant.id, row.host))) throw this.#unproven(ctx, row)
    if (!(await tenantHosts.takeOver(row.host, ctx.tenant, HOST_ROOM))) throw taken()
    return db.transaction(ctx, async (tx) => {
      const locked = found((await lockedIssuerHosts(tx, ctx.tenant.id)).find((one) => one.id === id))
      precondition?.check(locked.version)
      if (locked.verifiedAt !== null) return this.#shown(ctx, locked)
      await this.#take(ctx, tx, locked)
      return this.#save(ctx, tx, issuerHostVerified, { ...locked, verifiedAt: new Date(ctx.clock.now()) })
    })
  }

  /** Moves the issuer to the host. Refuses with `issuer_host_not_proven`. */
  activate(ctx: Ctx, id: string, precondition: Precondition | null = null): Promise<IssuerHost> {
    requirePermission(ctx, 'identity:configure')
    return this.#deps.db.transaction(ctx, async (tx) => {
      const rows = await lockedIssuerHosts(tx, ctx.tenant.id)
      const row = found(rows.find((one) => one.id === id))
      precondition?.check(row.version)
      if (row.verifiedAt === null) throw this.#unproven(ctx, row)
      if (row.active) return this.#shown(ctx, row)
      const before = rows.find(({ active }) => active)
      if (before) await this.#save(ctx, tx, issuerHostDeactivated, { ...before, active: false })
      return this.#save(ctx, tx, issuerHostActivated, { ...row, active: true })
    })
  }

  /** Moves the issuer back to the installation's address, if it is at the host. */
  deactivate(ctx: Ctx, id: string, precondition: Precondition | null = null): Promise<IssuerHost> {
    requirePermission(ctx, 'identity:configure')
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = found((await lockedIssuerHosts(tx, ctx.tenant.id)).find((one) => one.id === id))
      precondition?.check(row.version)
      return row.active ? this.#save(ctx, tx, issuerHostDeactivated, { ...row, active: false }) : this.#shown(ctx, row)
    })
  }

  /** Removes a host where the issuer is not; else `issuer_host_in_use`. */
  async remove(ctx: Ctx, id: string, precondition: Precondition | null = null): Promise<void> {
    requirePermission(ctx, 'identity:configure')
    const { db, tenantHosts } = this.#deps
    await db.transaction(ctx, async (tx) => {
      const row = found((await lockedIssuerHosts(tx, ctx.tenant.id)).find((one) => one.id === id))
      precondition?.check(row.version)
      if (row.active) throw new StoaError(issuerHostErrors.issuer_host_in_use)
      await removeIssuerHostRow(tx, ctx.tenant.id, id)
      if (row.verifiedAt !== null) await tenantHosts.leave(ctx, tx, HOST_ROOM, row.host)
      this.#told(ctx, tx, issuerHostRemoved, { ...row, verifiedAt: null })
    })
  }

  /** Whether the tenant can prove the host still. */
  async canProve(tenantId: string, host: string): Promise<boolean> {
    const { proof, proves } = this.#deps
    return !proves || (await proof.stands(proof.record(tenantId, host)))
  }

  /** Another tenant has proven the host. In a transaction of the tenant who had it. */
  async lose(ctx: Ctx, tx: Tx, id: string): Promise<void> {
    const row = (await lockedIssuerHosts(tx, ctx.tenant.id)).find((one) => one.id === id)
    if (row?.verifiedAt) await this.#save(ctx, tx, issuerHostLost, { ...row, verifiedAt: null, active: false })
  }

  async #take(ctx: Ctx, tx: Tx, row: IssuerHostRow): Promise<void> {
    if (!(await this.#deps.tenantHosts.take(ctx, tx, HOST_ROOM, row))) throw taken()
  }

  async #save(ctx: Ctx, tx: Tx, event: EventDefinition, next: IssuerHostRow): Promise<IssuerHost> {
    const row = { ...next, version: next.version + 1, updatedAt: new Date(ctx.clock.now()) }
    await saveIssuerHost(tx, ctx.tenant.id, row)
    return this.#told(ctx, tx, event, row)
  }

  #told(ctx: Ctx, tx: Tx, event: EventDefinition, row: IssuerHostRow): IssuerHost {
    const { journal, places } = this.#deps
    const { active, host, id, verifiedAt, version } = row
    const { id: tenantId, slug: tenantSlug } = ctx.tenant
    const data = { id, host, verifiedAt: verifiedAt?.toISOString() ?? null, active, version }
    journal.append(ctx, tx, event.of(data, [`issuer_host:${id}`]))
    tx.afterCommit(() => {
      if (verifiedAt === null) places.served.drop(host, id)
      else places.served.put({ id, host, active, tenantId, tenantSlug })
    })
    return this.#shown(ctx, row)
  }

  #accepted(text: string): string {
    const { allowLocal, tenantHosts } = this.#deps
    const host = hostName(text, { allowLocal })
    const isOurs = host !== null && tenantHosts.isOwn(host)
    if (host !== null && !isOurs) return host
    const message = 'The host is a name on the public internet, without scheme, port and path, and not our own.'
    const fields = [{ pointer: '/body/host', code: isOurs ? 'own' : 'host', message }]
    throw new StoaError(issuerHostErrors.issuer_host_invalid, { message, fields })
  }

  #unproven(ctx: Ctx, { host }: IssuerHostRow): StoaError {
    const { name, value } = this.#deps.proof.record(ctx.tenant.id, host)
    const { issuer_host_not_proven: error } = issuerHostErrors
    return new StoaError(error, { message: `${error.message} The TXT record ${name} has to be ${value}.` })
  }

  #shown(ctx: Ctx, { active, createdAt, updatedAt, verifiedAt, ...rest }: IssuerHostRow): IssuerHost {
    const { places, proof } = this.#deps
    return {
      ...rest,
      status: active ? 'active' : verifiedAt === null ? 'pending' : 'verified',
      issuer: places.addressOf(rest.host),
      proof: { ...proof.record(ctx.tenant.id, rest.host), type: 'TXT' },
      verifiedAt: verifiedAt?.toISOString() ?? null,
      createdAt: createdAt.toISOString(),
      updatedAt: updatedAt.toISOString(),
    }
  }
}

function found(row: IssuerHostRow | undefined): IssuerHostRow {
  if (row === undefined) throw new StoaError(issuerHostErrors.issuer_host_not_found)
  return row
}

function taken(): StoaError {
  const { message } = issuerHostErrors.issuer_host_taken
  return new StoaError(issuerHostErrors.issuer_host_taken, {
    fields: [{ pointer: '/body/host', code: 'taken', message }],
  })
}

/** Whether a look for the proof has found that it is not there yet, and another look makes sense. */
export function isUnproven(error: unknown): boolean {
  const { issuer_host_not_proven: unproven, issuer_host_taken: hasOther } = issuerHostErrors
  const codes: readonly string[] = [unproven.code, hasOther.code, errors.unavailable.code]
  return error instanceof StoaError && codes.includes(error.code)
}
