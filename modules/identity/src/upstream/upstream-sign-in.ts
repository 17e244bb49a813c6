/*
 * Signing in by another provider.
 *
 *   begun      a state: kept as its SHA-256, used once, for ten minutes, by the browser that began; verifier and nonce are
 *              made of it and of a secret, so nothing that is kept or sent tells them
 *   back       same browser, same provider? ─▶ may they try? ─▶ the code becomes an account over there
 *     ─▶ linked to somebody here: they are signed in, in this tenant alone, and asked for their second step as always
 *     ─▶ linked to nobody: a token with which whoever proves an account here may link it
 *
 * An address that the provider calls verified links nothing and makes nobody: whoever runs a tenant chooses its
 * providers, and people belong to several tenants. For the same reason what a provider says counts in its tenant alone.
 */
import { createHash, createHmac } from 'node:crypto'
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, isError, type Logger, StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import type { Locale } from '../languages/index.ts'
import { issueToken, spendToken } from '../people/one-time.ts'
import { personById } from '../people/person-store.ts'
import { hashOf, tokenHash } from '../people/secret-token.ts'
import type { Attempts } from '../sign-in/attempts.ts'
import type { SignIn, SignInOutcome } from '../sign-in/sign-in.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import type { IdentityProviders } from './identity-providers.ts'
import { ownerOfAccount } from './linked-account-store.ts'
import type { ProviderRow } from './provider-store.ts'
import type { UpstreamAccount } from './upstream-account.ts'
import type { UpstreamClient } from './upstream-client.ts'
import { upstreamRefused } from './upstream-events.ts'

/** What it stands on. */
export interface UpstreamSignInDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly log: Logger
  readonly attempts: Attempts
  readonly signIn: SignIn
  readonly providers: IdentityProviders
  readonly client: UpstreamClient
  /** Verifiers and nonces are made of it. 32 bytes. */
  readonly key: Buffer
}

/** What somebody begins. */
export interface Beginning {
  readonly locale: Locale
  /** Where they wanted to go, checked. */
  readonly next: string | null
  /** They have to prove it now. */
  readonly again: boolean
  /** Who links, and does not sign in; null: nobody. */
  readonly linksFor: string | null
}

/** What came of it, with where they wanted to go. */
export type Completion = { readonly next: string | null } & (
  | { readonly kind: 'outcome'; readonly outcome: SignInOutcome }
  /** Whoever proves an account here may link it with this token. */
  | { readonly kind: 'unlinked'; readonly token: string }
  | { readonly kind: 'linked already' }
)

interface Kept extends Beginning {
  readonly providerId: string
  readonly tenantId: string
  /** SHA-256 of the token of the browser. */
  readonly device: string
}

/** Signs people in by other providers. */
export class UpstreamSignIn {
  readonly #deps: UpstreamSignInDeps

  constructor(deps: UpstreamSignInDeps) {
    this.#deps = deps
  }

  /** Where to send somebody. @throws StoaError `not_found`, `upstream_failed`, `upstream_unavailable` */
  async begin(ctx: Ctx, providerId: string, beginning: Beginning, visitor: Visitor): Promise<URL> {
    const { client, db, providers } = this.#deps
    const provider = await providers.openOne(ctx, providerId)
    const data: Kept = { ...beginning, providerId, tenantId: ctx.tenant.id, device: deviceOf(visitor) }
    const input = { purpose: 'upstream', personId: null, email: null, data: { ...data } } as const
    const state = await db.system(ctx, (tx) => issueToken(tx, ctx.clock, input))
    const { nonce, verifier } = this.#secretsOf(state)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const redirectUri = providers.redirectUri(visitor.address, providerId)
    const { again, locale } = beginning
    return await client.url(ctx, provider, { redirectUri, state, nonce, challenge, again, locale })
  }

