/*
 * Another e-mail address: asked for with a fresh proof of who somebody is (whoever has the address can reset the password),
 * proven by a link that goes to the new address, told to the old
 * one. Who already has the new address is not told to who asks.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, type Logger, StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { emailChanged } from '../events.ts'
import type { Attempts } from '../sign-in/attempts.ts'
import { isFreshProof } from '../sign-in/fresh-proof.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import { asPerson } from '../sign-in/sign-in.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import type { AccountMail } from './account-mail.ts'
import { requireEmail } from './email.ts'
import { peekToken, spendToken } from './one-time.ts'
import { dropTokensOf } from './one-time-store.ts'
import { lockedPerson, personByEmail, savePerson } from './person-store.ts'

/** What it stands on. */
export interface EmailChangeDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly log: Logger
  readonly attempts: Attempts
  readonly mail: AccountMail
}

/** Changes addresses. */
export class EmailChange {
  readonly #deps: EmailChangeDeps

  constructor(deps: EmailChangeDeps) {
    this.#deps = deps
  }

  /**
   * Asks for the mail to the new address.
   *
   * @throws StoaError `proof_required`, `email_invalid`, `too_many_attempts`
   */
  async request(
    ctx: Ctx,
    session: LiveSessionRow,
    given: { readonly email: string; readonly locale: string },
    visitor: Visitor,
  ): Promise<string> {
    const { attempts, mail } = this.#deps
    const { person } = session
    if (!isFreshProof(session, ctx.clock.now())) throw new StoaError(identityErrors.proof_required)
    const email = requireEmail(given.email)
    await attempts.admit({ kind: 'mail', account: email, device: null, ip: visitor.ip, tenantId: ctx.tenant.id })
    await mail.ask(asPerson(ctx, person.id), { kind: 'email', email, locale: given.locale, personId: person.id })
    return email
  }

  /** Which address a link is for. @throws StoaError `link_spent` */
  async wanted(ctx: Ctx, token: string): Promise<string> {
    const row = await this.#deps.db.systemRead(ctx, (tx) => peekToken(tx, ctx.clock, 'email', token))
    return row.email ?? ''
  }

  /** Changes the address by a link. @throws StoaError `link_spent`, `person_exists` */
  async confirm(ctx: Ctx, token: string, visitor: Visitor): Promise<void> {
    const { db, journal, log, mail } = this.#deps
    const at = new Date(ctx.clock.now())
    const before = await db.system(ctx, async (tx) => {
      const { email, personId } = await spendToken(tx, ctx.clock, 'email', token)
      const person = personId === null ? undefined : await lockedPerson(tx, personId)
      if (person === undefined || email === null) throw new StoaError(identityErrors.link_spent)
      if (await personByEmail(tx, email)) throw new StoaError(identityErrors.person_exists)
      const changed = { email, emailVerifiedAt: at, updatedAt: at, version: person.version + 1 }
      savePerson(tx, { ...person, ...changed })
      dropTokensOf(tx, person.id)
      const event = emailChanged.of({ personId: person.id, ...visitor.place }, [`person:${person.id}`])
      journal.append(asPerson(ctx, person.id), tx, event)
      return person
    })
    const told = mail.ask(ctx, { kind: 'email_changed', email: before.email, locale: before.locale })
    await told.catch((err) => log.error({ err }, 'the mail about a new address was not asked for'))
  }
}
