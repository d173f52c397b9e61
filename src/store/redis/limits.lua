-- The limits that all calls share: creates of an API key, attempts of the day, and the rate at which calls are started.
-- keys: creates of the API key, attempts of the day, state of the start rate, queue of starts, last round of each API key.
-- args: now, mode (0 peek, 1 register, 2 acquire), id, key, most creates in a minute (''), most attempts in a day
--       (''), start interval in milliseconds (0: none), whether a start is needed, whether it is a create.
-- Answers: {admitted, started, when the minute has room (''), the day (''), when its turn comes (''), creates of the API key in
--       the minute (this one too, if it was admitted), when the oldest of them was ('')}.
local function ask_limits(keys, args)
  local now, mode, interval = tonumber(args[1]), tonumber(args[2]), tonumber(args[7])
  local minute, day = 60000, 86400000

  local function count(key, window)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    redis.call('ZADD', key, now, args[3] .. args[1])
    redis.call('PEXPIRE', key, window)
  end

  local in_minute, in_day, slot = '', '', ''
  if args[9] == '1' and args[5] ~= '' then
    redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', now - minute)
    in_minute = room(keys[1], args[5], minute, now)
  end
  in_day = room(keys[2], args[6], day, now)
  if interval > 0 and args[8] == '1' then
    local free = next_start(keys[3], now, interval)
    local ahead = redis.call('ZRANK', keys[4], args[3])
    if not ahead then
      local round = math.max(tonumber(redis.call('HGET', keys[5], args[4]) or '0'), tonumber(redis.call('HGET', keys[3], 'round') or '0')) + 1
      ahead = redis.call('ZCOUNT', keys[4], '-inf', '(' .. (round + 1))
    end
    if ahead > 0 or free > now or redis.call('ZCARD', keys[4]) > 0 then
      slot = string.format('%.0f', math.ceil(math.max(free, now) + 1 + ahead * interval))
    end
  end
  local admitted, started = 0, 0
  if mode >= 1 and args[9] == '1' and in_minute == '' then
    admitted = 1
    if args[5] ~= '' then count(keys[1], minute) end
  end
  if mode == 2 and (admitted == 1 or args[9] == '0') and in_day == '' and slot == '' then
    started = 1
    if args[6] ~= '' then count(keys[2], day) end
    if interval > 0 and args[8] == '1' then
      redis.call('HSET', keys[3], 'next', string.format('%.3f', now + interval))
      redis.call('PEXPIRE', keys[3], day)
    end
  end
  local made, oldest = 0, ''
  if args[9] == '1' and args[5] ~= '' then
    made, oldest = redis.call('ZCARD', keys[1]), redis.call('ZRANGE', keys[1], 0, 0, 'WITHSCORES')[2] or ''
  end
  return { admitted, started, in_minute, in_day, slot, made, oldest }
end

