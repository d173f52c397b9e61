-- Returns the start that was taken last and not used; also uncounts the attempt of the day, if a time is given.
-- KEYS: state of the start rate, attempts of the day. ARGV: start interval in milliseconds (0: none), when the attempt was
--       counted ('': it stays counted).
local free = redis.call('HGET', KEYS[1], 'next')
if free and tonumber(ARGV[1]) > 0 then
  redis.call('HSET', KEYS[1], 'next', string.format('%.3f', tonumber(free) - tonumber(ARGV[1])))
end
if ARGV[2] ~= '' then
  local newest = redis.call('ZRANGE', KEYS[2], ARGV[2], '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)
  if newest[1] then redis.call('ZREM', KEYS[2], newest[1]) end
end
return 1
