import { statement, type Tx } from '@stoa/db'
import type { PersonRow } from '../people/person-store.ts'

/** A row of `sessions`. */
export interface SessionRow {
  readonly id: string
  readonly personId: string
  /** What its owner calls it. */
  readonly name: string | null
  /** `Firefox on Linux`. */
  readonly device: string
  readonly addressPrefix: string
  /** How the person has proven who they are (RFC 8176). */
  readonly amr: readonly string[]
  /** How far that can be relied on. */
  readonly acr: string
  /** The tenant whose provider vouches for it: it counts there, and nowhere else. null: everywhere. */
  readonly boundTenantId: string | null
  /** When they did so last. */
  readonly authTime: Date
  readonly idleSeconds: number
  /** When it ends, however much it is used. */
  readonly endsAt: Date
  readonly seenAt: Date
  readonly createdAt: Date
}

const columns =
  'id, person_id, name, device, address_prefix, amr, acr, bound_tenant_id, auth_time, idle_seconds, ends_at, seen_at, created_at'

/** Adds a session; it rides with the commit. */
export function addSession(tx: Tx, hash: Buffer, session: SessionRow): void {
  const { acr, addressPrefix, amr, authTime, boundTenantId, createdAt, device, endsAt, id, idleSeconds, personId } =
    session
  tx.later(
    sessionAddition(
      id,
      hash,
      personId,
      device,
      addressPrefix,
      amr,
      acr,
      authTime,
      idleSeconds,
      endsAt,
      createdAt,
      boundTenantId,
    ),
  )
}
const sessionAddition = statement<
  [string, Buffer, string, string, string, readonly string[], string, Date, number, Date, Date, string | null],
  never
>(`
insert into stoa.sessions (id, token_hash, person_id, device, address_prefix, amr, acr, auth_time, idle_seconds, ends_at, seen_at, created_at, bound_tenant_id, next_look_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::integer, $10, $11::timestamptz, $11, $12,
  $11 + make_interval(secs => $9))`)

/** A session with whose it is. */
export interface LiveSessionRow extends SessionRow {
  readonly person: Pick<PersonRow, 'id' | 'email' | 'name' | 'locale' | 'suspendedAt'>
}

type FlatRow = SessionRow & Pick<PersonRow, 'email' | 'locale' | 'suspendedAt'> & { readonly personName: string }

/** The session of a token, if it has not ended; undefined too when its person is suspended. */
export async function sessionByToken(tx: Tx, hash: Buffer, now: Date): Promise<LiveSessionRow | undefined> {
  const row = await tx.maybe(sessionOfToken(hash, now))
  if (row === undefined) return undefined
  const { email, locale, personName, suspendedAt, ...session } = row
  return { ...session, person: { id: session.personId, email, name: personName, locale, suspendedAt } }
}
const sessionOfToken = statement<[Buffer, Date], FlatRow>(`
select sessions.id, person_id, sessions.name, device, address_prefix, amr, acr, bound_tenant_id, auth_time, idle_seconds, ends_at, seen_at,
  sessions.created_at, email, locale, suspended_at, people.name as person_name
from stoa.sessions join stoa.people on people.id = sessions.person_id
where token_hash = $1 and ends_at > $2 and seen_at + make_interval(secs => idle_seconds) > $2 and suspended_at is null`)

/** The sessions of a person that have not ended, the one used last first. */
export function sessionsOf(tx: Tx, personId: string, now: Date): Promise<SessionRow[]> {
  return tx.many(sessionsOfPerson(personId, now))
}
const sessionsOfPerson = statement<[string, Date], SessionRow>(`
select ${columns} from stoa.sessions
where person_id = $1 and ends_at > $2 and seen_at + make_interval(secs => idle_seconds) > $2
order by seen_at desc, id desc`)

