/*
 * The bucket's arithmetic (bucket.ts) in Redis: the same formulas on the same doubles, in the same order, so that both
 * give the same numbers to the last bit. One call carries any number of takes, one after the other, each all or nothing
 * over its layers.
 *
 *   KEYS   the layers' keys, take after take
 *   ARGV   the time in ms, or '' for the server's · how long a full bucket stays, in ms · number of limits · for each limit:
 *          capacity · tokens per ms
 *          then a whole number for what comes next:
 *            above 0   one layer at cost 1 of this limit, by 1024 more for each further take of the same bucket, and by
 *                      2097152 more for each further bucket of which the same is true
 *            else      a take whose number of layers is this without its sign, by 100 more when it settles; and then for each layer:
 *                      limit · cost · up to how many (0: the cost) · 1 for a shadow, else 0
 *   gives  for each layer three whole numbers:
 *          tokens left, or −1 − tokens left when the layer refuses · ms to full ·
 *          when it passes the tokens beyond the cost, else the ms to wait (−1: for ever)
 *          but for several takes of the same bucket one text: how it stood before the first of them, as
 *          tokens · spentMs · seenMs · the time, with a blank between
 *
 * It is written for the common case: one layer at cost 1 makes no table, and many takes of one bucket, as one busy caller
 * asks for, read it and write it once. What those give follows from how it stood, so the client works it out: three
 * numbers for each of them would cost both sides more than the takes.
 *
 * A bucket is a string of five doubles (tokens, spentMs, seenMs, capacity, perMs) and expires when it is full. Anything
 * else under its key is no bucket. A script is all or nothing on the server, so is a take.
 */
import { createHash } from 'node:crypto'

/** What is added to the number of layers of a settlement. */
export const SETTLES = 100

/** What is added to the number of a limit for each further take of the same bucket. */
export const AGAIN = 1024

/** What is added to the number of a bucket's takes for each further bucket with the same number. */
export const RUN = 2 ** 21

/** Values that follow for each layer of a take that is not at cost 1 of one layer. */
export const LAYER_PARAMETERS = 4

/** The script. */
export const TAKE_SCRIPT = `
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local pack, unpack, fields = struct.pack, struct.unpack, unpack
local call, format = redis.call, string.format
local now = tonumber(ARGV[1])
if not now then
  local t = call('TIME')
  now = t[1] * 1000 + t[2] / 1000
end
local keep, limits = tonumber(ARGV[2]), tonumber(ARGV[3])
local capacities, rates = {}, {}
for i = 1, limits do
  capacities[i], rates[i] = tonumber(ARGV[2 + 2 * i]), tonumber(ARGV[3 + 2 * i])
end

local function load(key, capacity, rate)
  local raw = call('GET', key)
  if not raw or #raw ~= 40 then return capacity, now, now, capacity end
  local tokens, spent, seen, oldcapacity, oldrate = unpack('<ddddd', raw)
  if now > seen then seen = now end
  local held = tokens + (seen - spent) * oldrate
  if held > oldcapacity then held = oldcapacity end
  if oldcapacity ~= capacity or oldrate ~= rate then
    if held > capacity then held = capacity end
    return held, seen, seen, held
  end
  return tokens, spent, seen, held
end

local function msToFull(capacity, rate, rounding, tokens, spent)
  local missing = capacity - tokens
  if missing <= rounding then return 0 end
  local full = ceil(spent - now + missing / rate)
  if full < 0 then return 0 end
  return full
end

local out, n = {}, 0
local function answer(capacity, rate, cost, rounding, tokens, spent, held, pays, extra)
  local full = msToFull(capacity, rate, rounding, tokens, spent)
  local left = floor(held + rounding)
  if left < 0 then left = 0 end
  if pays then
    out[n + 1], out[n + 2], out[n + 3] = left, full, extra
  else
    local wait = -1
    if cost <= capacity then wait = ceil(spent - now + (cost - tokens) / rate) end
    out[n + 1], out[n + 2], out[n + 3] = -1 - left, full, wait
  end
  n = n + 3
  return full
end

local function save(key, capacity, rate, tokens, spent, seen, full)
  local ttl = full + keep
  if ttl > 9000000000000000 then ttl = 9000000000000000 end
  -- As text: Redis would write the number with 17 digits, which takes it longer.
  call('SET', key, pack('<ddddd', tokens, spent, seen, capacity, rate), 'PX', format('%d', ttl))
end

local k, a, args = 0, 4 + 2 * limits, #ARGV
while a <= args do
  local head = tonumber(ARGV[a])
  a = a + 1
  if head > 0 then
    local more = floor(head / 2097152)
    local one = head - more * 2097152
    local limit = one % 1024
    local capacity, rate = capacities[limit], rates[limit]
    local rounding = 1e-9 + capacity * 1e-12
    local takes = (one - limit) / 1024 + 1
    for _ = 0, more do
      k = k + 1
      local tokens, spent, seen, held = load(KEYS[k], capacity, rate)
      if takes > 1 then
        n = n + 1
        out[n] = format('%.17g %.17g %.17g %.17g', tokens, spent, seen, now)
      end
      local pays
      for _ = 1, takes do
        pays = held + rounding >= 1
        if not pays then break end
        tokens = held - 1
        if tokens < 0 then tokens = 0 end
        spent, held = seen, tokens
      end
      local full
      if takes > 1 then full = msToFull(capacity, rate, rounding, tokens, spent)
      else full = answer(capacity, rate, 1, rounding, tokens, spent, held, pays, 0) end
      save(KEYS[k], capacity, rate, tokens, spent, seen, full)
    end
  else
    local layers, settles = -head, false
    if layers >= 100 then layers, settles = layers - 100, true end
    local allowed = true
    local states = {}
    for i = 1, layers do
      local limit, cost, upto = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
      local shadow = ARGV[a + 3] == '1'
      a = a + 4
      local capacity, rate = capacities[limit], rates[limit]
      local rounding = 1e-9 + capacity * 1e-12
      local tokens, spent, seen, held = load(KEYS[k + i], capacity, rate)
      local pays = held + rounding >= cost
      if not pays and not shadow then allowed = false end
      states[i] = { capacity, rate, cost, upto, rounding, tokens, spent, seen, held, pays }
    end
    for i = 1, layers do
      local capacity, rate, cost, upto, rounding, tokens, spent, seen, held, pays = fields(states[i])
      local extra = 0
      if settles then
        tokens = max(-1000000000, min(capacity, held - cost))
        spent, held, pays = seen, tokens, true
      elseif allowed and pays then
        if upto > cost then extra = max(0, floor(min(upto, held + rounding) - cost)) end
        tokens = max(0, held - (cost + extra))
        spent, held = seen, tokens
      end
      local full = answer(capacity, rate, cost, rounding, tokens, spent, held, pays, extra)
      save(KEYS[k + i], capacity, rate, tokens, spent, seen, full)
    end
    k = k + layers
  end
end
return out
`

/** Its name on the server. */
export const TAKE_SCRIPT_SHA = createHash('sha1').update(TAKE_SCRIPT).digest('hex')
