/** The hosts to which a tenant wants no link to lead. */
import type { Database, Tx } from '@stoa/db'
import type { EventDefinition, Journal } from '@stoa/journal'
import { type Ctx, newId, requirePermission, StoaError } from '@stoa/kernel'
import { hostName } from '@stoa/outbound'
import type { Static } from 'typebox'
import { linkErrors } from '../errors.ts'
import { hostBlocked, hostUnblocked } from '../events.ts'
import type * as schema from './blocked-host-schema.ts'
import {
  addBlockedHost,
  type BlockedHostRow,
  blockedHostRows,
  countBlocked,
  removeBlockedHost,
} from './blocked-host-store.ts'
import type { Blocklists } from './blocklist.ts'

type BlockedHost = Static<typeof schema.BlockedHost>

/** Most hosts of a tenant. */
const HOSTS_MAX = 5_000

/** What the verbs stand on. */
export interface BlockedHostsDeps {
  readonly db: Database
  readonly journal: Journal
  readonly lists: Blocklists
}

/** The verbs of blocked hosts. */
export class BlockedHosts {
  readonly #deps: BlockedHostsDeps

  constructor(deps: BlockedHostsDeps) {
    this.#deps = deps
  }

  /** Blocks a host. Refuses with `blocked_host_invalid`, `blocked_host_taken`, `blocked_host_limit`. */
  async block(ctx: Ctx, { host, note }: Static<typeof schema.NewBlockedHost>): Promise<BlockedHost> {
    requirePermission(ctx, 'links:moderate')
    const row: BlockedHostRow = {
      id: newId(ctx.clock),
      host: nameOf(host),
      note: note ?? null,
      createdAt: new Date(ctx.clock.now()),
      createdBy: `${ctx.actor.type}:${ctx.actor.id}`,
    }
    await this.#deps.db.transaction(ctx, async (tx) => {
      const count = await countBlocked(tx, ctx.tenant.id)
      if (count >= HOSTS_MAX) throw new StoaError(linkErrors.blocked_host_limit)
      const added = await addBlockedHost(tx, ctx.tenant.id, row)
      if (!added) throw refusal(linkErrors.blocked_host_taken, 'taken')
      this.#told(ctx, tx, hostBlocked, row)
    })
    return shown(row)
  }

  /** Hosts by name, from the one after `after` on. */
  async list(ctx: Ctx, { after, limit }: { readonly after: string; readonly limit: number }): Promise<BlockedHost[]> {
    requirePermission(ctx, 'links:moderate')
    const rows = await this.#deps.db.read(ctx, (tx) => blockedHostRows(tx, ctx.tenant.id, after, limit))
    return rows.map(shown)
  }

  /** Links may lead there again. Refuses with `blocked_host_not_found`. */
  async unblock(ctx: Ctx, { id }: { readonly id: string }): Promise<void> {
    requirePermission(ctx, 'links:moderate')
    await this.#deps.db.transaction(ctx, async (tx) => {
      const host = await removeBlockedHost(tx, ctx.tenant.id, id)
      if (host === undefined) throw new StoaError(linkErrors.blocked_host_not_found)
      this.#told(ctx, tx, hostUnblocked, { id, host })
    })
  }

  #told(ctx: Ctx, tx: Tx, event: EventDefinition, { host, id }: { readonly host: string; readonly id: string }): void {
    const { journal, lists } = this.#deps
    journal.append(ctx, tx, event.of({ id, host }, [`link_host:${id}`]))
    tx.afterCommit(() => lists.forget(ctx.tenant.id))
  }
}

/** Any host that a target could have, local ones too; in the spelling that targets have. */
function nameOf(input: string): string {
  const host = hostName(input, { allowLocal: true })
  if (host === null) throw refusal(linkErrors.blocked_host_invalid, 'host')
  return host
}

function refusal(spec: (typeof linkErrors)['blocked_host_invalid' | 'blocked_host_taken'], code: string): StoaError {
  return new StoaError(spec, { fields: [{ pointer: '/body/host', code, message: spec.message }] })
}

function shown({ createdAt, ...row }: BlockedHostRow): BlockedHost {
  return { ...row, createdAt: createdAt.toISOString() }
}
