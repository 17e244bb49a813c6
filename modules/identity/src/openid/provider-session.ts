/*
 * The provider's session of a browser follows ours, which is the truth: whoever is signed in with us, and belongs to the
 * tenant, is signed in with its provider; whoever is not, is not. So a person signs in once for every application of
 * every organisation that they belong to, and out of all of them at once.
 *
 * The two have one id. The provider's own cookie is for visitors who are not signed in (the forms that they fill in), and
 * it opens nothing else: who plants one, or steals one, has a stranger's.
 */
import { type Ctx, isId } from '@stoa/kernel'
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider'
import { countsIn } from '../sign-in/sessions.ts'
import { accountOf } from './account.ts'
import { callerCtx } from './caller-ctx.ts'
import type { ProviderDeps, Visitor } from './provider-deps.ts'

interface SessionLike {
  jti: string
  uid: string
  accountId?: string
  loginTs?: number
  acr?: string
  amr?: string[]
  authorizations?: Record<string, unknown>
  touched?: boolean
  stoaEndsAtMs?: number
  destroy(): Promise<void>
  resetIdentifier(): void
  loginAccount(details: object): void
}

interface SessionClass {
  get(koa: KoaContextWithOIDC): Promise<SessionLike>
  find(id: string): Promise<SessionLike | undefined>
  instantiate(payload?: object): SessionLike
  prototype: SessionLike
}

/** Makes the sessions of a provider follow ours. */
export function deriveSessions(provider: Provider, ctx: Ctx, deps: ProviderDeps): void {
  const Session = provider.Session as unknown as SessionClass
  const getByCookie = Session.get
  Session.get = async function get(koa) {
    const visitor = await memberAt(koa, ctx, deps)
    const session = visitor
      ? await sessionOf(Session, visitor)
      : await strangerOf(Session, await getByCookie.call(Session, koa))
    koa.oidc.entity('Session' as never, session as never)
    return session
  }
  const { destroy, loginAccount, resetIdentifier } = Session.prototype
  Session.prototype.loginAccount = function login(details: { readonly accountId: string }) {
    // Nobody is signed in here but by our own session: what an interaction says of itself is no proof.
    if (this.accountId !== details.accountId) throw new errors.AccessDenied('this browser is not signed in')
    loginAccount.call(this, details)
  }
  Session.prototype.resetIdentifier = function reset() {
    // Ours is a new one whenever somebody proves who they are; this one is known by its id.
    if (this.accountId === undefined) resetIdentifier.call(this)
    else this.touched = true
  }
  Session.prototype.destroy = async function end() {
    await destroy.call(this)
    if (this.accountId === undefined || !isId(this.uid)) return
    await deps.visitors.signOut(callerCtx(ctx, deps), { personId: this.accountId, sessionId: this.uid })
  }
  provider.on('end_session.success', (koa) => koa.append('set-cookie', deps.visitors.removal()))
}

/** Who is signed in and belongs to the tenant. */
async function memberAt(koa: KoaContextWithOIDC, ctx: Ctx, deps: ProviderDeps): Promise<Visitor | null> {
  const visitor = await deps.visitors.of(koa.req)
  if (visitor === null || !countsIn(visitor, ctx)) return null
  return (await accountOf(ctx, deps, visitor.personId)) === undefined ? null : visitor
}

async function sessionOf(Session: SessionClass, visitor: Visitor): Promise<SessionLike> {
  const found = await Session.find(visitor.sessionId)
  const session =
    found?.accountId === visitor.personId
      ? found
      : Session.instantiate({ jti: visitor.sessionId, uid: visitor.sessionId })
  const loginTs = Math.floor(visitor.authTime.getTime() / 1_000)
  session.stoaEndsAtMs = visitor.endsAt.getTime()
  if (session.accountId !== visitor.personId || session.loginTs !== loginTs || session.acr !== visitor.acr) {
    Object.assign(session, { accountId: visitor.personId, loginTs, acr: visitor.acr, amr: [...visitor.amr] })
    session.touched = true
  }
  return session
}

/** A visitor who is not signed in: what the cookie shows of somebody who was is not theirs. */
async function strangerOf(Session: SessionClass, session: SessionLike): Promise<SessionLike> {
  return session.accountId === undefined && !isId(session.uid) ? session : Session.instantiate({})
}
