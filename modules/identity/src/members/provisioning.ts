/*
 * Making somebody a member without asking them: by hand, or by a directory (SCIM). A person who is not known yet comes
 * into being without a password, with an address that is not proven: the link that resets a password proves it. A person
 * who is known stays as they are, and the tenant sees the name that it gives them, not the one that they have.
 *
 * People are the installation's and members the tenant's, so this is two transactions. A person without a membership is
 * what is left when the second one fails: the next attempt finds them.
 */
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type Ctx, newId, requirePermission, StoaError } from '@stoa/kernel'
import { accessErrors } from '../access/access-errors.ts'
import { actorOf, type Roles } from '../access/roles.ts'
import { memberAdded } from '../events.ts'
import { requireEmail } from '../people/email.ts'
import { type MemberRow, memberById, memberInserted, personInserted } from './member-store.ts'

/** What it stands on. */
export interface ProvisioningDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly roles: Roles
}

/** Whom to make a member. */
export interface NewMember {
  readonly email: string
  /** As the tenant calls them. */
  readonly name: string
  readonly roles: readonly string[]
  readonly status?: MemberRow['status']
  readonly externalId?: string | null
  readonly userName?: string | null
  readonly givenName?: string | null
  readonly familyName?: string | null
}

/** Makes members. */
export class Provisioning {
  readonly #deps: ProvisioningDeps

  constructor(deps: ProvisioningDeps) {
    this.#deps = deps
  }

  /**
   * Makes somebody a member. Not inside of a transaction.
   *
   * @param permission that the caller needs: `identity:manage`, or `identity:provision`
   * @throws StoaError `email_invalid`, `role_unknown`, `forbidden`, `already_member`
   */
  async add(ctx: Ctx, input: NewMember, permission: string): Promise<MemberRow> {
    requirePermission(ctx, permission)
    const { db, roles } = this.#deps
    const email = requireEmail(input.email)
    await db.read(ctx, (tx) => roles.checkGivable(ctx, tx, input.roles, '/body/roles/'))
    const now = new Date(ctx.clock.now())
    const { id } = await db.system(ctx, (tx) => tx.one(personInserted(newId(ctx.clock), email, input.name, now)))
    return db.transaction(ctx, (tx) => this.#join(ctx, tx, id, input, now))
  }

  async #join(ctx: Ctx, tx: Tx, id: string, input: NewMember, now: Date): Promise<MemberRow> {
    const { externalId = null, familyName = null, givenName = null, name, status = 'active', userName = null } = input
    const roleNames = [...new Set(input.roles)]
    const isNew = await tx.run(
      memberInserted(
        ...[ctx.tenant.id, id, roleNames, status, actorOf(ctx), now, externalId, userName, name, givenName, familyName],
      ),
    )
    if (isNew === 0) throw new StoaError(accessErrors.already_member)
    this.#deps.journal.append(ctx, tx, memberAdded.of({ personId: id, roleNames }, [`person:${id}`]))
    return tx.one(memberById(ctx.tenant.id, id))
  }
}
