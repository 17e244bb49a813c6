/*
 * Who somebody is, asked at the beginning and again and again while the connection is open: the same question to the same
 * schemes as for any request.
 */
import type { Credentials, Principal } from '@stoa/http'
import { type Clock, type Ctx, errors, type Logger, newId, requirePermission, StoaError } from '@stoa/kernel'
import type { Channel, Channels } from './channel.ts'
import { realtimeErrors } from './errors.ts'

/** What everybody who connects needs. */
export const CONNECT = 'realtime:connect'

/** What the gate stands on. */
export interface GateDeps {
  /** Asks the schemes. @throws StoaError `unauthenticated` */
  readonly authenticate: (credentials: Credentials) => Principal | null | Promise<Principal | null>
  readonly channels: Channels
  readonly log: Logger
  readonly clock: Clock
}

/** Knows who may come in, and where. */
export class Gate {
  readonly #deps: GateDeps

  constructor(deps: GateDeps) {
    this.#deps = deps
  }

  /**
   * @param permission what they need; null: none
   * @throws StoaError `unauthenticated`, `forbidden`, or what the schemes throw when they cannot tell
   */
  async identify(credentials: Credentials, permission: string | null = CONNECT): Promise<Principal> {
    const principal = await this.#deps.authenticate(credentials)
    if (principal === null) throw new StoaError(errors.unauthenticated)
    if (permission !== null) requirePermission(this.ctxOf(principal), permission)
    return principal
  }

  /** The context of somebody who is connected. */
  ctxOf({ actor, grants, owner, permissions, tenant }: Principal): Ctx {
    const { clock, log } = this.#deps
    const requestId = newId(clock)
    const own = log.child({ requestId, tenant: tenant.slug, actor: `${actor.type}:${actor.id}` })
    return { actor, owner, permissions, grants, tenant, requestId, clock, log: own, traceId: null, signal: null }
  }

  /** The channel of a name, for somebody who may follow it. @throws StoaError `channel_unknown`, `forbidden` */
  async enter(principal: Principal, name: string): Promise<Channel> {
    const channel = this.#deps.channels.find(name)
    if (channel === null) throw new StoaError(realtimeErrors.channel_unknown)
    const ctx = this.ctxOf(principal)
    const { kind, params } = channel
    requirePermission(ctx, kind.permission, kind.resource?.(params))
    await kind.admit?.(ctx, params)
    return channel
  }
}
