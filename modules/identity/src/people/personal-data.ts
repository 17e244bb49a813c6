/*
 * What is kept about a person, for the person (GDPR, articles 15 and 20), and its end (article 17).
 *
 * The export is made at once: identity's own rows, without secrets, and the newest events about the person, of every
 * organisation that they belong to. What rooms keep beyond that is in these events by its ids.
 *
 * Erasing goes organisation by organisation, each in a transaction of its own, as leaving it does: so the last owner of
 * one stays, and is told so before anything is done. Then the person goes, with all that is theirs alone. What stays is
 * the journal, which knows an id, and the network and the kind of browser that requests came from; no name and no address.
 */
import type { Database } from '@stoa/db'
import type { AuditEvent, Journal } from '@stoa/journal'
import { type BaseCtx, type Ctx, grouped, requirePermission, StoaError, tenantCtx } from '@stoa/kernel'
import { accessErrors } from '../access/access-errors.ts'
import { identityErrors } from '../errors.ts'
import { exportRequested, personErased } from '../events.ts'
import { memberById, memberForUpdate, soleOwnerships } from '../members/member-store.ts'
import type { Members } from '../members/members.ts'
import { freshPerson } from '../sign-in/fresh-proof.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import type { AccountMail } from './account-mail.ts'
import { type OrganisationRow, organisationsOf } from './organisation-store.ts'
import { lockedPerson, type PersonRow, personById } from './person-store.ts'
import { invitationsForgotten, PERSONAL_DATA, personRemoved } from './personal-data-store.ts'

/** What it stands on. */
export interface PersonalDataDeps {
  readonly db: Database
  readonly journal: Pick<Journal, 'append' | 'audit'>
  readonly members: Members
  readonly sessions: Pick<Sessions, 'endIn'>
  readonly mail: Pick<AccountMail, 'ask'>
  /** Ends what applications of a tenant were given, in a transaction of the system role. */
  readonly endUses: (ctx: Ctx, tx: Parameters<typeof lockedPerson>[0], personId: string) => Promise<void>
}

/** Events of one organisation in an export, at the most. */
const MAX_EVENTS = 2_000
const PAGE = 100
/** What somebody does not find in an export, for those who read it. */
const NOT_INCLUDED = [
  'Secrets: passwords, keys, tokens, recovery codes and passkeys are kept so that nobody can read them, or are for the service alone.',
  `Events beyond the newest ${grouped(MAX_EVENTS)} about you, and as many by you, of each organisation; and those of organisations that you have left.`,
  'What the rooms of an organisation keep that you made there, such as links and mail: it is the organisation’s. The events name it.',
  'Logs of requests, which have addresses for as long as whoever runs this service keeps them.',
] as const

/** What is kept about people. */
export class PersonalData {
  readonly #deps: PersonalDataDeps

  constructor(deps: PersonalDataDeps) {
    this.#deps = deps
  }

  /** All that is kept about a person, for themselves: that they got it is kept, too. @throws StoaError `person_not_found` */
  async of(ctx: Ctx, personId: string): Promise<Record<string, unknown>> {
    const { db, journal } = this.#deps
    const { kept, organisations, person } = await db.systemRead(ctx, async (tx) => ({
      person: found(await personById(tx, personId)),
      organisations: await organisationsOf(tx, personId),
      kept: await Promise.all(
        Object.entries(PERSONAL_DATA).map(async ([name, query]) => [name, await tx.many(query(personId))] as const),
      ),
    }))
    const asked = exportRequested.of({ personId }, [`person:${personId}`])
    await db.transaction(ctx, async (tx) => journal.append(ctx, tx, asked))
    const events: Record<string, readonly object[]> = {}
    for (const one of organisations) events[one.slug] = await this.#eventsOf(inTenant(ctx, one), personId)
    return { madeAt: new Date(ctx.clock.now()), person, ...Object.fromEntries(kept), events, notIncluded: NOT_INCLUDED }
  }

