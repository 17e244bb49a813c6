/**
 * The hosts that tenants have for short links.
 *
 *   added ─▶ pending ──(the TXT record stands)──▶ verified ──(another tenant proves it, and this record is gone)──▶ pending
 *                │ a job looks for three days, less and less often; after that whoever asks for it
 *
 * Who adds a host first has no right to it: the host is whose who proves it. A domain that changed hands is taken over by
 * the proof of its new owner, unless the one before can still prove it. Codes belong to the domain's id and not to its
 * name, so the new owner finds an empty namespace.
 */
import type { Database, Tx } from '@stoa/db'
import type { TenantHosts } from '@stoa/http'
import type { EventDefinition, Journal } from '@stoa/journal'
import { type Ctx, errors, newId, requirePermission, StoaError, type Tenant } from '@stoa/kernel'
import type { DomainProof } from '@stoa/module'
import { hostName } from '@stoa/outbound'
import type { Static } from 'typebox'
import { linkErrors } from '../errors.ts'
import { domainAdded, domainLost, domainRemoved, domainUpdated, domainVerified } from '../events.ts'
import type { IsBlocked } from '../safety/blocklist.ts'
import { type TargetRules, targetVerdict } from '../targets/target-url.ts'
import type * as schema from './domain-schema.ts'
import {
  addDomain,
  countDomains,
  type DomainRow,
  domainRow,
  domainRows,
  hasLinks,
  isHostTaken,
  lockedDomainRow,
  removeDomainRow,
  saveDomain,
} from './domain-store.ts'
import { HOST_ROOM, type ShortHosts } from './short-hosts.ts'

/** A host as the API shows it. */
export type LinkDomain = Static<typeof schema.LinkDomain>
type NewLinkDomain = Static<typeof schema.NewLinkDomain>
type LinkDomainChange = Static<typeof schema.LinkDomainChange>

/** What the verbs stand on. */
export interface LinkDomainsDeps {
  readonly db: Database
  readonly journal: Journal
  readonly hosts: ShortHosts
  /** Those of all rooms. */
  readonly tenantHosts: Pick<TenantHosts, 'isOwn' | 'leave' | 'take' | 'takeOver'>
  readonly proof: DomainProof
  /** Whether a host has to be proven. */
  readonly proves: boolean
  /** Most hosts of a tenant. */
  readonly most: number
  readonly targetRules: () => TargetRules
  /** Where the tenant's links may not lead. */
  readonly blocked: (ctx: Ctx) => Promise<IsBlocked>
  /** Asks for {@link LinkDomains.verifyInBackground} in the transaction. */
  readonly verifyLater: (ctx: Ctx, tx: Tx, id: string) => Promise<void>
}

/** Which domains to list. */
export interface DomainListInput {
  readonly after?: { readonly at: string; readonly id: string }
  readonly descending: boolean
  readonly limit: number
}

/** A host that is to be looked at, or removed. */
interface OneDomain {
  readonly id: string
  /** Throws `precondition_failed` when the version is not one that the caller has seen. Default: any will do. */
  readonly precondition?: { check(version: number): void } | null
}

/** The verbs of hosts for short links. */
export class LinkDomains {
  readonly #deps: LinkDomainsDeps

  constructor(deps: LinkDomainsDeps) {
    this.#deps = deps
  }

  /** Adds a host. Refuses with `link_domain_invalid`, `link_domain_taken`, `link_domain_limit`, `target_refused`. */
  async addDomain(ctx: Ctx, input: NewLinkDomain): Promise<LinkDomain> {
    requirePermission(ctx, 'links:write')
    const { db, most, proves, verifyLater } = this.#deps
    const now = new Date(ctx.clock.now())
    const isBlocked = await this.#deps.blocked(ctx)
    const row: DomainRow = {
      id: newId(ctx.clock),
      host: this.#acceptedHost(input.host),
      rootTarget: this.#acceptedTarget(input.rootTarget, '/body/rootTarget', isBlocked),
      notFoundTarget: this.#acceptedTarget(input.notFoundTarget, '/body/notFoundTarget', isBlocked),
      verifiedAt: proves ? null : now,
      version: 1,
      createdAt: now,
      updatedAt: now,
      createdBy: `${ctx.actor.type}:${ctx.actor.id}`,
    }
    return db.transaction(ctx, async (tx) => {
      if ((await countDomains(tx, ctx.tenant.id)) >= most) throw new StoaError(linkErrors.link_domain_limit)
      if (!(await untaken(addDomain(tx, ctx.tenant.id, row)))) throw taken()
      if (proves) await verifyLater(ctx, tx, row.id)
      else await this.#take(ctx, tx, row)
      return this.#told(ctx, tx, domainAdded, row)
    })
  }

