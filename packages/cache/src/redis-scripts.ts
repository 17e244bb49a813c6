/*
 * What Redis does in one step. All keys of a tenant share a slot.
 *
 *   entry   hash   e epoch, s moment of its asking, t tags, i its id, b its bytes
 *   lease   text   the id of the entry that somebody is loading, and the moment of its asking
 *   drops   sorted set, one per tenant
 *             =tag       the moment of its last drop
 *             !epoch !now !floor   below zero: who this set is, its present moment, the newest moment that was forgotten
 *
 * A moment counts the drops of a tenant. A load asks first and is told the moment; what it brings is stored only if
 * none of its tags was dropped after that, and believed only as long as that holds. The set remembers a bounded number
 * of tags; what began before the floor is refused. When the set is lost (flushed, evicted, expired) the next one has
 * another epoch, and everything of the old one is void. Losing it can cost loads, and never freshness.
 */
import { createHash } from 'node:crypto'

/** A script, by the hash that Redis knows it by. */
export interface Script {
  readonly text: string
  readonly sha: string
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

const MOMENTS = `
local function moment(drops, name)
  return 0 - tonumber(redis.call('ZSCORE', drops, name) or '0')
end
local function failed(reply)
  return type(reply) == 'table' and reply.err ~= nil
end
local function last(drops, life)
  if redis.call('PTTL', drops) < life / 2 then redis.call('PEXPIRE', drops, life) end
end
local function epoch_of(drops, fresh, life)
  local epoch = redis.call('ZSCORE', drops, '!epoch')
  if epoch then return epoch end
  if failed(redis.pcall('ZADD', drops, fresh, '!epoch')) then return nil end
  last(drops, life)
  return redis.call('ZSCORE', drops, '!epoch')
end
local function dropped_since(drops, tags, since)
  if since < moment(drops, '!floor') then return true end
  for _, tag in ipairs(tags) do
    local at = redis.call('ZSCORE', drops, '=' .. tag)
    if at and tonumber(at) > since then return true end
  end
  return false
end
local function holds(lease, id)
  local held = redis.call('GET', lease)
  return held and string.sub(held, 1, #id + 1) == id .. ' '
end
local function from(list, first)
  local rest = {}
  for i = first, #list do rest[#rest + 1] = list[i] end
  return rest
end
`

/** What {@link ASK} answers with in the first place. */
export const ASKED = { held: 1, turn: 2, busy: 3, full: 4 } as const

/**
 * KEYS entry, drops, lease. ARGV an epoch, life of the drops, id, lease in ms or 0, id of an entry that is known
 * already or '', tags that are known before …
 *
 * A lease from before the last drop of any of these tags is worth nothing: what its holder loads cannot be stored.
 *
 *   1 held: time left, id, bytes      2 turn: epoch, moment. The caller loads
 *   3 busy: somebody else loads       4 full: Redis can store nothing
 */
export const ASK = script(`${MOMENTS}
local drops = KEYS[2]
local epoch = epoch_of(drops, ARGV[1], tonumber(ARGV[2]))
if not epoch then return {4} end
local entry = redis.call('HMGET', KEYS[1], 'e', 's', 't', 'i', 'b')
if entry[1] then
  if entry[1] ~= epoch or dropped_since(drops, cmsgpack.unpack(entry[3]), tonumber(entry[2])) then
    redis.pcall('UNLINK', KEYS[1])
  elseif entry[4] ~= ARGV[5] then
    return {1, redis.call('PTTL', KEYS[1]), entry[4], entry[5]}
  end
end
local now = string.format('%.0f', moment(drops, '!now'))
local lease = ARGV[3] .. ' ' .. now
if ARGV[4] ~= '0' and redis.pcall('SET', KEYS[3], lease, 'NX', 'PX', ARGV[4]) == false then
  local since = string.match(redis.call('GET', KEYS[3]), ' (%d+)$')
  if not dropped_since(drops, from(ARGV, 6), tonumber(since)) then return {3} end
  redis.call('SET', KEYS[3], lease, 'PX', ARGV[4])
end
return {2, epoch, now}
`)

/**
 * KEYS entry, drops, lease. ARGV epoch, moment, id, life of the entry, life of the drops, bytes, tags …
 *
 * 1 stored, 0 refused because of a drop, -1 there is no room. In any case the lease is given back.
 */
export const STORE = script(`${MOMENTS}
if holds(KEYS[3], ARGV[3]) then redis.pcall('DEL', KEYS[3]) end
local tags = from(ARGV, 7)
if redis.call('ZSCORE', KEYS[2], '!epoch') ~= ARGV[1] then return 0 end
if dropped_since(KEYS[2], tags, tonumber(ARGV[2])) then return 0 end
if failed(redis.pcall('HSET', KEYS[1], 'e', ARGV[1], 's', ARGV[2], 't', cmsgpack.pack(tags), 'i', ARGV[3], 'b', ARGV[6])) then
  return -1
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
last(KEYS[2], tonumber(ARGV[5]))
return 1
`)

/** KEYS entry, lease. ARGV id, 1 when the entry is void too. Gives the lease back. */
export const RELEASE = script(`${MOMENTS}
if ARGV[2] == '1' then redis.call('UNLINK', KEYS[1]) end
if holds(KEYS[2], ARGV[1]) then return redis.call('DEL', KEYS[2]) end
return 0
`)

/**
 * KEYS drops. ARGV an epoch, life of the drops, how many tags to remember, moment since which nothing should have been
 * dropped or '', tags …
 *
 * epoch, moment after the drop, and whether nothing was dropped since the given moment. When there is no room to note
 * the drop, everything of the tenant is.
 */
export const DROP = script(`${MOMENTS}
local drops = KEYS[1]
local tags = from(ARGV, 5)
local epoch = epoch_of(drops, ARGV[1], tonumber(ARGV[2]))
if not epoch then
  redis.call('UNLINK', drops)
  return {'', '0', 0}
end
local now = moment(drops, '!now')
local clean = ARGV[4] ~= '' and not dropped_since(drops, tags, tonumber(ARGV[4]))
now = now + 1
if failed(redis.pcall('ZADD', drops, -now, '!now')) then
  redis.call('UNLINK', drops)
  return {'', '0', 0}
end
for _, tag in ipairs(tags) do redis.call('ZADD', drops, now, '=' .. tag) end
local over = redis.call('ZCARD', drops) - tonumber(ARGV[3])
if over > 0 then
  local oldest = redis.call('ZRANGEBYSCORE', drops, '(0', '+inf', 'WITHSCORES', 'LIMIT', over - 1, 1)
  redis.call('ZREMRANGEBYSCORE', drops, '(0', oldest[2])
  redis.call('ZADD', drops, '-' .. oldest[2], '!floor')
end
last(drops, tonumber(ARGV[2]))
return {epoch, string.format('%.0f', now), clean and 1 or 0}
`)

/** KEYS drops. Everything of the tenant is void. */
export const CLEAR = script("return redis.call('UNLINK', KEYS[1])")

/**
 * KEYS entries. ARGV life, then for each key its version and what is to be there: see shared-entries.ts. A mark takes no
 * entry of the same version away.
 */
export const SETTLE = script(`
for i, key in ipairs(KEYS) do
  local version, text = ARGV[2 * i], ARGV[2 * i + 1]
  local held = redis.pcall('GETRANGE', key, 0, 16)
  local present = type(held) == 'string' and tonumber(string.match(held, '^%d+')) or -1
  local wins = tonumber(version) > present or (tonumber(version) == present and text ~= version)
  if wins then
    local reply = redis.pcall('SET', key, text, 'PX', ARGV[1])
    if type(reply) == 'table' and reply.err then redis.pcall('UNLINK', key) end
  end
end
`)
