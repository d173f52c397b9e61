-- Returns the start that was taken last and not used; also uncounts the attempt of the day, if a time is given.
-- KEYS: state of the start rate, attempts of the day. ARGV: start interval in milliseconds (0: none), when the attempt was
--       counted ('': it stays counted).
local rate, attempts = unpack(KEYS)
local interval, counted_at = tonumber(ARGV[1]), ARGV[2]
local free = redis.call('HGET', rate, 'next')
if free and interval > 0 then
  redis.call('HSET', rate, 'next', string.format('%.3f', tonumber(free) - interval))
end
if counted_at ~= '' then
  local newest = redis.call('ZRANGE', attempts, counted_at, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)
  if newest[1] then redis.call('ZREM', attempts, newest[1]) end
end
return 1
