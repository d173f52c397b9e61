-- Gives the start back that was taken last, unused; and, if it was counted, the attempt of the day.
-- KEYS: beat, attempts of the day. ARGV: beat in milliseconds (0: none), when the attempt was counted ('': it counts).
local free = redis.call('HGET', KEYS[1], 'next')
if free and tonumber(ARGV[1]) > 0 then
  redis.call('HSET', KEYS[1], 'next', string.format('%.3f', tonumber(free) - tonumber(ARGV[1])))
end
if ARGV[2] ~= '' then
  local newest = redis.call('ZRANGE', KEYS[2], ARGV[2], '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)
  if newest[1] then redis.call('ZREM', KEYS[2], newest[1]) end
end
return 1