/** A session of a person that has not ended. */
export function sessionById(tx: Tx, personId: string, id: string, now: Date): Promise<SessionRow | undefined> {
  return tx.maybe(sessionOfId(personId, id, now))
}
const sessionOfId = statement<[string, string, Date], SessionRow>(`
select ${columns} from stoa.sessions
where person_id = $1 and id = $2 and ends_at > $3 and seen_at + make_interval(secs => idle_seconds) > $3`)

/** Whether somebody has proven who they are for a session of theirs that counts everywhere, and not before. */
export async function sessionProvenSince(tx: Tx, id: string, personId: string, since: Date): Promise<boolean> {
  return (await tx.one(sessionProven(id, personId, since))).proven
}
const sessionProven = statement<[string, string, Date], { proven: boolean }>(`
select exists (select from stoa.sessions
  where id = $1 and person_id = $2 and auth_time >= $3 and bound_tenant_id is null) as proven`)

/** Whether a session of somebody counts everywhere, and has not ended. */
export async function sessionIsOwn(tx: Tx, id: string, personId: string, now: Date): Promise<boolean> {
  return (await tx.one(sessionOwn(id, personId, now))).own
}
const sessionOwn = statement<[string, string, Date], { own: boolean }>(`
select exists (select from stoa.sessions
  where id = $1 and person_id = $2 and bound_tenant_id is null
    and ends_at > $3 and seen_at + make_interval(secs => idle_seconds) > $3) as own`)

/** Notes that a session was used. */
export async function touchSession(tx: Tx, id: string, at: Date): Promise<void> {
  await tx.run(sessionTouch(id, at))
}
const sessionTouch = statement<[string, Date], never>(
  'update stoa.sessions set seen_at = $2 where id = $1 and seen_at < $2',
)

/** Gives a session another token, and says how and when its person was seen to be who they are. */
export async function renewSession(
  tx: Tx,
  ...[id, hash, amr, acr, authTime, boundTo]: [string, Buffer, readonly string[], string, Date, string | null]
): Promise<boolean> {
  return (await tx.run(sessionRenewal(id, hash, amr, acr, authTime, boundTo))) === 1
}
const sessionRenewal = statement<[string, Buffer, readonly string[], string, Date, string | null], never>(
  'update stoa.sessions set token_hash = $2, amr = $3, acr = $4, auth_time = $5, bound_tenant_id = $6 where id = $1',
)

/** Names a session of a person that has not ended; undefined when there is no such. */
export function nameSession(
  tx: Tx,
  ...[personId, id, name, now]: [string, string, string | null, Date]
): Promise<SessionRow | undefined> {
  return tx.maybe(sessionNaming(personId, id, name, now))
}
const sessionNaming = statement<[string, string, string | null, Date], SessionRow>(`
update stoa.sessions set name = $3
where person_id = $1 and id = $2 and ends_at > $4 and seen_at + make_interval(secs => idle_seconds) > $4
returning ${columns}`)

/** Ends sessions of a person: one of them, or all but one. Gives the ids of those that were there. */
export async function removeSessions(
  tx: Tx,
  personId: string,
  which: { readonly only: string } | { readonly except: string | null },
): Promise<string[]> {
  const query = 'only' in which ? sessionRemoval(personId, which.only) : sessionRemovals(personId, which.except)
  return (await tx.many(query)).map(({ id }) => id)
}
const sessionRemoval = statement<[string, string], { id: string }>(
  'delete from stoa.sessions where person_id = $1 and id = $2 returning id',
)
const sessionRemovals = statement<[string, string | null], { id: string }>(
  'delete from stoa.sessions where person_id = $1 and ($2::uuid is null or id <> $2::uuid) returning id',
)

/** Has the time of a person's sessions be over: they open nothing any more, and what follows is done by {@link removeOverdue}. */
export function endSessionsByTime(tx: Tx, personId: string, at: Date): void {
  tx.later(sessionsOver(personId, at))
}
const sessionsOver = statement<[string, Date], never>(
  'update stoa.sessions set ends_at = $2 where person_id = $1 and ends_at > $2',
)

