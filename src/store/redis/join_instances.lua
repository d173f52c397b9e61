-- Whether an instance fits the others: all have one index key, and each opens what the others seal. Notes it if it does.
-- Time is what has passed of the life of the clock, which nobody sets while an instance is seen: instances may disagree on
-- the hour, and a server need not tell its own.
-- An instance that was not seen for too long is lost, unless it comes back: it may have kept changes that nobody else knows.
-- KEYS: instances, clock, lost instances. ARGV: instance, fingerprint of its index key, those of its ticket keys (the first
--       one seals), milliseconds for which it counts from now, life of the keys, whether it may be the first, life of a loss.
-- Answers: {'fits' | 'first' | 'index' | 'sealed' | 'unopened', fingerprint of the other, whether the instance was noted,
--       other instances, each with the milliseconds since it was seen, the number of those that are lost}.
local life, span = tonumber(ARGV[5]), tonumber(ARGV[4])
redis.call('SET', KEYS[2], 1, 'PX', life, 'NX')
local left = redis.call('PTTL', KEYS[2])
if left < life / 2 then
  redis.call('PEXPIRE', KEYS[2], life)
  left = life
end
local now = life - left

local opens = {}
for key in string.gmatch(ARGV[3], '%S+') do opens[key] = true end
local sealing = string.match(ARGV[3], '%S+')

redis.call('HDEL', KEYS[3], ARGV[1])
local known, noted, others = redis.call('HGETALL', KEYS[1]), 0, {}
if #known == 0 and ARGV[6] ~= '1' then return { 'first', '', 0, {}, 0 } end
for at = 1, #known, 2 do
  local name, value = known[at], known[at + 1]
  if name == 'index' then
    if value ~= ARGV[2] then return { 'index', value, 0, {}, 0 } end
  elseif name == 'sealed' then
    if not opens[value] then return { 'sealed', value, 0, {}, 0 } end
  elseif name == ARGV[1] then
    noted = 1
  else
    local until_then, keys = string.match(value, '^(%d+) (.*)$')
    until_then = tonumber(until_then)
    if now < until_then and until_then <= now + span then
      local seals = string.match(keys, '%S+')
      if not opens[seals] then return { 'sealed', seals, 0, {}, 0 } end
      if not string.find(keys, sealing, 1, true) then return { 'unopened', seals, 0, {}, 0 } end
      others[#others + 1] = name
      others[#others + 1] = now + span - until_then
    else
      redis.call('HDEL', KEYS[1], name)
      redis.call('HSET', KEYS[3], name, string.format('%d', now))
      redis.call('PEXPIRE', KEYS[3], ARGV[7])
    end
  end
end
redis.call('HSET', KEYS[1], 'index', ARGV[2], 'sealed', sealing, ARGV[1], string.format('%d %s', now + span, ARGV[3]))
redis.call('PEXPIRE', KEYS[1], life)
local lost = 0
local losses = redis.call('HGETALL', KEYS[3])
for at = 1, #losses, 2 do
  local since = tonumber(losses[at + 1])
  if since <= now and now < since + tonumber(ARGV[7]) then
    lost = lost + 1
  else
    redis.call('HDEL', KEYS[3], losses[at])
  end
end
return { 'fits', '', noted, others, lost }
