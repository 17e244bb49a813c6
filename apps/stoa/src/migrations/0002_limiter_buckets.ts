import { type Migration, sharedTable } from '@stoa/db'

/**
 * `postgresSchema('stoa')` of @stoa/limiter as it was when this was written: what changes there later is another
 * migration here.
 */
export const limiterBuckets: Migration = {
  name: '0002_limiter_buckets',
  scope: 'shared',
  breaking: false,
  up: `
create unlogged table limiter_buckets (
  key text collate "C" primary key,
  tokens float8 not null,
  spent_ms float8 not null,
  seen_ms float8 not null,
  capacity float8 not null,
  per_ms float8 not null,
  passed boolean not null,
  extra float8 not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

create function limiter_take(
  keys text[], capacities float8[], rates float8[], costs float8[], up_tos float8[], shadows boolean[], settles boolean, at_ms float8
) returns table (
  place bigint, tokens float8, spent_ms float8, seen_ms float8, passed boolean, extra float8, now_ms float8
) language plpgsql volatile as $$
#variable_conflict use_column
declare
  at_now constant float8 := coalesce(at_ms, extract(epoch from clock_timestamp())::float8 * 1000);
  is_settling constant boolean := settles;
  is_allowed boolean;
begin
  insert into limiter_buckets as b (key, tokens, spent_ms, seen_ms, capacity, per_ms, passed, extra)
  select l.key, l.capacity, at_now, at_now, l.capacity, l.per_ms, true, 0
  from unnest(keys, capacities, rates) as l(key, capacity, per_ms)
  order by l.key collate "C"
  on conflict (key) do update set (tokens, spent_ms, seen_ms, capacity, per_ms) = (
    select h.tokens, h.spent_ms, h.seen_ms, l.capacity, l.per_ms
    from (select excluded.capacity as capacity, excluded.per_ms as per_ms) l, lateral (
    select
      s.seen_ms,
      case when c.changed then least(l.capacity, o.held) else o.held end as held,
      case when c.changed then least(l.capacity, o.held) else b.tokens end as tokens,
      case when c.changed then s.seen_ms else b.spent_ms end as spent_ms
    from
      (select greatest(b.seen_ms, excluded.seen_ms) as seen_ms) s
      cross join lateral (select least(b.capacity, b.tokens + (s.seen_ms - b.spent_ms) * b.per_ms) as held) o
      cross join (select b.capacity <> l.capacity or b.per_ms <> l.per_ms as changed) c) h
  );

  select bool_and(l.shadow or h.held + (1e-9 + l.capacity * 1e-12) >= l.cost) into is_allowed
  from unnest(keys, capacities, rates, costs, shadows) as l(key, capacity, per_ms, cost, shadow)
  join limiter_buckets b on b.key = l.key collate "C",
  lateral (
    select
      s.seen_ms,
      case when c.changed then least(l.capacity, o.held) else o.held end as held,
      case when c.changed then least(l.capacity, o.held) else b.tokens end as tokens,
      case when c.changed then s.seen_ms else b.spent_ms end as spent_ms
    from
      (select greatest(b.seen_ms, at_now) as seen_ms) s
      cross join lateral (select least(b.capacity, b.tokens + (s.seen_ms - b.spent_ms) * b.per_ms) as held) o
      cross join (select b.capacity <> l.capacity or b.per_ms <> l.per_ms as changed) c) h;

  return query
  update limiter_buckets b
  set tokens = a.tokens, spent_ms = a.spent_ms, passed = a.passed, extra = a.extra
  from (
    select l.place, b.key, s.tokens, s.spent_ms, s.passed, s.extra
    from unnest(keys, capacities, rates, costs, up_tos) with ordinality as l(key, capacity, per_ms, cost, up_to, place)
    join limiter_buckets b on b.key = l.key collate "C",
    lateral (
    select
      s.seen_ms,
      case when c.changed then least(l.capacity, o.held) else o.held end as held,
      case when c.changed then least(l.capacity, o.held) else b.tokens end as tokens,
      case when c.changed then s.seen_ms else b.spent_ms end as spent_ms
    from
      (select greatest(b.seen_ms, at_now) as seen_ms) s
      cross join lateral (select least(b.capacity, b.tokens + (s.seen_ms - b.spent_ms) * b.per_ms) as held) o
      cross join (select b.capacity <> l.capacity or b.per_ms <> l.per_ms as changed) c) h,
    lateral (
    select
      case
        when is_settling then greatest(-1e9, least(l.capacity, h.held - l.cost))
        when is_allowed and p.pays then greatest(0, h.held - (l.cost + e.extra))
        else h.tokens
      end as tokens,
      case when is_settling or (is_allowed and p.pays) then h.seen_ms else h.spent_ms end as spent_ms,
      p.pays or is_settling as passed,
      case when is_settling or not (is_allowed and p.pays) then 0 else e.extra end as extra
    from
      (select h.held + (1e-9 + l.capacity * 1e-12) >= l.cost as pays) p,
      (select case
        when l.up_to > l.cost then greatest(0, floor(least(l.up_to, h.held + (1e-9 + l.capacity * 1e-12)) - l.cost))
        else 0
      end as extra) e) s
  ) a
  where b.key = a.key
  returning a.place, b.tokens, b.spent_ms, b.seen_ms, b.passed, b.extra, at_now;
end
$$;
${sharedTable('limiter_buckets', { app: 'none' })}`,
}