/** Some sessions whose time was over. */
export interface RemovedSessions {
  readonly ids: readonly string[]
  /** There may be others. */
  readonly isFull: boolean
}

/** Some sessions that were looked at. */
export interface LookedAtSessions {
  /** Those that nobody has used for too long. */
  readonly idleIds: readonly string[]
  /** There may be others to look at. */
  readonly isFull: boolean
}

/**
 * Looks whether sessions were idle for too long, up to the limit. Of two processes that do it at once, each gets others.
 *
 * A session that ends because it is idle is not found by its last use, which is written all the time and so is in no
 * index: it is looked at when it would end if nobody used it, and if somebody did, again when it would then. In a
 * transaction of its own, which is short: it locks sessions that people are using.
 */
export async function lookAtSessions(tx: Tx, now: Date, limit: number): Promise<LookedAtSessions> {
  const looked = await tx.many(sessionLook(now, limit))
  return {
    idleIds: looked.filter(({ isIdle }) => isIdle).map(({ id }) => id),
    isFull: looked.length === limit,
  }
}
export const sessionLook = statement<[Date, number], { id: string; isIdle: boolean }>(`
with due as materialized (
  select id, seen_at + make_interval(secs => idle_seconds) as idle_at from stoa.sessions
  where next_look_at <= $1 order by next_look_at limit $2 for update skip locked),
used as (
  update stoa.sessions set next_look_at = seen_at + make_interval(secs => idle_seconds)
  where id = any (array(select id from due where idle_at > $1)))
select id, idle_at <= $1 as is_idle from due`)

/**
 * Deletes sessions whose time is over, up to the limit, and of those that were found idle the ones that still are. Of two
 * processes that do it at once, each gets others.
 */
export async function removeOverdue(
  tx: Tx,
  now: Date,
  idleIds: readonly string[],
  limit: number,
): Promise<RemovedSessions> {
  const ended = await tx.many(endedRemoval(now, limit))
  const idle = idleIds.length === 0 ? [] : await tx.many(idleRemoval(now, idleIds))
  return { ids: [...ended, ...idle].map(({ id }) => id), isFull: ended.length === limit }
}
export const endedRemoval = statement<[Date, number], { id: string }>(`
delete from stoa.sessions where id = any (array(
  select id from stoa.sessions where ends_at <= $1 limit $2 for update skip locked))
returning id`)
export const idleRemoval = statement<[Date, readonly string[]], { id: string }>(`
delete from stoa.sessions where id = any (array(
  select id from stoa.sessions where id = any ($2::uuid[]) and seen_at + make_interval(secs => idle_seconds) <= $1
  for update skip locked))
returning id`)

/** Deletes links that are too old, and devices that nobody used for long. */
export async function removeEnded(tx: Tx, now: Date, devicesBefore: Date): Promise<void> {
  await Promise.all([tx.run(endedTokens(now)), tx.run(forgottenDevices(devicesBefore))])
}
const endedTokens = statement<[Date], never>('delete from stoa.one_time_tokens where expires_at <= $1')
const forgottenDevices = statement<[Date], never>('delete from stoa.known_devices where seen_at < $1')

/** Notes that somebody signed in with a device; true when they had not before. */
export async function rememberDevice(tx: Tx, personId: string, hash: Buffer, at: Date): Promise<boolean> {
  return (await tx.one(deviceMemory(personId, hash, at))).isNew
}
const deviceMemory = statement<[string, Buffer, Date], { isNew: boolean }>(`
insert into stoa.known_devices as known (person_id, token_hash, seen_at, created_at) values ($1, $2, $3, $3)
on conflict (person_id, token_hash) do update set seen_at = greatest(known.seen_at, excluded.seen_at)
returning xmax = 0 as is_new`)

/** How many devices a person has signed in with. */
export async function deviceCount(tx: Tx, personId: string): Promise<number> {
  return (await tx.one(devicesOf(personId))).count
}
const devicesOf = statement<[string], { count: number }>(
  'select count(*) as count from stoa.known_devices where person_id = $1',
)
