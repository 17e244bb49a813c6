import type { Clock } from './clock.ts'
import { errors, StoaError } from './errors.ts'
import { newId } from './ids.ts'
import type { Logger } from './logger.ts'
import { permits } from './permissions.ts'

/** An organisation. */
export interface Tenant {
  /** UUIDv7. */
  readonly id: string
  /** Short unique name for URLs and the command line, such as `acme`. */
  readonly slug: string
  /** The database schema of its rooms' tables: `stoa_pool`, or `stoa_t_<slug>` with `-` as `_`. */
  readonly schema: string
}

/** The kinds of actors. */
export const actorTypes = ['anonymous', 'apiKey', 'person', 'client', 'serviceAccount', 'system'] as const

/**
 * Who is asking. `id` is that of the key, the person, the program that signed in, or the service account; for `system` the
 * reason; for `anonymous` the word `anonymous`.
 */
export interface Actor {
  readonly type: (typeof actorTypes)[number]
  readonly id: string
}

/** One thing that somebody can have permissions on without having them everywhere: a link, a project, an inbox. */
export interface Resource {
  /** What kind of thing, as the subjects of events name it: `link`. */
  readonly kind: string
  readonly id: string
}

/** Permissions on single resources, by `kind:id`. */
export type ResourceGrants = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Where a request came from, as far as it is kept. Both come from outside and prove nothing; they help to recognise
 * one's own, and what was not.
 */
export interface Place {
  /** A network and no address: `203.0.113.0/24`, `2001:db8:1::/48`; empty when unknown. */
  readonly addressPrefix: string
  /** A label and no user agent: `Firefox on Linux`; `unknown`. */
  readonly device: string
}

/** How a person has proven who they are. */
export interface Proof {
  /** The session that it was given for. */
  readonly sessionId: string
  /** When they did so last, in milliseconds since 1970. */
  readonly atMs: number
}

/** A context outside of any tenant: readers, tenant administration, start-up. */
export interface BaseCtx {
  readonly actor: Actor
  /** Granted permissions: `links:read`; `links:*` grants all that begin with `links:`; `*` grants all. */
  readonly permissions: ReadonlySet<string>
  /** What is granted besides on single resources. Default: nothing. */
  readonly grants?: ResourceGrants | undefined
  /**
   * Whom the credentials of the actor belong to: the person, or the service account, that an API key acts for. Default:
   * nobody but the actor.
   */
  readonly owner?: Actor | undefined
  /** The sign-in that is behind the credentials of a person. Default: there is none, or nobody knows of it. */
  readonly proof?: Proof | undefined
  /**
   * Where the request came from. Default: no request is behind it, or nobody knows: a command, a job, a reader. A context
   * that enters a tenant for reasons of its own, and not of who asks, leaves it behind.
   */
  readonly place?: Place | undefined
  /** Already bound to the request (and the tenant). */
  readonly log: Logger
  /** W3C trace id (32 hex digits), or null when the request is not traced. */
  readonly traceId: string | null
  readonly requestId: string
  readonly clock: Clock
  /** Aborts when nobody waits for the outcome any more; null when that cannot happen. */
  readonly signal: AbortSignal | null
}

/** The first argument of every verb. */
export interface Ctx extends BaseCtx {
  readonly tenant: Tenant
}

/**
 * The context of work that nobody asked for by a request: a reader, a schedule, a command. It has every permission.
 *
 * @param reason what is being done, in a word or two; it becomes the actor's id in the audit trail
 */
export function systemCtx(deps: { readonly log: Logger; readonly clock: Clock }, reason: string): BaseCtx {
  const requestId = newId(deps.clock)
  return {
    actor: { type: 'system', id: reason },
    permissions: new Set(['*']),
    log: deps.log.child({ requestId, reason }),
    traceId: null,
    requestId,
    clock: deps.clock,
    signal: null,
  }
}

/**
 * The same context inside a tenant. Its logger names the tenant, unless `over` brings a logger of its own.
 *
 * @param over what differs from `base`: another actor, fewer permissions, a signal
 */
export function tenantCtx(base: BaseCtx, tenant: Tenant, over: Partial<BaseCtx> = {}): Ctx {
  // Field by field: a context may have getters, which a spread of the object would leave behind.
  const { actor, grants, owner, permissions, place, traceId, requestId, clock, signal } = base
  const log = over.log ?? base.log.child({ tenant: tenant.slug })
  return { actor, owner, permissions, grants, place, traceId, requestId, clock, signal, ...over, log, tenant }
}

/**
 * Whether the context has the permission, by name or by a wildcard (`links:*`, `*`).
 *
 * @param resource what it is needed on: then a permission that was granted on this one thing is enough
 */
export function hasPermission(
  ctx: Pick<BaseCtx, 'permissions' | 'grants'>,
  permission: string,
  resource?: Resource,
): boolean {
  if (permits(ctx.permissions, permission)) return true
  const granted = resource && ctx.grants?.get(`${resource.kind}:${resource.id}`)
  return granted !== undefined && permits(granted, permission)
}

/**
 * Passes when the context has the permission.
 *
 * @param resource as for {@link hasPermission}
 * @throws StoaError `forbidden`, naming the permission that is missing
 */
export function requirePermission(ctx: BaseCtx, permission: string, resource?: Resource): void {
  if (hasPermission(ctx, permission, resource)) return
  throw new StoaError(errors.forbidden, {
    message: `This needs the permission '${permission}'.`,
    context: { permission, actor: ctx.actor, ...(resource && { resource }) },
  })
}

/**
 * Passes when the context has the permission, or the one that is enough for what is one's own. What is one's own is known by
 * the query alone: it asks for whose it is, so what is somebody else's is not found, as if it did not exist.
 *
 * @param own enough for what belongs to the person, or the service account, behind the credentials
 * @returns whose it has to be; null: anybody's will do
 * @throws StoaError `forbidden`, naming the permission that is missing; also where the credentials belong to nobody
 */
export function requirePermissionOrOwn(ctx: BaseCtx, permission: string, own: string): Actor | null {
  if (hasPermission(ctx, permission)) return null
  const { actor, owner = actor } = ctx
  const isSomebody = owner.type === 'person' || owner.type === 'serviceAccount'
  if (isSomebody && hasPermission(ctx, own)) return owner
  throw new StoaError(errors.forbidden, {
    message: `This needs the permission '${permission}', or '${own}' for what is one's own.`,
    context: { permission, own, actor },
  })
}
