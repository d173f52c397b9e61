-- Lines that are open, where their number is limited.
-- KEYS: open lines. ARGV: id, most, now, until when it counts ('': nothing is taken), life.
-- Answers whether a line is free for the call, or is its own.
local lines = KEYS[1]
local id, most, now, counts_until, life = unpack(ARGV)
redis.call('ZREMRANGEBYSCORE', lines, '-inf', now)
local free = redis.call('ZSCORE', lines, id) or redis.call('ZCARD', lines) < tonumber(most)
if not free then return 0 end
if counts_until ~= '' then
  redis.call('ZADD', lines, counts_until, id)
  redis.call('PEXPIRE', lines, life)
end
return 1
