/*
 * People, by hand and by themselves. What a person is in a tenant, by which roles, is the business of memberships.
 */
import type { Database, Tx } from '@stoa/db'
import type { Journal } from '@stoa/journal'
import { type BaseCtx, type Ctx, newId, StoaError, tenantCtx } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { factorRemoved, memberAdded, personAdded, personRestored, personSuspended, profileChanged } from '../events.ts'
import { removeTotp } from '../factors/factor-store.ts'
import { removeOfflineGrants } from '../openid/oidc-record-store.ts'
import { endSessionsByTime } from '../sign-in/session-store.ts'
import { requireEmail } from './email.ts'
import { issueToken } from './one-time.ts'
import {
  addMembership,
  addPerson,
  lockedPerson,
  type MemberRow,
  type MembershipRow,
  membersByEmail,
  membershipOf,
  membershipsClosed,
  type PersonRow,
  personByEmail,
  personById,
  savePerson,
} from './person-store.ts'

/** What it stands on. */
export interface PeopleDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
}

/** Somebody who is added by hand. */
export interface NewPerson {
  readonly email: string
  readonly name: string
  readonly locale: string
  /** What they are in the tenant. */
  readonly roleNames: readonly string[]
}

/** People. */
export class People {
  readonly #deps: PeopleDeps

  constructor(deps: PeopleDeps) {
    this.#deps = deps
  }

  /** What somebody is in the tenant; null when they do not belong to it. */
  async membership(ctx: Ctx, personId: string): Promise<MembershipRow | null> {
    return (await this.#deps.db.systemRead(ctx, (tx) => membershipOf(tx, ctx.tenant.id, personId))) ?? null
  }

  /** @throws StoaError `person_not_found` */
  async byId(ctx: Ctx, id: string): Promise<PersonRow> {
    return found(await this.#deps.db.systemRead(ctx, (tx) => personById(tx, id)))
  }

  /** The members of the tenant by address, the first after one. */
  members(ctx: Ctx, after: string, limit: number): Promise<MemberRow[]> {
    return this.#deps.db.systemRead(ctx, (tx) => membersByEmail(tx, ctx.tenant.id, after, limit))
  }

  /** Changes one's name and language. @throws StoaError `person_not_found` */
  async changeProfile(ctx: Ctx, id: string, change: { readonly name: string; readonly locale: string }): Promise<void> {
    const { db, journal } = this.#deps
    await db.system(ctx, async (tx) => {
      const person = found(await lockedPerson(tx, id))
      const names = ['name', 'locale'] as const
      const changed = names.filter((name) => person[name] !== change[name])
      if (changed.length === 0) return
      savePerson(tx, { ...person, ...change, version: person.version + 1, updatedAt: new Date(ctx.clock.now()) })
      journal.append(ctx, tx, profileChanged.of({ personId: id, changed }, [`person:${id}`]))
    })
  }

  /**
   * Adds somebody by hand: a new person, or one who is there already, as a member of the tenant. Gives the token of a
   * link by which they set their password; for somebody who is a member already, another one.
   *
   * @throws StoaError `email_invalid`
   */
  async add(
    ctx: Ctx,
    { email: given, locale, name, roleNames }: NewPerson,
  ): Promise<{ person: PersonRow; token: string }> {
    const email = requireEmail(given)
    return await this.#deps.db.system(ctx, async (tx) => {
      const person = (await personByEmail(tx, email)) ?? (await this.#make(ctx, tx, { email, name, locale }))
      await this.#join(ctx, tx, person.id, roleNames)
      return { person, token: await this.#link(ctx, tx, person.id) }
    })
  }

  /** The token of a link by which a member sets their password. @throws StoaError `person_not_found` */
  async passwordLink(ctx: Ctx, email: string): Promise<string> {
    return await this.#deps.db.system(ctx, async (tx) => this.#link(ctx, tx, await this.#memberOf(ctx, tx, email)))
  }

  /**
   * Takes the authenticator app and the recovery codes of a member away, who has lost both: from then on their password is
   * enough. Passkeys stay. False when there was no app.
   *
   * @throws StoaError `person_not_found`
   */
  async removeSecondStep(ctx: Ctx, email: string): Promise<boolean> {
    const { db, journal } = this.#deps
    return await db.system(ctx, async (tx) => {
      const personId = await this.#memberOf(ctx, tx, email)
      if (!(await removeTotp(tx, personId))) return false
      journal.append(ctx, tx, factorRemoved.of({ personId, kind: 'totp' }, [`person:${personId}`]))
      return true
    })
  }

  /**
   * Closes the account of somebody in every organisation: nothing of theirs opens anything from now on, and what was given
   * out before stays closed when the account is opened again. Their sessions end by their time, so that the program tells
   * applications of it. False when it was closed already.
   *
   * @throws StoaError `person_not_found`
   */
  async suspend(ctx: BaseCtx, email: string): Promise<boolean> {
    const { db, journal } = this.#deps
    const at = new Date(ctx.clock.now())
    return await db.system(ctx, async (tx) => {
      const person = await this.#locked(tx, email)
      if (person.suspendedAt !== null) return false
      savePerson(tx, { ...person, suspendedAt: at, version: person.version + 1, updatedAt: at })
      endSessionsByTime(tx, person.id, at)
      await removeOfflineGrants(tx, person.id)
      for (const tenant of await membershipsClosed(tx, person.id, at)) {
        const event = personSuspended.of({ personId: person.id }, [`person:${person.id}`])
        journal.append(tenantCtx(ctx, tenant), tx, event)
      }
      return true
    })
  }

  /** Opens the account of somebody again. False when it was open. @throws StoaError `person_not_found` */
  async restore(ctx: BaseCtx, email: string): Promise<boolean> {
    const { db, journal } = this.#deps
    const at = new Date(ctx.clock.now())
    return await db.system(ctx, async (tx) => {
      const person = await this.#locked(tx, email)
      if (person.suspendedAt === null) return false
      savePerson(tx, { ...person, suspendedAt: null, version: person.version + 1, updatedAt: at })
      for (const tenant of await membershipsClosed(tx, person.id, at)) {
        const event = personRestored.of({ personId: person.id }, [`person:${person.id}`])
        journal.append(tenantCtx(ctx, tenant), tx, event)
      }
      return true
    })
  }

  async #locked(tx: Tx, email: string): Promise<PersonRow> {
    const { id } = found(await personByEmail(tx, requireEmail(email)))
    return found(await lockedPerson(tx, id))
  }

  async #memberOf(ctx: Ctx, tx: Tx, email: string): Promise<string> {
    const { id } = found(await personByEmail(tx, requireEmail(email)))
    if (!(await membershipOf(tx, ctx.tenant.id, id))) throw new StoaError(identityErrors.person_not_found)
    return id
  }

