/*
 * Telling applications that somebody has signed out (OpenID Connect Back-Channel Logout 1.0). It is asked for in the
 * transaction that ends the session, and done as a task: an application that is away is told when it is back.
 */
import type { Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, tenantCtx } from '@stoa/kernel'
import { cancelJob, defineJob, type Queue } from '@stoa/queue'
import type { Provider } from 'oidc-provider'
import { Type } from 'typebox'
import type { Issuers } from './issuer.ts'
import { removeRecordsOfMember, removeRecordsOfSessions, type SessionUse } from './oidc-record-store.ts'
import type { LogoutNotice } from './provider-deps.ts'
import type { TokenDenials } from './token-denials.ts'

interface ClientLike {
  readonly clientId: string
  readonly backchannelLogoutUri?: string
  backchannelLogout(sub: string, sid: string): Promise<unknown>
}

const senders = new WeakMap<Provider, ClientLike['backchannelLogout']>()

/** Has the provider ask for a task where it would tell an application at once. */
export function deferLogouts(provider: Provider, tell: (notice: LogoutNotice) => Promise<void>): void {
  const prototype = provider.Client.prototype as unknown as ClientLike
  senders.set(provider, prototype.backchannelLogout)
  prototype.backchannelLogout = function defer(this: ClientLike, sub, sid) {
    return tell({ clientId: this.clientId, sub, sid })
  }
}

/** The kind of task that tells an application. @param issuers known once the room is open */
export function tellApplication(issuers: () => Issuers) {
  return defineJob({
    name: 'identity.back_channel_logout',
    description: 'Tells an application that somebody has signed out.',
    retries: 12,
    input: Type.Object(
      { clientId: Type.String(), sub: Type.String(), sid: Type.String() },
      { additionalProperties: false },
    ),
    run: async (ctx, { clientId, sid, sub }) => {
      const issuer = await issuers().of(ctx.tenant.slug)
      const client = (await issuer?.provider.Client.find(clientId)) as ClientLike | undefined
      const send = issuer && senders.get(issuer.provider)
      if (!client?.backchannelLogoutUri || !send) throw cancelJob('the application is not there any more')
      await send.call(client, sub, sid)
    },
  })
}

/** What ending sessions stands on. */
export interface EndedSessionsDeps {
  readonly queue: Pick<Queue, 'enqueue'>
  readonly denials: TokenDenials
  readonly job: ReturnType<typeof tellApplication>
}

/**
 * Ends all that was given out for sessions, in every tenant, in the transaction (of the system role) that ends them:
 * records, access tokens, and the sessions of applications.
 */
export async function endUses(
  ctx: BaseCtx,
  tx: Tx,
  sessionIds: readonly string[],
  { denials, job, queue }: EndedSessionsDeps,
): Promise<void> {
  denials.add(tx, 'session', sessionIds)
  for (const { payload, schema, slug, tenantId } of await removeRecordsOfSessions(tx, sessionIds)) {
    tellAll(tenantCtx(ctx, { id: tenantId, slug, schema }), tx, payload, { job, queue })
  }
}

/** Ends all that a person was given in the tenant, in a transaction of the system role. */
export async function endUsesOfMember(
  ctx: Ctx,
  tx: Tx,
  personId: string,
  deps: Omit<EndedSessionsDeps, 'denials'>,
): Promise<void> {
  for (const payload of await removeRecordsOfMember(tx, ctx.tenant.id, personId)) tellAll(ctx, tx, payload, deps)
}

function tellAll(
  ctx: Ctx,
  tx: Tx,
  { accountId, authorizations = {} }: SessionUse['payload'],
  { job, queue }: Omit<EndedSessionsDeps, 'denials'>,
): void {
  for (const [clientId, { sid }] of Object.entries(authorizations)) {
    if (sid !== undefined && accountId !== undefined) queue.enqueue(ctx, tx, job, { clientId, sid, sub: accountId })
  }
}
