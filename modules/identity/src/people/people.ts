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
import type { AccountMail } from './account-mail.ts'
import { requireEmail } from './email.ts'
import { issueToken } from './one-time.ts'
import { dropTokensOf } from './one-time-store.ts'
import {
  addMembership,
  addPerson,
  endTokensOfPerson,
  lockedPerson,
  type MemberRow,
  type MembershipRow,
  membersByEmail,
  membershipOf,
  type PersonRow,
  personByEmail,
  personById,
  savePerson,
} from './person-store.ts'

/** What it stands on. */
export interface PeopleDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append'>
  readonly mail: Pick<AccountMail, 'askIn'>
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
    return await this.#deps.db.system(ctx, async (tx) => this.#link(ctx, tx, (await this.#memberOf(ctx, tx, email)).id))
  }

  /**
   * Takes the authenticator app and the recovery codes of a member away, who has lost both: from then on their password is
   * enough. Passkeys stay. They are told by mail: somebody else may have asked for it. False when there was no app.
   *
   * @throws StoaError `person_not_found`
   */
  async removeSecondStep(ctx: Ctx, email: string): Promise<boolean> {
    const { db, journal, mail } = this.#deps
    return await db.system(ctx, async (tx) => {
      const { email: address, id, locale } = await this.#memberOf(ctx, tx, email)
      if (!(await removeTotp(tx, id))) return false
      journal.append(ctx, tx, factorRemoved.of({ personId: id, kind: 'totp' }, [`person:${id}`]))
      mail.askIn(ctx, tx, { kind: 'factor_changed', email: address, locale })
      return true
    })
  }

  /**
   * Closes the account of somebody in every organisation: nothing of theirs opens anything from now on, and what was given
   * out before stays closed when the account is opened again, but for API keys. False when it was closed already.
   *
   * @throws StoaError `person_not_found`
   */
  async suspend(ctx: BaseCtx, email: string): Promise<boolean> {
    return await this.#setSuspended(ctx, email, true)
  }

  /** Opens the account of somebody again. False when it was open. @throws StoaError `person_not_found` */
  async restore(ctx: BaseCtx, email: string): Promise<boolean> {
    return await this.#setSuspended(ctx, email, false)
  }

  /** Either way tokens from before hold no longer. False when it was so already. */
  async #setSuspended(ctx: BaseCtx, email: string, suspended: boolean): Promise<boolean> {
    const { db, journal } = this.#deps
    const at = new Date(ctx.clock.now())
    const changed = suspended ? personSuspended : personRestored
    return await db.system(ctx, async (tx) => {
      const { id } = found(await personByEmail(tx, requireEmail(email)))
      const person = found(await lockedPerson(tx, id))
      if ((person.suspendedAt !== null) === suspended) return false
      savePerson(tx, { ...person, suspendedAt: suspended ? at : null, version: person.version + 1, updatedAt: at })
      if (suspended) await takeBack(tx, id, at)
      for (const tenant of await endTokensOfPerson(tx, id, at)) {
        journal.append(tenantCtx(ctx, tenant), tx, changed.of({ personId: id }, [`person:${id}`]))
      }
      return true
    })
  }

  async #memberOf(ctx: Ctx, tx: Tx, email: string): Promise<PersonRow> {
    const person = found(await personByEmail(tx, requireEmail(email)))
    if (!(await membershipOf(tx, ctx.tenant.id, person.id))) throw new StoaError(identityErrors.person_not_found)
    return person
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

/**
 * Takes back what somebody was given: sessions, links, half a sign-in, what applications have for when they are away.
 * Sessions end by their time, so that the program tells applications of it.
 */
async function takeBack(tx: Tx, personId: string, at: Date): Promise<void> {
  endSessionsByTime(tx, personId, at)
  dropTokensOf(tx, personId)
  await removeOfflineGrants(tx, personId)
}

function found<T>(person: T | undefined): T {
  if (person === undefined) throw new StoaError(identityErrors.person_not_found)
  return person
}
