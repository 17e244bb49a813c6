/*
 * What the PostgreSQL store needs in the database, and its statements: the bucket's arithmetic (bucket.ts) in SQL, the
 * same formulas on the same doubles in the same order.
 *
 * A take of one layer is one upsert: `on conflict do update` locks the row and works on its newest version, so nobody
 * is let in twice. Which answer it was is written into the row (`passed`, `extra`), because RETURNING sees the row
 * after the update only. A take of several layers must see all rows before it writes any: that is a function, which
 * locks them in the order of their keys, so that two takes never wait for each other.
 */

/** `held`, `tokens`, `spent_ms` and `seen_ms` before → the row after. `l` has the layer: capacity, cost, up_to. */
function spending(settles: string, allowed: string): string {
  return `
    select
      case
        when ${settles} then greatest(-1e9, least(l.capacity, h.held - l.cost))
        when ${allowed} and p.pays then greatest(0, h.held - (l.cost + e.extra))
        else h.tokens
      end as tokens,
      case when ${settles} or (${allowed} and p.pays) then h.seen_ms else h.spent_ms end as spent_ms,
      p.pays or ${settles} as passed,
      case when ${settles} or not (${allowed} and p.pays) then 0 else e.extra end as extra
    from
      (select h.held + (1e-9 + l.capacity * 1e-12) >= l.cost as pays) p,
      (select case
        when l.up_to > l.cost then greatest(0, floor(least(l.up_to, h.held + (1e-9 + l.capacity * 1e-12)) - l.cost))
        else 0
      end as extra) e`
}

/**
 * The row `b` at the time `seen_ms` under the limit of `l`: what it holds, with another limit put on it where that
 * changed.
 */
function seeing(seenMs: string): string {
  return `
    select
      s.seen_ms,
      case when c.changed then least(l.capacity, o.held) else o.held end as held,
      case when c.changed then least(l.capacity, o.held) else b.tokens end as tokens,
      case when c.changed then s.seen_ms else b.spent_ms end as spent_ms
    from
      (select greatest(b.seen_ms, ${seenMs}) as seen_ms) s
      cross join lateral (select least(b.capacity, b.tokens + (s.seen_ms - b.spent_ms) * b.per_ms) as held) o
      cross join (select b.capacity <> l.capacity or b.per_ms <> l.per_ms as changed) c`
}

const SERVER_MS = `extract(epoch from clock_timestamp())::float8 * 1000`

/**
 * One layer. $1 key, $2 capacity, $3 tokens per ms, $4 cost, $5 up to how many, $6 whether it settles, $7 the time in
 * ms or null.
 */
export function takeOne(schema: string): string {
  const layer = `(select $2::float8 as capacity, $3::float8 as per_ms, $4::float8 as cost, $5::float8 as up_to) l`
  const settles = '$6::boolean'
  return `
with clock as materialized (select coalesce($7::float8, ${SERVER_MS}) as now_ms)
insert into ${schema}.limiter_buckets as b (key, tokens, spent_ms, seen_ms, capacity, per_ms, passed, extra)
select $1::text, a.tokens, a.spent_ms, h.seen_ms, l.capacity, l.per_ms, a.passed, a.extra
from clock, ${layer},
  lateral (select l.capacity as held, l.capacity as tokens, now_ms as spent_ms, now_ms as seen_ms) h,
  lateral (${spending(settles, 'true')}) a
on conflict (key) do update set (tokens, spent_ms, seen_ms, capacity, per_ms, passed, extra) = (
  select a.tokens, a.spent_ms, h.seen_ms, l.capacity, l.per_ms, a.passed, a.extra
  from ${layer}, lateral (${seeing('excluded.seen_ms')}) h, lateral (${spending(settles, 'true')}) a
)
returning b.tokens, b.spent_ms as spent, b.seen_ms as seen, b.passed, b.extra, (select now_ms from clock) as at`
}

/**
 * Several layers. $1 – $6 arrays of keys, capacities, tokens per ms, costs, up to how many, shadows; $7 whether it
 * settles, $8 the time or null.
 */
