-- What all calls share: creates of a key, attempts of the day, and the beat at which calls are started.
-- KEYS: creates of the key, attempts of the day, beat, line of those who wait, last rounds of the keys.
-- ARGV: now, what is wanted (0 look, 1 admit, 2 take), id, key, most creates in a minute (''), most attempts in a day
--       (''), beat in milliseconds (0: none), whether a start is needed, whether it is a create.
-- Answers: {admitted, started, when the minute has room (''), the day (''), when its turn comes (''), creates of the key in
--       the minute (this one too, if it was admitted), when the oldest of them was ('')}.
local now, want, beat = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[7])
local minute, day = 60000, 86400000

local function count(key, window)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
  redis.call('ZADD', key, now, ARGV[3] .. ARGV[1])
  redis.call('PEXPIRE', key, window)
end

local in_minute, in_day, slot = '', '', ''
if ARGV[9] == '1' then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - minute)
  in_minute = room(KEYS[1], ARGV[5], minute, now)
end
in_day = room(KEYS[2], ARGV[6], day, now)
if beat > 0 and ARGV[8] == '1' then
  local free = next_start(KEYS[3], now, beat)
  local ahead = redis.call('ZRANK', KEYS[4], ARGV[3])
  if not ahead then
    local round = math.max(tonumber(redis.call('HGET', KEYS[5], ARGV[4]) or '0'), tonumber(redis.call('HGET', KEYS[3], 'round') or '0')) + 1
    ahead = redis.call('ZCOUNT', KEYS[4], '-inf', '(' .. (round + 1))
  end
  if ahead > 0 or free > now or redis.call('ZCARD', KEYS[4]) > 0 then
    slot = string.format('%.0f', math.ceil(math.max(free, now) + 1 + ahead * beat))
  end
end
local admitted, started = 0, 0
if want >= 1 and ARGV[9] == '1' and in_minute == '' then
  admitted = 1
  if ARGV[5] ~= '' then count(KEYS[1], minute) end
end
if want == 2 and (admitted == 1 or ARGV[9] == '0') and in_day == '' and slot == '' then
  started = 1
  if ARGV[6] ~= '' then count(KEYS[2], day) end
  if beat > 0 and ARGV[8] == '1' then
    redis.call('HSET', KEYS[3], 'next', string.format('%.3f', now + beat))
    redis.call('PEXPIRE', KEYS[3], day)
  end
end
local made, oldest = 0, ''
if ARGV[9] == '1' and ARGV[5] ~= '' then
  made, oldest = redis.call('ZCARD', KEYS[1]), redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or ''
end
return { admitted, started, in_minute, in_day, slot, made, oldest }