  /**
   * All that is kept about whoever asks, who has just proven who they are: it is of all organisations, and a key or the
   * word of another provider is good in one.
   *
   * @throws StoaError `person_required`, `proof_required`
   */
  async ofSelf(ctx: Ctx): Promise<Record<string, unknown>> {
    requirePermission(ctx, 'identity:self')
    return await this.of(ctx, await freshPerson(ctx, this.#deps.db))
  }

  /** Events about somebody, and those that they caused, the newest first. */
  async #eventsOf(ctx: Ctx, personId: string): Promise<object[]> {
    const [about, by] = [
      await this.#trail(ctx, { subject: `person:${personId}` }),
      await this.#trail(ctx, { actor: personId, actorType: 'person' }),
    ]
    const all = new Map([...about, ...by].map((event) => [event.id, event]))
    return [...all.values()]
      .sort((one, other) => other.at.getTime() - one.at.getTime())
      .map(({ actor, at, data, place, subjects, type }) => {
        // Where somebody else was who did something to them is not theirs to know.
        const isOwn = actor.type === 'person' && actor.id === personId
        return { at, type, subjects, data, place: isOwn ? place : null }
      })
  }

  async #trail(ctx: Ctx, filter: Parameters<Journal['audit']>[1]): Promise<AuditEvent[]> {
    const events: AuditEvent[] = []
    let cursor: string | null = null
    do {
      const page = await this.#deps.journal.audit(ctx, { ...filter, limit: PAGE, ...(cursor !== null && { cursor }) })
      events.push(...page.events)
      cursor = page.nextCursor
    } while (cursor !== null && events.length < MAX_EVENTS)
    return events
  }

  /**
   * Erases a person, at their own wish. Not inside of a transaction.
   *
   * @throws StoaError `person_not_found`, `last_owner` naming the organisations
   */
  async erase(ctx: Ctx, personId: string): Promise<void> {
    const { db, members } = this.#deps
    const { organisations, person, sole } = await db.systemRead(ctx, async (tx) => ({
      person: found(await personById(tx, personId)),
      organisations: await organisationsOf(tx, personId),
      sole: await tx.many(soleOwnerships(personId)),
    }))
    if (sole.length > 0) {
      const names = sole.map(({ slug }) => slug).join(', ')
      const message = `The last owner stays: make somebody else an owner of ${names} first.`
      throw new StoaError(accessErrors.last_owner, { message, context: { organisations: names } })
    }
    for (const one of organisations) {
      const own = inTenant(ctx, one)
      await db.transaction(own, async (tx) => {
        const row = await tx.maybe(memberForUpdate(own.tenant.id, personId))
        if (row !== undefined) await members.depart(own, tx, row, 'deletion')
      })
    }
    await this.#remove(ctx, person, organisations)
  }

  /**
   * Erases whoever asks, who has just proven who they are. Not inside of a transaction.
   *
   * @throws StoaError `person_required`, `proof_required`, `last_owner` naming the organisations
   */
  async eraseSelf(ctx: Ctx): Promise<void> {
    requirePermission(ctx, 'identity:self')
    await this.erase(ctx, await freshPerson(ctx, this.#deps.db))
  }

  /**
   * Erases a member who belongs to no other organisation. Not inside of a transaction.
   *
   * @throws StoaError `member_not_found`, `member_elsewhere`, `forbidden`, `last_owner`
   */
  async eraseMember(ctx: Ctx, personId: string): Promise<void> {
    requirePermission(ctx, 'identity:manage')
    const { db, members } = this.#deps
    const organisations = await db.systemRead(ctx, (tx) => organisationsOf(tx, personId))
    if (!organisations.some(({ id }) => id === ctx.tenant.id)) throw new StoaError(accessErrors.member_not_found)
    await db.read(ctx, async (tx) => {
      const row = await tx.maybe(memberById(ctx.tenant.id, personId))
      if (row === undefined) throw new StoaError(accessErrors.member_not_found)
      await members.checkOver(ctx, tx, row)
    })
    // Who belongs elsewhere, too, is not this organisation's to erase. Where is not said.
    if (organisations.length > 1) throw new StoaError(accessErrors.member_elsewhere)
    await this.erase(ctx, personId)
  }

  async #remove(ctx: Ctx, { email, id, locale }: PersonRow, organisations: readonly OrganisationRow[]): Promise<void> {
    const { db, endUses, journal, mail, sessions } = this.#deps
    await db.system(ctx, async (tx) => {
      if ((await lockedPerson(tx, id)) === undefined) return
      await sessions.endIn(ctx, tx, id, { except: null }, 'deleted')
      for (const one of organisations) await endUses(inTenant(ctx, one), tx, id)
      await tx.run(invitationsForgotten(email))
      await tx.run(personRemoved(id))
      journal.append(ctx, tx, personErased.of({ personId: id }, [`person:${id}`]))
    })
    const told = mail.ask(ctx, { kind: 'erased', email, locale })
    await told.catch((err) => ctx.log.error({ err }, 'the mail about an erased account was not asked for'))
  }
}

/** In another organisation, as the same somebody, with every permission: whether they may was decided before. */
function inTenant(ctx: BaseCtx, { id, schema, slug }: OrganisationRow): Ctx {
  return tenantCtx(ctx, { id, slug, schema }, { permissions: new Set(['*']) })
}

function found(person: PersonRow | undefined): PersonRow {
  if (person === undefined) throw new StoaError(identityErrors.person_not_found)
  return person
}