  /**
   * Who has come back, and what comes of it.
   *
   * @throws StoaError `link_spent` when it was not begun here, `upstream_cancelled`, `upstream_failed`,
   *   `upstream_unavailable`, `too_many_attempts`, `person_suspended`, `account_linked_elsewhere`
   */
  async complete(ctx: Ctx, providerId: string, params: URLSearchParams, visitor: Visitor): Promise<Completion> {
    const { attempts, providers } = this.#deps
    const state = params.get('state') ?? ''
    const kept = await this.#spend(ctx, providerId, state, visitor)
    const provider = await providers.openOne(ctx, providerId)
    const account = `upstream ${providerId} ${kept.device}`
    const attempt = { kind: 'sign-in', account, device: null, ip: visitor.ip, tenantId: ctx.tenant.id } as const
    const admission = await attempts.admit(attempt)
    const found = await this.#account(ctx, provider, params, { state, again: kept.again }, visitor)
    await admission.refund()
    return { next: kept.next, ...(await this.#outcome(ctx, provider, found, kept, visitor)) }
  }

  async #outcome(
    ctx: Ctx,
    provider: ProviderRow,
    found: UpstreamAccount,
    { device, linksFor }: Kept,
    visitor: Visitor,
  ) {
    const { db, signIn } = this.#deps
    const { issuer, label, subject } = found
    const key = { tenantId: ctx.tenant.id, providerId: provider.id, issuer, subject }
    const { person, token } = await db.system(ctx, async (tx) => {
      const personId = await ownerOfAccount(tx, key, new Date(ctx.clock.now()))
      if (personId !== undefined) return { person: await personById(tx, personId), token: '' }
      const input = { purpose: 'connect', personId: null, email: null, data: { ...key, label, device } } as const
      return { person: undefined, token: await issueToken(tx, ctx.clock, input) }
    })
    if (person === undefined) return { kind: 'unlinked', token } as const
    if (linksFor === person.id) return { kind: 'linked already' } as const
    if (linksFor !== null) throw new StoaError(identityErrors.account_linked_elsewhere)
    const proof = { amr: ['fed'], acr: '1', boundTo: ctx.tenant.id } as const
    return { kind: 'outcome', outcome: await signIn.proven(ctx, person, proof, visitor) } as const
  }

  async #spend(ctx: Ctx, providerId: string, state: string, visitor: Visitor): Promise<Kept> {
    const row = await this.#deps.db.system(ctx, (tx) => spendToken(tx, ctx.clock, 'upstream', state))
    const kept = row.data as unknown as Kept
    const isOurs =
      kept.providerId === providerId && kept.tenantId === ctx.tenant.id && kept.device === deviceOf(visitor)
    if (isOurs) return kept
    throw new StoaError(identityErrors.link_spent)
  }

  async #account(
    ctx: Ctx,
    provider: ProviderRow,
    params: URLSearchParams,
    { again, state }: { readonly again: boolean; readonly state: string },
    visitor: Visitor,
  ): Promise<UpstreamAccount> {
    const { client, providers } = this.#deps
    const redirectUri = providers.redirectUri(visitor.address, provider.id)
    try {
      return await client.account(ctx, provider, { ...this.#secretsOf(state), redirectUri, params, state, again })
    } catch (error) {
      this.#refused(ctx, provider.id, error, visitor)
      throw error
    }
  }

  /** Of the state, and of a secret. */
  #secretsOf(state: string): { readonly nonce: string; readonly verifier: string } {
    const made = (what: string) => createHmac('sha256', this.#deps.key).update(`${what} ${state}`).digest('base64url')
    return { nonce: made('nonce'), verifier: made('verifier') }
  }

  #refused(ctx: Ctx, providerId: string, error: unknown, { place }: Visitor): void {
    const { db, journal, log } = this.#deps
    const isCancelled = isError(error, identityErrors.upstream_cancelled)
    const isAway = isError(error, identityErrors.upstream_unavailable)
    const reason = isCancelled ? 'cancelled' : isAway ? 'unavailable' : 'failed'
    // What exactly was wrong is for whoever looks after the installation.
    if (!isCancelled) log.warn({ err: error, providerId }, 'another provider of identities was not believed')
    const event = upstreamRefused.of({ providerId, reason, ...place }, [`identity_provider:${providerId}`])
    const written = async (tx: Tx) => journal.append(ctx, tx, event)
    db.transaction(ctx, written).catch((err) => log.warn({ err }, 'a refused sign-in is not in the journal'))
  }
}

/** What is kept of the browser that is at a page. */
export function deviceOf({ deviceToken }: Visitor): string {
  const hash = tokenHash(deviceToken)
  return (hash ?? hashOf('')).toString('base64url')
}
