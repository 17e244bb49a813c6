import { type Query, statement } from '@stoa/db'

/** A row of `stoa.events`. */
export interface EventRow {
  readonly id: number
  readonly xid: string
  readonly tenantId: string
  readonly type: string
  readonly version: number
  readonly subjects: string[]
  readonly data: Record<string, unknown>
  readonly actorType: string
  readonly actorId: string
  readonly requestId: string
  readonly traceId: string | null
  readonly at: Date
}

/** A row as the audit trail has it. Readers get no place: what they pass on goes to more people than read the trail. */
export interface AuditRow extends EventRow {
  readonly addressPrefix: string | null
  readonly device: string | null
}

/**
 * A row on the way to a reader: `settled` is false while a transaction that may still append something before it is in
 * flight.
 */
export interface FollowingRow extends EventRow {
  readonly settled: boolean
}

const COLUMNS =
  'e.id, e.xid, e.tenant_id, e.type, e.version, e.subjects, e.data, e.actor_type, e.actor_id, e.request_id, e.trace_id, e.at'
const AUDIT_COLUMNS = `${COLUMNS}, e.address_prefix, e.device`

/** Adds an event; xid and id are the database's to choose, and the xid is given back. `data` is JSON text. */
export const eventAppended = statement<
  [
    tenantId: string,
    at: Date,
    version: number,
    type: string,
    subjects: readonly string[],
    data: string,
    actorType: string,
    actorId: string,
    requestId: string,
    traceId: string | null,
    addressPrefix: string | null,
    device: string | null,
  ],
  { xid: string }
>(`insert into stoa.events (tenant_id, at, version, type, subjects, data, actor_type, actor_id, request_id, trace_id, address_prefix, device)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
returning xid`)

/**
 * What follows a position, in the order of the journal. The horizon is no condition but a column: rows behind it come
 * last, the reader cuts them off, and knows by them that something is waiting, without a second look into every
 * partition. One ordered index scan per partition, merged; a partition without news costs one descent of its index
 * (0.6–0.9 ms for 37 partitions in all).
 */
export const eventsAfter = statement<[xid: string, id: string, limit: number], FollowingRow>(
  `select ${COLUMNS}, e.xid < (select pg_snapshot_xmin(pg_current_snapshot())) as settled
from stoa.events e
where (e.xid, e.id) > ($1::xid8, $2::bigint)
order by e.xid, e.id
limit $3`,
)

/** A row of a look; without an event it only says what can be seen. */
export type SeenRow = { readonly snapshot: string } & (EventRow | { readonly id: null })

/**
 * What can be seen now and could not be seen in an earlier snapshot, behind a place (for the first page: before the
 * oldest transaction that was in flight in that snapshot), and the present snapshot. Nothing of it is held back by a
 * transaction that stays open: that one only makes the stretch longer that is looked through.
 */
export const eventsUnseen = statement<[earlier: string, xid: string, id: string, limit: number], SeenRow>(
  `select s.snapshot::text as snapshot, ${COLUMNS}
from (select pg_current_snapshot() as snapshot) s
left join lateral (
  select * from stoa.events
  where (xid, id) > ($2::xid8, $3::bigint) and not pg_visible_in_snapshot(xid, $1::pg_snapshot)
  order by xid, id
  limit $4
) e on true
order by e.xid, e.id`,
)

/** The oldest transaction in flight: whatever is not read yet by now is behind it. */
export const horizon = statement<[], { xid: string }>('select pg_snapshot_xmin(pg_current_snapshot()) as xid')

/** What lies up to a position, newest first. */
export const eventsUpTo = statement<[xid: string, id: string, limit: number], EventRow>(
  `select ${COLUMNS} from stoa.events e where (e.xid, e.id) <= ($1::xid8, $2::bigint) order by e.xid desc, e.id desc limit $3`,
)

/**
 * What can be read about one thing (its main subject), in order: the last `limit` events, and of one type, of which there
 * may be very many, only the newest. By the index of the subject; the time keeps old partitions out.
 */
export const eventsOfSubject = statement<
  [tenantId: string, subject: string, since: Date, newestOf: string | null, limit: number],
  EventRow
>(`
select * from (
  (select ${COLUMNS} from stoa.events e
   where e.tenant_id = $1 and e.subjects[1] = $2 and e.at >= $3 and ($4::text is null or e.type <> $4)
     and e.xid < (select pg_snapshot_xmin(pg_current_snapshot()))
   order by e.xid desc, e.id desc limit $5)
  union all
  (select ${COLUMNS} from stoa.events e
   where e.tenant_id = $1 and e.subjects[1] = $2 and e.at >= $3 and e.type = $4
     and e.xid < (select pg_snapshot_xmin(pg_current_snapshot()))
   order by e.xid desc, e.id desc limit 1)
) e order by xid, id`)

/** The number that the next transaction gets. */
export const nextTransaction = statement<[], { xid: string }>('select pg_snapshot_xmax(pg_current_snapshot()) as xid')

/** Newest first, below a place (`beforeAt`, `beforeId`), not older than `from`; each filter may be null. */
export interface AuditQuery {
  readonly subject: string | null
  readonly actorType: string | null
  readonly actorId: string | null
  readonly type: string | null
  readonly from: Date
  readonly beforeAt: Date
  readonly beforeId: string
  readonly limit: number
}

// `at <= $3` says nothing that the row comparison does not, but only a plain comparison lets the planner leave
// partitions out.
const WINDOW = `e.at >= $2 and e.at <= $3 and (e.at, e.id) < ($3, $4::bigint)
  and ($1::text is null or e.type = $1) and ($6::text is null or e.actor_type = $6)`
const NEWEST_FIRST = 'order by e.at desc, e.id desc limit $5'

type WindowParameters = [
  type: string | null,
  from: Date,
  beforeAt: Date,
  beforeId: string,
  limit: number,
  actorType: string | null,
]

const auditOfAll = statement<WindowParameters, AuditRow>(
  `select ${AUDIT_COLUMNS} from stoa.events e where ${WINDOW} ${NEWEST_FIRST}`,
)

const auditOfActor = statement<[...WindowParameters, actorId: string], AuditRow>(
  `select ${AUDIT_COLUMNS} from stoa.events e where e.actor_id = $7 and ${WINDOW} ${NEWEST_FIRST}`,
)

/**
 * A subject stands in one of four places, each with an index of its own, each giving the newest first: they are merged,
 * not sorted.
 */
const auditOfSubject = statement<[...WindowParameters, actorId: string | null, subject: string], AuditRow>(
  `with concerned as (
${[1, 2, 3, 4]
  .map(
    (place) =>
      `(select ${AUDIT_COLUMNS} from stoa.events e
where e.subjects[${place}] = $8 and ($7::text is null or e.actor_id = $7) and ${WINDOW} ${NEWEST_FIRST})`,
  )
  .join('\nunion all\n')}
)
select ${AUDIT_COLUMNS} from concerned e ${NEWEST_FIRST}`,
)

/** A page of the tenant's audit trail, by the index that fits the filter. Row level security adds the tenant. */
export function auditPage(query: AuditQuery): Query<AuditRow> {
  const { actorId, subject } = query
  const window: WindowParameters = [
    query.type,
    query.from,
    query.beforeAt,
    query.beforeId,
    query.limit,
    query.actorType,
  ]
  if (subject !== null) return auditOfSubject(...window, actorId, subject)
  return actorId === null ? auditOfAll(...window) : auditOfActor(...window, actorId)
}