  #link(ctx: Ctx, tx: Tx, personId: string): Promise<string> {
    return issueToken(tx, ctx.clock, { purpose: 'reset', personId, email: null })
  }

  async #make(ctx: Ctx, tx: Tx, given: Pick<PersonRow, 'email' | 'name' | 'locale'>): Promise<PersonRow> {
    const at = new Date(ctx.clock.now())
    const person: PersonRow = {
      ...{ id: newId(ctx.clock), ...given, emailVerifiedAt: null, suspendedAt: null },
      ...{ version: 1, createdAt: at, updatedAt: at },
    }
    if (!(await addPerson(tx, person))) throw new StoaError(identityErrors.person_exists)
    this.#deps.journal.append(ctx, tx, personAdded.of({ personId: person.id, by: 'hand' }, [`person:${person.id}`]))
    return person
  }

  async #join(ctx: Ctx, tx: Tx, personId: string, roleNames: readonly string[]): Promise<void> {
    const membership = { tenantId: ctx.tenant.id, personId, roleNames, status: 'active' } as const
    const createdBy = `${ctx.actor.type}:${ctx.actor.id}`
    if (!(await addMembership(tx, membership, createdBy, new Date(ctx.clock.now())))) return
    this.#deps.journal.append(ctx, tx, memberAdded.of({ personId, roleNames: [...roleNames] }, [`person:${personId}`]))
  }
}

function found<T>(person: T | undefined): T {
  if (person === undefined) throw new StoaError(identityErrors.person_not_found)
  return person
}
