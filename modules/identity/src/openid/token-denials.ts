/*
 * What access tokens are refused before their time. A token carries its own proof, so taking it back means to tell every
 * node: in the transaction that takes it back a row is written here, and the event of it is in the journal, which every
 * node watches. A node that starts reads the rows that still matter. Both end when no token can be left that they would
 * refuse.
 */
import type { Database, Tx } from '@stoa/db'
import { statement } from '@stoa/db'
import type { Journal, JournalEvent } from '@stoa/journal'
import { type BaseCtx, type Repeating, repeat } from '@stoa/kernel'
import type { AccessToken } from './access-token.ts'

/** By what a token is refused. */
export type DenialKind = 'token' | 'session' | 'client' | 'grant'

/** What denials stand on. */
export interface TokenDenialsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'watch'>
  /** Of the system. */
  readonly ctx: BaseCtx
  /** The longest that an access token lasts, with the skew of clocks. */
  readonly lastingSeconds: number
}

interface DenialRow {
  readonly kind: DenialKind
  readonly id: string
  readonly issuedBefore: Date
  readonly endsAt: Date
}

interface Denial {
  readonly issuedBeforeMs: number
  readonly endsAtMs: number
}

const denialAdding = statement<[kind: DenialKind, ids: readonly string[], issuedBefore: Date, endsAt: Date], never>(
  `insert into stoa.token_denials (kind, id, issued_before, ends_at)
   select $1, id, $3, $4 from unnest($2::text[]) as id
   on conflict (kind, id) do update set issued_before = excluded.issued_before, ends_at = excluded.ends_at`,
)
const denialsLeft = statement<[now: Date], DenialRow>(
  'select kind, id, issued_before, ends_at from stoa.token_denials where ends_at > $1',
)
const denialsEnded = statement<[now: Date], never>('delete from stoa.token_denials where ends_at < $1')

const TIDY_MS = 60_000

/** What is refused. */
export class TokenDenials implements AsyncDisposable {
  readonly #deps: TokenDenialsDeps
  readonly #denied = new Map<string, Denial>()
  readonly #watch: ReturnType<Journal['watch']>
  readonly #tidying: Repeating
  readonly #listeners: ((kind: DenialKind, id: string) => void)[] = []

  constructor(deps: TokenDenialsDeps) {
    this.#deps = deps
    this.#watch = deps.journal.watch({ name: 'identity-denials' }, (events) => {
      for (const event of events) this.#hear(event)
    })
    this.#tidying = repeat(() => this.#tidy(), {
      clock: deps.ctx.clock,
      everyMs: TIDY_MS,
      onError: (err) => deps.ctx.log.warn({ err }, 'what tokens are refused could not be tidied up'),
    })
  }

  /** Resolves when all that was refused before is known. */
  async ready(): Promise<void> {
    await this.#watch.ready
    const { ctx, db } = this.#deps
    const rows = await db.systemRead(ctx, (tx) => tx.many(denialsLeft(new Date(ctx.clock.now()))))
    for (const row of rows) this.#note(row.kind, row.id, row.issuedBefore.getTime(), row.endsAt.getTime())
  }

  /** Refuses from now on, in the caller's transaction of the system role; it rides with the commit. */
  add(tx: Tx, kind: DenialKind, ids: readonly string[]): void {
    const now = this.#deps.ctx.clock.now()
    const endsAtMs = now + this.#deps.lastingSeconds * 1_000
    tx.later(denialAdding(kind, ids, new Date(now), new Date(endsAtMs)))
    tx.afterCommit(() => {
      for (const id of ids) this.#note(kind, id, now, endsAtMs)
    })
  }

  /** Calls `listener` with what is refused from now on, once it is. */
  onDenial(listener: (kind: DenialKind, id: string) => void): void {
    this.#listeners.push(listener)
  }

  /** Whether a token is refused. */
  isDenied(token: Pick<AccessToken, 'jti' | 'sid' | 'grant' | 'clientId' | 'issuedAtMs'>): boolean {
    if (this.#denied.size === 0) return false
    return (
      this.#denied.has(`token ${token.jti}`) ||
      (token.sid !== null && this.#denied.has(`session ${token.sid}`)) ||
      (token.grant !== null && this.#denied.has(`grant ${token.grant}`)) ||
      token.issuedAtMs <= (this.#denied.get(`client ${token.clientId}`)?.issuedBeforeMs ?? 0)
    )
  }

  #hear({ at, data, type }: JournalEvent): void {
    const facts = data as { sessionId?: string; jti?: string; clientId?: string; endsTokens?: boolean; grant?: string }
    const atMs = at.getTime()
    const endsAtMs = atMs + this.#deps.lastingSeconds * 1_000
    const hear = (kind: DenialKind, id: string | undefined) => {
      if (id !== undefined) this.#note(kind, id, atMs, endsAtMs)
    }
    if (type === 'identity.session_ended') hear('session', facts.sessionId)
    else if (type === 'identity.token_revoked') hear('token', facts.jti)
    else if (type === 'identity.grant_revoked') hear('grant', facts.grant)
    else if (type === 'identity.oauth_client_removed') hear('client', facts.clientId)
    else if (type === 'identity.oauth_client_changed' && facts.endsTokens) hear('client', facts.clientId)
  }

  #note(kind: DenialKind, id: string, issuedBeforeMs: number, endsAtMs: number): void {
    this.#denied.set(`${kind} ${id}`, { issuedBeforeMs, endsAtMs })
    for (const listener of this.#listeners) listener(kind, id)
  }

  async #tidy(): Promise<void> {
    const { ctx, db } = this.#deps
    const now = ctx.clock.now()
    for (const [key, { endsAtMs }] of this.#denied) if (endsAtMs < now) this.#denied.delete(key)
    await db.system(ctx, (tx) => tx.run(denialsEnded(new Date(now))))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tidying[Symbol.asyncDispose]()
    await this.#watch[Symbol.asyncDispose]()
  }
}