  /** The host; refuses with `link_domain_not_found`. */
  async domainById(ctx: Ctx, { id }: { readonly id: string }): Promise<LinkDomain> {
    requirePermission(ctx, 'links:read')
    const row = found(await this.#deps.db.read(ctx, (tx) => domainRow(tx, ctx.tenant.id, id)))
    return this.#shown(ctx.tenant, row)
  }

  /** Hosts in the order in which they were added, or the other way round. */
  async domainList(ctx: Ctx, input: DomainListInput): Promise<LinkDomain[]> {
    requirePermission(ctx, 'links:read')
    const rows = await this.#deps.db.read(ctx, (tx) => domainRows(tx, ctx.tenant.id, input))
    return rows.map((row) => this.#shown(ctx.tenant, row))
  }

  /** Changes where a host leads if it still is what the caller saw; else `precondition_failed`. */
  async updateDomain(
    ctx: Ctx,
    input: {
      readonly id: string
      readonly precondition: { check(version: number): void }
      readonly change: LinkDomainChange
    },
  ): Promise<LinkDomain> {
    requirePermission(ctx, 'links:write')
    const { notFoundTarget, rootTarget } = input.change
    const isBlocked = await this.#deps.blocked(ctx)
    const asked = {
      ...(rootTarget !== undefined && {
        rootTarget: this.#acceptedTarget(rootTarget, '/body/rootTarget', isBlocked),
      }),
      ...(notFoundTarget !== undefined && {
        notFoundTarget: this.#acceptedTarget(notFoundTarget, '/body/notFoundTarget', isBlocked),
      }),
    }
    return this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await lockedDomainRow(tx, ctx.tenant.id, input.id))
      input.precondition.check(row.version)
      const next = { ...row, ...asked }
      if (next.rootTarget === row.rootTarget && next.notFoundTarget === row.notFoundTarget) {
        return this.#shown(ctx.tenant, row)
      }
      return this.#save(ctx, tx, domainUpdated, next)
    })
  }

  /** Removes a host that has no links; else `link_domain_in_use`. */
  async removeDomain(ctx: Ctx, { id, precondition }: OneDomain): Promise<void> {
    requirePermission(ctx, 'links:write')
    await this.#deps.db.transaction(ctx, async (tx) => {
      const row = found(await lockedDomainRow(tx, ctx.tenant.id, id))
      precondition?.check(row.version)
      if (await hasLinks(tx, ctx.tenant.id, id)) throw new StoaError(linkErrors.link_domain_in_use)
      await removeDomainRow(tx, ctx.tenant.id, id)
      if (row.verifiedAt !== null) await this.#deps.tenantHosts.leave(ctx, tx, HOST_ROOM, row.host)
      this.#told(ctx, tx, domainRemoved, { ...row, verifiedAt: null })
    })
  }

  /**
   * Looks whether the host is proven now. Not to be called inside of a transaction: DNS is waited for. Refuses with
   * `link_domain_not_proven`, which says what has to stand in DNS; with `link_domain_taken` when another tenant can prove
   * it too; with `unavailable` when DNS does not answer.
   */
  async verifyDomain(ctx: Ctx, { id, precondition }: OneDomain): Promise<LinkDomain> {
    requirePermission(ctx, 'links:write')
    const row = found(await this.#deps.db.read(ctx, (tx) => domainRow(tx, ctx.tenant.id, id)))
    precondition?.check(row.version)
    if (row.verifiedAt !== null) return this.#shown(ctx.tenant, row)
    await this.#checkProof(ctx.tenant, row)
    if (!(await this.#deps.tenantHosts.takeOver(row.host, ctx.tenant, HOST_ROOM))) throw taken()
    return this.#deps.db.transaction(ctx, async (tx) => {
      const locked = found(await lockedDomainRow(tx, ctx.tenant.id, id))
      precondition?.check(locked.version)
      if (locked.verifiedAt !== null) return this.#shown(ctx.tenant, locked)
      const verified = { ...locked, verifiedAt: new Date(ctx.clock.now()) }
      await this.#take(ctx, tx, locked)
      return untaken(this.#save(ctx, tx, domainVerified, verified))
    })
  }

  async #checkProof(tenant: Tenant, { host }: DomainRow): Promise<void> {
    if (await this.canProve(tenant.id, host)) return
    const record = this.#deps.proof.record(tenant.id, host)
    const message = `The TXT record ${record.name} has to be ${record.value}`
    throw new StoaError(linkErrors.link_domain_not_proven, {
      message: `${linkErrors.link_domain_not_proven.message} ${message}.`,
    })
  }

  /** Whether the tenant can prove the host still. */
  async canProve(tenantId: string, host: string): Promise<boolean> {
    const { proof, proves } = this.#deps
    return !proves || (await proof.stands(proof.record(tenantId, host)))
  }

  /** Another tenant has proven the host. In a transaction of the tenant who had it. */
  async loseDomain(ctx: Ctx, tx: Tx, id: string): Promise<void> {
    const row = await lockedDomainRow(tx, ctx.tenant.id, id)
    if (row && row.verifiedAt !== null) await this.#save(ctx, tx, domainLost, { ...row, verifiedAt: null })
  }

  async #take(ctx: Ctx, tx: Tx, row: DomainRow): Promise<void> {
    if (!(await this.#deps.tenantHosts.take(ctx, tx, HOST_ROOM, row))) throw taken()
  }

  async #save(ctx: Ctx, tx: Tx, event: EventDefinition, next: DomainRow): Promise<LinkDomain> {
    const row = { ...next, version: next.version + 1, updatedAt: new Date(ctx.clock.now()) }
    await saveDomain(tx, ctx.tenant.id, row)
    return this.#told(ctx, tx, event, row)
  }

  #told(ctx: Ctx, tx: Tx, event: EventDefinition, row: DomainRow): LinkDomain {
    const { hosts, journal } = this.#deps
    const { host, id, notFoundTarget, rootTarget, verifiedAt, version } = row
    const data = { id, host, rootTarget, notFoundTarget, verifiedAt: verifiedAt?.toISOString() ?? null, version }
    journal.append(ctx, tx, event.of(data, [`link_domain:${id}`]))
    tx.afterCommit(() => (verifiedAt === null ? hosts.drop(host, id) : hosts.put({ ...row, tenantId: ctx.tenant.id })))
    return this.#shown(ctx.tenant, row)
  }

  #acceptedHost(input: string): string {
    const { targetRules, tenantHosts } = this.#deps
    const host = hostName(input, { allowLocal: targetRules().allowPrivateTargets })
    const isOurs = host !== null && tenantHosts.isOwn(host)
    if (host !== null && !isOurs) return host
    const message = 'The host is a name on the public internet, without scheme, port and path, and not our own.'
    const fields = [{ pointer: '/body/host', code: isOurs ? 'own' : 'host', message }]
    throw new StoaError(linkErrors.link_domain_invalid, { message, fields })
  }

  #acceptedTarget(target: string | null | undefined, pointer: string, isBlocked: IsBlocked): string | null {
    if (target === null || target === undefined) return null
    const verdict = targetVerdict(target, this.#deps.targetRules(), isBlocked)
    if (verdict.ok) return verdict.url
    const fields = [{ pointer, code: verdict.reason, message: verdict.message }]
    throw new StoaError(linkErrors.target_refused, { message: verdict.message, fields })
  }

  #shown(tenant: Tenant, row: DomainRow): LinkDomain {
    const { createdAt, updatedAt, verifiedAt, ...rest } = row
    return {
      ...rest,
      status: verifiedAt === null ? 'pending' : 'verified',
      proof: { ...this.#deps.proof.record(tenant.id, row.host), type: 'TXT' },
      verifiedAt: verifiedAt?.toISOString() ?? null,
      createdAt: createdAt.toISOString(),
      updatedAt: updatedAt.toISOString(),
    }
  }
}

function found(row: DomainRow | undefined): DomainRow {
  if (row === undefined) throw new StoaError(linkErrors.link_domain_not_found)
  return row
}

function taken(): StoaError {
  const { message } = linkErrors.link_domain_taken
  return new StoaError(linkErrors.link_domain_taken, {
    fields: [{ pointer: '/body/host', code: 'taken', message }],
  })
}

async function untaken<T>(written: Promise<T>): Promise<T> {
  try {
    return await written
  } catch (error) {
    throw isHostTaken(error) ? taken() : error
  }
}

/** Whether a look for the proof has found that it is not there yet, and another look makes sense. */
export function isUnproven(error: unknown): boolean {
  const codes: readonly string[] = [linkErrors.link_domain_not_proven.code, linkErrors.link_domain_taken.code]
  return error instanceof StoaError && (codes.includes(error.code) || error.code === errors.unavailable.code)
}
