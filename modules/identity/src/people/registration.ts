/*
 * Registering. A request names an address and nothing else, and only leaves a mail behind; the person comes into being
 * when the link of the mail is followed and they choose a password there. So nobody can prepare an account under
 * somebody else's address and wait, and no address in `people` is unproven.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, newId, StoaError } from '@stoa/kernel'
import type { PasswordHasher } from '@stoa/module'
import { identityErrors } from '../errors.ts'
import { memberAdded, personAdded } from '../events.ts'
import type { Attempts } from '../sign-in/attempts.ts'
import { asPerson, type Begun, type SignIn } from '../sign-in/sign-in.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import type { AccountMail } from './account-mail.ts'
import { requireEmail } from './email.ts'
import { peekToken, spendToken } from './one-time.ts'
import { normalisedPassword } from './password-rules.ts'
import { setPassword } from './password-store.ts'
import { addMembership, addPerson, type PersonRow } from './person-store.ts'
import { requireGoodPassword } from './recovery.ts'

/** What registering stands on. */
export interface RegistrationDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly attempts: Attempts
  readonly hasher: PasswordHasher
  readonly signIn: SignIn
  readonly mail: AccountMail
  readonly settings: SignInSettings
}

/** What somebody says who completes a registration. */
export interface Completion {
  readonly token: string
  readonly name: string
  readonly password: string
  readonly locale: string
}

/** What everybody gets who registers by themselves. */
const FIRST_ROLES = ['member']

/** Registers people. */
export class Registration {
  readonly #deps: RegistrationDeps

  constructor(deps: RegistrationDeps) {
    this.#deps = deps
  }

  /**
   * Asks for the mail. The same comes of it whether there is an account or not.
   *
   * @throws StoaError `registration_closed`, `email_invalid`, `too_many_attempts`
   */
  async request(
    ctx: Ctx,
    given: { readonly email: string; readonly locale: string },
    visitor: Visitor,
  ): Promise<string> {
    const { attempts, mail, settings } = this.#deps
    await this.#requireOpen(ctx, settings)
    const email = requireEmail(given.email)
    await attempts.admit({ kind: 'mail', account: email, device: null, ip: visitor.ip, tenantId: ctx.tenant.id })
    await mail.ask(ctx, { kind: 'registration', email, locale: given.locale })
    return email
  }

  /** Whose link it is. @throws StoaError `link_spent` */
  async invited(ctx: Ctx, token: string): Promise<string> {
    const row = await this.#deps.db.systemRead(ctx, (tx) => peekToken(tx, ctx.clock, 'registration', token))
    return row.email ?? ''
  }

  /**
   * Makes the person, a member of the tenant, and signs them in.
   *
   * @throws StoaError `registration_closed`, `link_spent`, `password_refused`, `person_exists`
   */
  async complete(ctx: Ctx, { locale, name, password, token }: Completion, visitor: Visitor): Promise<Begun> {
    const { db, hasher, journal, settings, signIn } = this.#deps
    await this.#requireOpen(ctx, settings)
    const email = await this.invited(ctx, token)
    requireGoodPassword(password, { email, name })
    const hash = await hasher.hash(normalisedPassword(password))
    const at = new Date(ctx.clock.now())
    const person: PersonRow = {
      ...{ id: newId(ctx.clock), email, emailVerifiedAt: at, name, locale, suspendedAt: null },
      ...{ version: 1, createdAt: at, updatedAt: at },
    }
    const begun = await db.system(ctx, async (tx) => {
      await spendToken(tx, ctx.clock, 'registration', token)
      if (!(await addPerson(tx, person))) throw new StoaError(identityErrors.person_exists)
      setPassword(tx, person.id, hash, at)
      const own = asPerson(ctx, person.id)
      journal.append(own, tx, personAdded.of({ personId: person.id, by: 'registration' }, [`person:${person.id}`]))
      await this.#join(own, person.id, tx)
      return await signIn.begin(ctx, tx, person, { amr: ['pwd'], acr: '1' }, visitor)
    })
    return await begun()
  }

  /** Makes somebody who is signed in a member. @throws StoaError `registration_closed` */
  async join(ctx: Ctx, personId: string): Promise<void> {
    const { db, settings } = this.#deps
    await this.#requireOpen(ctx, settings)
    await db.system(ctx, (tx) => this.#join(asPerson(ctx, personId), personId, tx))
  }

  async #join(own: Ctx, personId: string, tx: Parameters<typeof addMembership>[0]): Promise<void> {
    const membership = { tenantId: own.tenant.id, personId, roleNames: FIRST_ROLES, status: 'active' } as const
    const isNew = await addMembership(tx, membership, `person:${personId}`, new Date(own.clock.now()))
    if (!isNew) return
    const data = { personId, roleNames: FIRST_ROLES }
    this.#deps.journal.append(own, tx, memberAdded.of(data, [`person:${personId}`]))
  }

  async #requireOpen(ctx: Ctx, settings: SignInSettings): Promise<void> {
    const { registration } = await settings.of(ctx)
    if (registration !== 'open') throw new StoaError(identityErrors.registration_closed)
  }
}
