-- Lines that are open, where their number is limited.
-- KEYS: open lines. ARGV: id, most, now, until when it counts ('': nothing is taken), life.
-- Answers whether a line is free for the call, or is its own.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
local free = redis.call('ZSCORE', KEYS[1], ARGV[1]) or redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2])
if not free then return 0 end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return 1
