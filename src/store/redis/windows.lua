-- Shared by the scripts that judge times and turns; it stands before them.
-- A moment further ahead than this was noted before the caller's clock was set back (`clock::was_set_back`).
local SET_BACK = 10000

-- When a limit of `most` in a window leaves room for one more ('': now). KEY: a sorted set of moments.
local function room(key, most, window, now)
  if most == '' or redis.call('ZCARD', key) < tonumber(most) then return '' end
  redis.call('ZREMRANGEBYSCORE', key, '(' .. (now + SET_BACK), '+inf')
  local at = redis.call('ZCARD', key) - tonumber(most)
  local oldest = at >= 0 and redis.call('ZRANGE', key, at, at, 'WITHSCORES')[2]
  local free = oldest and tonumber(oldest) + window or 0
  return free > now and string.format('%.0f', free) or ''
end

-- The round in which the next call of an owner is started: after its last one, and after the round that is being served.
local function next_round(rate, rounds, owner)
  local own = tonumber(redis.call('HGET', rounds, owner) or '0')
  return math.max(own, tonumber(redis.call('HGET', rate, 'round') or '0')) + 1
end

-- When the next start is free. KEY: the start interval and what is known of it.
local function next_start(key, now, interval)
  local free = tonumber(redis.call('HGET', key, 'next') or '0')
  return free - interval > now + SET_BACK and now or free
end

