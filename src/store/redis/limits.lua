-- The limits that all calls share: creates of an API key, attempts of the day, and the rate at which calls are started.
-- keys: creates of the API key, attempts of the day, state of the start rate, queue of starts, last round of each API key.
-- args: now, mode (0 peek, 1 register, 2 acquire), id, API key, most creates in a minute (''), most attempts in a day
--       (''), start interval in milliseconds (0: none), whether a start is needed, whether it is a create.
-- Answers: {admitted, started, when the minute has room (''), the day (''), when its turn comes (''), creates of the API key in
--       the minute (this one too, if it was admitted), when the oldest of them was ('')}.
local function ask_limits(keys, args)
  local creates, attempts, rate, queue, rounds = unpack(keys)
  local now, mode, id, owner, most_in_minute, most_in_day = tonumber(args[1]), tonumber(args[2]), unpack(args, 3, 6)
  local interval, needs_start, is_create = tonumber(args[7]), args[8] == '1', args[9] == '1'
  local minute, day = 60000, 86400000

  local function count(key, window)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    redis.call('ZADD', key, now, id .. args[1])
    redis.call('PEXPIRE', key, window)
  end

  local in_minute, in_day, slot = '', '', ''
  if is_create and most_in_minute ~= '' then
    redis.call('ZREMRANGEBYSCORE', creates, '-inf', now - minute)
    in_minute = room(creates, most_in_minute, minute, now)
  end
  in_day = room(attempts, most_in_day, day, now)
  if interval > 0 and needs_start then
    local free = next_start(rate, now, interval)
    local ahead = redis.call('ZRANK', queue, id)
    if not ahead then
      ahead = redis.call('ZCOUNT', queue, '-inf', '(' .. (next_round(rate, rounds, owner) + 1))
    end
    if ahead > 0 or free > now or redis.call('ZCARD', queue) > 0 then
      slot = string.format('%.0f', math.ceil(math.max(free, now) + 1 + ahead * interval))
    end
  end
  local admitted, started = 0, 0
  if mode >= 1 and is_create and in_minute == '' then
    admitted = 1
    if most_in_minute ~= '' then count(creates, minute) end
  end
  if mode == 2 and (admitted == 1 or not is_create) and in_day == '' and slot == '' then
    started = 1
    if most_in_day ~= '' then count(attempts, day) end
    if interval > 0 and needs_start then
      redis.call('HSET', rate, 'next', string.format('%.3f', now + interval))
      redis.call('PEXPIRE', rate, day)
    end
  end
  local made, oldest = 0, ''
  if is_create and most_in_minute ~= '' then
    made, oldest = redis.call('ZCARD', creates), redis.call('ZRANGE', creates, 0, 0, 'WITHSCORES')[2] or ''
  end
  return { admitted, started, in_minute, in_day, slot, made, oldest }
end

