/*
 * The bucket's arithmetic (bucket.ts) in Redis: the same formulas on the same doubles, in the same order, so that both give the same numbers to
 * the last bit. One call carries any number of takes, one after the other, each all or nothing over its layers.
 *
 *   KEYS   the layers' keys, take after take
 *   ARGV   the time in ms, or '' for the server's · how long a full bucket stays, in ms · then for each take:
 *          its number of layers · 1 when it settles, else 0 · then for each layer:
 *          capacity · tokens per ms · cost · up to how many (0: the cost) · 1 for a shadow, else 0
 *   gives  for each layer five whole numbers: passes by itself (1 or 0) · tokens beyond the cost · left · ms to full ·
 *          ms to wait (−1: for ever)
 *
 * A bucket is a string of five doubles (tokens, spentMs, seenMs, capacity, perMs) and expires when it is full. Anything else under its key is no
 * bucket. A script is all or nothing on the server, so is a take.
 */
import { createHash } from 'node:crypto'

/** Whole numbers in the answer for each layer. */
export const ANSWER_FIELDS = 5

/** The script. */
export const TAKE_SCRIPT = `
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local pack, unpack = struct.pack, struct.unpack
local call = redis.call
local now = tonumber(ARGV[1])
if not now then
  local t = call('TIME')
  now = t[1] * 1000 + t[2] / 1000
end
local keep = tonumber(ARGV[2])
local out, n = {}, 0
local k, a, args = 0, 3, #ARGV
while a <= args do
  local layers, settles = tonumber(ARGV[a]), ARGV[a + 1] == '1'
  a = a + 2
  local allowed = true
  local states = {}
  for i = 1, layers do
    local capacity, rate = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
    local cost, upto, shadow = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]), ARGV[a + 4] == '1'
    a = a + 5
    local key = KEYS[k + i]
    local tokens, spent, seen, held = capacity, now, now, capacity
    local raw = call('GET', key)
    if raw and #raw == 40 then
      local oldcapacity, oldrate
      tokens, spent, seen, oldcapacity, oldrate = unpack('<ddddd', raw)
      if now > seen then seen = now end
      held = min(oldcapacity, tokens + (seen - spent) * oldrate)
      if oldcapacity ~= capacity or oldrate ~= rate then
        held = min(capacity, held)
        tokens, spent = held, seen
      end
    end
    local rounding = 1e-9 + capacity * 1e-12
    local pays = held + rounding >= cost
    if not pays and not shadow then allowed = false end
    states[i] = { key, capacity, rate, cost, upto, rounding, tokens, spent, seen, held, pays }
  end
  k = k + layers
  for i = 1, layers do
    local s = states[i]
    local capacity, rate, cost, rounding = s[2], s[3], s[4], s[6]
    local tokens, spent, seen, held, pays = s[7], s[8], s[9], s[10], s[11]
    local extra = 0
    if settles then
      tokens = max(-1000000000, min(capacity, held - cost))
      spent, held, pays = seen, tokens, true
    elseif allowed and pays then
      if s[5] > cost then extra = max(0, floor(min(s[5], held + rounding) - cost)) end
      tokens = max(0, held - (cost + extra))
      spent, held = seen, tokens
    end
    local full = 0
    local missing = capacity - tokens
    if missing > rounding then full = max(0, spent - now + missing / rate) end
    call('SET', s[1], pack('<ddddd', tokens, spent, seen, capacity, rate), 'PX',
      string.format('%.0f', min(9000000000000000, ceil(full) + keep)))
    local wait = 0
    if not pays then
      if cost > capacity then wait = -1 else wait = ceil(spent - now + (cost - tokens) / rate) end
    end
    out[n + 1] = pays and 1 or 0
    out[n + 2] = extra
    out[n + 3] = max(0, floor(held + rounding))
    out[n + 4] = ceil(full)
    out[n + 5] = wait
    n = n + 5
  end
end
return out
`

/** Its name on the server. */
export const TAKE_SCRIPT_SHA = createHash('sha1').update(TAKE_SCRIPT).digest('hex')