export function takeSeveral(schema: string): string {
  return `
select tokens, spent_ms as spent, seen_ms as seen, passed, extra, now_ms as at
from ${schema}.limiter_take($1::text[], $2::float8[], $3::float8[], $4::float8[], $5::float8[], $6::boolean[], $7::boolean, $8::float8)
order by place`
}

/**
 * Removes buckets that have been full for a while. $1 for how long in ms, $2 how many at most, $3 the time in ms or
 * null.
 */
export function sweepFull(schema: string): string {
  return `
with clock as materialized (select coalesce($3::float8, ${SERVER_MS}) as now_ms)
delete from ${schema}.limiter_buckets where key in (
  select key from ${schema}.limiter_buckets, clock
  where greatest(seen_ms, spent_ms + (capacity - tokens) / per_ms) + $1::float8 < now_ms
  limit $2::int
  for update of limiter_buckets skip locked
)`
}

/**
 * The SQL that makes the table and the function in a schema that exists. It can run again, and by several nodes at
 * once. The table is UNLOGGED: it costs no write-ahead log, is empty (all buckets full) after a crash of the server,
 * and is not on replicas.
 *
 * @param schema a plain name: a–z, 0–9 and _. Default `public`
 * @throws RangeError for another name
 */
export function postgresSchema(schema = 'public'): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw new RangeError(`the schema must be a plain name (got '${schema}')`)
  return `
select pg_advisory_xact_lock(hashtextextended('limiter_buckets', 0));

create unlogged table if not exists ${schema}.limiter_buckets (
  key text collate "C" primary key,
  tokens float8 not null,
  spent_ms float8 not null,
  seen_ms float8 not null,
  capacity float8 not null,
  per_ms float8 not null,
  passed boolean not null,
  extra float8 not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

create or replace function ${schema}.limiter_take(
  keys text[], capacities float8[], rates float8[], costs float8[], up_tos float8[], shadows boolean[], settles boolean, at_ms float8
) returns table (
  place bigint, tokens float8, spent_ms float8, seen_ms float8, passed boolean, extra float8, now_ms float8
) language plpgsql volatile as $$
#variable_conflict use_column
declare
  at_now constant float8 := coalesce(at_ms, ${SERVER_MS});
  is_settling constant boolean := settles;
  is_allowed boolean;
begin
  insert into ${schema}.limiter_buckets as b (key, tokens, spent_ms, seen_ms, capacity, per_ms, passed, extra)
  select l.key, l.capacity, at_now, at_now, l.capacity, l.per_ms, true, 0
  from unnest(keys, capacities, rates) as l(key, capacity, per_ms)
  order by l.key collate "C"
  on conflict (key) do update set (tokens, spent_ms, seen_ms, capacity, per_ms) = (
    select h.tokens, h.spent_ms, h.seen_ms, l.capacity, l.per_ms
    from (select excluded.capacity as capacity, excluded.per_ms as per_ms) l, lateral (${seeing('excluded.seen_ms')}) h
  );

  select bool_and(l.shadow or h.held + (1e-9 + l.capacity * 1e-12) >= l.cost) into is_allowed
  from unnest(keys, capacities, rates, costs, shadows) as l(key, capacity, per_ms, cost, shadow)
  join ${schema}.limiter_buckets b on b.key = l.key collate "C",
  lateral (${seeing('at_now')}) h;

  return query
  update ${schema}.limiter_buckets b
  set tokens = a.tokens, spent_ms = a.spent_ms, passed = a.passed, extra = a.extra
  from (
    select l.place, b.key, s.tokens, s.spent_ms, s.passed, s.extra
    from unnest(keys, capacities, rates, costs, up_tos) with ordinality as l(key, capacity, per_ms, cost, up_to, place)
    join ${schema}.limiter_buckets b on b.key = l.key collate "C",
    lateral (${seeing('at_now')}) h,
    lateral (${spending('is_settling', 'is_allowed')}) s
  ) a
  where b.key = a.key
  returning a.place, b.tokens, b.spent_ms, b.seen_ms, b.passed, b.extra, at_now;
end
$$;
`
}
