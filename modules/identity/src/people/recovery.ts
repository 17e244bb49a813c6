/*
 * New passwords: by a mailed link for who has forgotten theirs, by the old one for who is signed in. A reset does not
 * sign anybody in: whoever reads somebody's mail still lacks their second factor.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, type Logger, StoaError } from '@stoa/kernel'
import type { PasswordHasher } from '@stoa/module'
import { identityErrors } from '../errors.ts'
import { passwordChanged } from '../events.ts'
import type { Attempts } from '../sign-in/attempts.ts'
import type { LiveSessionRow } from '../sign-in/session-store.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import { asPerson, type SignIn } from '../sign-in/sign-in.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import type { AccountMail } from './account-mail.ts'
import { requireEmail } from './email.ts'
import { peekToken, spendToken } from './one-time.ts'
import { dropTokensOf } from './one-time-store.ts'
import { normalisedPassword, type PasswordOwner, passwordFault } from './password-rules.ts'
import { setPassword } from './password-store.ts'
import { lockedPerson, type PersonRow, personById, proveEmail } from './person-store.ts'

/** What it stands on. */
export interface RecoveryDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly log: Logger
  readonly attempts: Attempts
  readonly hasher: PasswordHasher
  readonly sessions: Sessions
  readonly signIn: SignIn
  readonly mail: AccountMail
}

/** @throws StoaError `password_refused` with the field at fault */
export function requireGoodPassword(password: string, owner: PasswordOwner): void {
  const fault = passwordFault(password, owner)
  if (fault === null) return
  const { message } = identityErrors.password_refused
  throw new StoaError(identityErrors.password_refused, {
    fields: [{ pointer: '/body/password', code: fault, message }],
  })
}

/** Sets new passwords. */
export class Recovery {
  readonly #deps: RecoveryDeps

  constructor(deps: RecoveryDeps) {
    this.#deps = deps
  }

  /**
   * Asks for the mail. The same comes of it whether there is an account or not.
   *
   * @throws StoaError `email_invalid`, `too_many_attempts`
   */
  async request(
    ctx: Ctx,
    given: { readonly email: string; readonly locale: string },
    visitor: Visitor,
  ): Promise<string> {
    const email = requireEmail(given.email)
    const { attempts, mail } = this.#deps
    await attempts.admit({ kind: 'mail', account: email, device: null, ip: visitor.ip, tenantId: ctx.tenant.id })
    await mail.ask(ctx, { kind: 'reset', email, locale: given.locale })
    return email
  }

  /** Whose link it is. @throws StoaError `link_spent` */
  async owner(ctx: Ctx, token: string): Promise<PersonRow> {
    const person = await this.#deps.db.systemRead(ctx, async (tx) => {
      const row = await peekToken(tx, ctx.clock, 'reset', token)
      return await personById(tx, row.personId as string)
    })
    if (person === undefined) throw new StoaError(identityErrors.link_spent)
    return person
  }

  /** Sets the password by a link. @throws StoaError `link_spent`, `password_refused` */
  async reset(
    ctx: Ctx,
    {
      endSessions,
      password,
      token,
    }: { readonly token: string; readonly password: string; readonly endSessions: boolean },
    visitor: Visitor,
  ): Promise<void> {
    const person = await this.owner(ctx, token)
    requireGoodPassword(password, person)
    const hash = await this.#deps.hasher.hash(normalisedPassword(password))
    const own = asPerson(ctx, person.id)
    await this.#deps.db.system(ctx, async (tx) => {
      await spendToken(tx, ctx.clock, 'reset', token)
      // Whoever was added by hand, or by a directory, proves the address by its link.
      if (person.emailVerifiedAt === null) proveEmail(tx, person.id, new Date(ctx.clock.now()))
      await this.#save(own, tx, person, { hash, by: 'reset', visitor })
      if (endSessions) await this.#deps.sessions.leaveIn(own, tx, person.id, null, 'password')
    })
    await this.#tell(own, person)
  }

  /**
   * Sets the password of who is signed in, by the old one.
   *
   * @throws StoaError `sign_in_refused`, `too_many_attempts`, `password_refused`
   */
  async change(
    ctx: Ctx,
    session: LiveSessionRow,
    {
      current,
      endOthers,
      password,
    }: { readonly current: string; readonly password: string; readonly endOthers: boolean },
    visitor: Visitor,
  ): Promise<void> {
    const { db, hasher, sessions, signIn } = this.#deps
    const { person } = session
    await signIn.confirm(ctx, person, current, visitor)
    requireGoodPassword(password, person)
    const hash = await hasher.hash(normalisedPassword(password))
    const own = asPerson(ctx, person.id)
    await db.system(ctx, async (tx) => {
      await this.#save(own, tx, person, { hash, by: 'change', visitor })
      if (endOthers) await sessions.leaveIn(own, tx, person.id, session.id, 'password')
    })
    await this.#tell(own, person)
  }

  async #save(
    own: Ctx,
    tx: Parameters<typeof lockedPerson>[0],
    { id }: Pick<PersonRow, 'id'>,
    { by, hash, visitor }: { readonly hash: string; readonly by: string; readonly visitor: Visitor },
  ): Promise<void> {
    await lockedPerson(tx, id)
    setPassword(tx, id, hash, new Date(own.clock.now()))
    // A link that lies in a mailbox must not undo this.
    dropTokensOf(tx, id)
    this.#deps.journal.append(own, tx, passwordChanged.of({ personId: id, by, ...visitor.place }, [`person:${id}`]))
  }

  async #tell(own: Ctx, { email, locale }: Pick<PersonRow, 'email' | 'locale'>): Promise<void> {
    const { log, mail } = this.#deps
    const asked = mail.ask(own, { kind: 'password_changed', email, locale })
    await asked.catch((err) => log.error({ err }, 'the mail about a new password was not asked for'))
  }
}
