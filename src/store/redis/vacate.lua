-- Gives a number back.
-- KEYS: open calls, live call, starts. ARGV: call (id and digest), id, whether it is not open any more, when a start was
--       counted that does not count ('': it counts).
-- Answers how many other calls to the number are open.
if string.sub(redis.call('GET', KEYS[2]) or '', 1, 16) == ARGV[2] then
  redis.call('DEL', KEYS[2])
end
if ARGV[3] == '1' then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
if ARGV[4] ~= '' then
  local newest = redis.call('ZRANGE', KEYS[3], ARGV[4], '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)
  if newest[1] then redis.call('ZREM', KEYS[3], newest[1]) end
end
local open = redis.call('ZCARD', KEYS[1])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then open = open - 1 end
return open
