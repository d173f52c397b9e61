-- Checks whether an instance fits the others: all have one index key, and each opens what the others seal. Notes it if so.
-- The time is how much of the clock's life has passed, and nobody sets it while an instance is seen: instances may disagree
-- on the hour, and a server need not tell its own.
-- An instance that was not seen for too long is lost, unless it comes back: it may have kept changes that nobody else knows.
-- KEYS: instances ('index' and 'sealed': fingerprints; each instance: until when it counts, and the fingerprints of its ticket
--       keys), clock, lost instances (each with the time at which it was missed).
-- ARGV: instance, fingerprint of its index key, those of its ticket keys (the first one seals), milliseconds for which it
--       counts from now, life of the keys, whether it may be the first, life of a loss.
-- Answers: {'fits' | 'first' | 'index' | 'sealed' | 'unopened', fingerprint of the other, whether the instance was noted,
--       other instances, each with the milliseconds since it was seen, the number of those that are lost}.
local instances, clock, losses = unpack(KEYS)
local instance, index, tickets, span, life, may_be_first, loss_life = unpack(ARGV)
span, life, loss_life = tonumber(span), tonumber(life), tonumber(loss_life)

redis.call('SET', clock, 1, 'PX', life, 'NX')
local left = redis.call('PTTL', clock)
if left < life / 2 then
  redis.call('PEXPIRE', clock, life)
  left = life
end
local now = life - left

local opens = {}
for key in string.gmatch(tickets, '%S+') do opens[key] = true end
local sealing = string.match(tickets, '%S+')

redis.call('HDEL', losses, instance)
local known, noted, others = redis.call('HGETALL', instances), 0, {}
if #known == 0 and may_be_first ~= '1' then return { 'first', '', 0, {}, 0 } end
for at = 1, #known, 2 do
  local name, value = known[at], known[at + 1]
  if name == 'index' then
    if value ~= index then return { 'index', value, 0, {}, 0 } end
  elseif name == 'sealed' then
    if not opens[value] then return { 'sealed', value, 0, {}, 0 } end
  elseif name == instance then
    noted = 1
  else
    local counts_until, keys = string.match(value, '^(%d+) (.*)$')
    counts_until = tonumber(counts_until)
    -- One that would count for longer than `span` was noted by a clock that is gone.
    if now < counts_until and counts_until <= now + span then
      local seals = string.match(keys, '%S+')
      if not opens[seals] then return { 'sealed', seals, 0, {}, 0 } end
      if not string.find(keys, sealing, 1, true) then return { 'unopened', seals, 0, {}, 0 } end
      others[#others + 1] = name
      others[#others + 1] = now + span - counts_until
    else
      redis.call('HDEL', instances, name)
      redis.call('HSET', losses, name, string.format('%d', now))
      redis.call('PEXPIRE', losses, loss_life)
    end
  end
end
local own = string.format('%d %s', now + span, tickets)
redis.call('HSET', instances, 'index', index, 'sealed', sealing, instance, own)
redis.call('PEXPIRE', instances, life)

local lost, all = 0, redis.call('HGETALL', losses)
for at = 1, #all, 2 do
  local since = tonumber(all[at + 1])
  if since <= now and now < since + loss_life then
    lost = lost + 1
  else
    redis.call('HDEL', losses, all[at])
  end
end
return { 'fits', '', noted, others, lost }
