/*
 * Accounts that people have elsewhere, and sign in by. One is linked by whoever has just shown both: the account over there
 * (in this browser, of late) and the one here, by their own means. One is taken away unless it is the last way in.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, isId, type Logger, StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import type { AccountMail } from '../people/account-mail.ts'
import { peekToken, spendToken } from '../people/one-time.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import { asPerson } from '../sign-in/sign-in.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import { takeWayIn } from '../sign-in/ways-in.ts'
import {
  type AccountKey,
  addLinkedAccount,
  type LinkedAccountRow,
  linkedAccountsOf,
  removeLinkedAccount,
} from './linked-account-store.ts'
import { accountLinked, accountUnlinked } from './upstream-events.ts'
import { deviceOf } from './upstream-sign-in.ts'

/** What they stand on. */
export interface LinkedAccountsDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly log: Logger
  readonly mail: AccountMail
}

type Owner = LiveSessionRow['person']

interface Waiting extends AccountKey {
  readonly label: string
  readonly device: string
}

/** Accounts elsewhere. */
export class LinkedAccounts {
  readonly #deps: LinkedAccountsDeps

  constructor(deps: LinkedAccountsDeps) {
    this.#deps = deps
  }

  /** Those of a person with the providers of the tenant. */
  of(ctx: Ctx, personId: string): Promise<LinkedAccountRow[]> {
    return this.#deps.db.systemRead(ctx, (tx) => linkedAccountsOf(tx, ctx.tenant.id, personId))
  }

  /** What waits to be linked in this browser. @throws StoaError `link_spent` */
  async waiting(ctx: Ctx, token: string, visitor: Visitor): Promise<Waiting> {
    const row = await this.#deps.db.systemRead(ctx, (tx) => peekToken(tx, ctx.clock, 'connect', token))
    const waiting = row.data as unknown as Waiting
    if (waiting.tenantId === ctx.tenant.id && waiting.device === deviceOf(visitor)) return waiting
    throw new StoaError(identityErrors.link_spent)
  }

  /**
   * Links what waits. The caller has seen to it that the person has just proven who they are, by their own means.
   *
   * @throws StoaError `link_spent`, `account_linked_elsewhere`
   */
  async link(ctx: Ctx, person: Owner, token: string, visitor: Visitor): Promise<void> {
    const { db, journal } = this.#deps
    const { label, providerId, ...key } = await this.waiting(ctx, token, visitor)
    const own = asPerson(ctx, person.id)
    await db.system(ctx, async (tx) => {
      await spendToken(tx, ctx.clock, 'connect', token)
      const at = new Date(ctx.clock.now())
      const added = await addLinkedAccount(tx, { ...key, providerId }, { personId: person.id, label, at })
      if (!added) throw new StoaError(identityErrors.account_linked_elsewhere)
      const data = { personId: person.id, providerId, ...visitor.place }
      journal.append(own, tx, accountLinked.of(data, [`person:${person.id}`, `identity_provider:${providerId}`]))
    })
    await this.#tell(own, person)
  }

  /** Takes a link away. Of one that is not there, nothing is changed. @throws StoaError `last_way_in` */
  async unlink(ctx: Ctx, person: Owner, providerId: string): Promise<void> {
    if (!isId(providerId)) return
    const { db, journal } = this.#deps
    const own = asPerson(ctx, person.id)
    const key = { tenantId: ctx.tenant.id, providerId, personId: person.id }
    const removed = await db.system(ctx, async (tx) => {
      if (!(await takeWayIn(tx, person.id, () => removeLinkedAccount(tx, key)))) return false
      const subjects = [`person:${person.id}`, `identity_provider:${providerId}`]
      journal.append(own, tx, accountUnlinked.of({ personId: person.id, providerId }, subjects))
      return true
    })
    if (removed) await this.#tell(own, person)
  }

  async #tell(own: Ctx, { email, locale }: Owner): Promise<void> {
    const { log, mail } = this.#deps
    const asked = mail.ask(own, { kind: 'factor_changed', email, locale })
    await asked.catch((err) => log.error({ err }, 'the mail about a linked account was not asked for'))
  }
}
