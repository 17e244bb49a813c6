/*
 * Joining by the link of an invitation, for somebody who is nobody yet: the link proves the address, so a name and a
 * password are enough. The person, their membership and their session come about together, or not at all.
 */
import type { Database } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, newId, StoaError } from '@stoa/kernel'
import type { PasswordHasher } from '@stoa/module'
import { accessErrors } from '../access/access-errors.ts'
import { identityErrors } from '../errors.ts'
import { personAdded } from '../events.ts'
import { normalisedPassword } from '../people/password-rules.ts'
import { setPassword } from '../people/password-store.ts'
import { addPerson, type PersonRow, personByEmail } from '../people/person-store.ts'
import { requireGoodPassword } from '../people/recovery.ts'
import { asPerson, type Begun, type SignIn } from '../sign-in/sign-in.ts'
import type { Visitor } from '../sign-in/visitor.ts'
import type { Invitations } from './invitations.ts'

/** What joining stands on. */
export interface JoiningDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly hasher: PasswordHasher
  readonly signIn: SignIn
  readonly invitations: Invitations
}

/** Who is asked to join, and whether they are somebody already. */
export interface Invited {
  readonly email: string
  readonly isKnown: boolean
}

/** What somebody says who is new. */
export interface Newcomer {
  readonly token: string
  readonly name: string
  readonly password: string
  readonly locale: string
}

/** Lets people in who were invited. */
export class Joining {
  readonly #deps: JoiningDeps

  constructor(deps: JoiningDeps) {
    this.#deps = deps
  }

  /** Whose link it is. @throws StoaError `invitation_spent`, also for a link of another tenant */
  async invited(ctx: Ctx, token: string): Promise<Invited> {
    const { db, invitations } = this.#deps
    const { email, tenantId } = await invitations.peek(ctx, token)
    if (tenantId !== ctx.tenant.id) throw new StoaError(accessErrors.invitation_spent)
    const person = await db.systemRead(ctx, (tx) => personByEmail(tx, email))
    return { email, isKnown: person !== undefined }
  }

  /** Somebody who is signed in joins. @throws StoaError `invitation_spent`, `invitation_for_another` */
  async join(ctx: Ctx, token: string, personId: string): Promise<void> {
    await this.invited(ctx, token)
    await this.#deps.invitations.accept(ctx, token, personId)
  }

  /**
   * Makes the person, a member, and signs them in.
   *
   * @throws StoaError `invitation_spent`, `password_refused`, `person_exists`
   */
  async begin(ctx: Ctx, { locale, name, password, token }: Newcomer, visitor: Visitor): Promise<Begun> {
    const { db, hasher, invitations, journal, signIn } = this.#deps
    const { email } = await this.invited(ctx, token)
    requireGoodPassword(password, { email, name })
    const hash = await hasher.hash(normalisedPassword(password))
    const at = new Date(ctx.clock.now())
    const person: PersonRow = {
      ...{ id: newId(ctx.clock), email, emailVerifiedAt: at, name, locale, suspendedAt: null },
      ...{ version: 1, createdAt: at, updatedAt: at },
    }
    const begun = await db.system(ctx, async (tx) => {
      if (!(await addPerson(tx, person))) throw new StoaError(identityErrors.person_exists)
      setPassword(tx, person.id, hash, at)
      const own = asPerson(ctx, person.id)
      journal.append(own, tx, personAdded.of({ personId: person.id, by: 'invitation' }, [`person:${person.id}`]))
      await invitations.acceptIn(ctx, tx, token, person.id)
      return await signIn.begin(ctx, tx, person, { amr: ['pwd'], acr: '1' }, visitor)
    })
    return await begun()
  }
}
