-- What is known of a number; enters a call among its open ones, and lets it ring the number if nothing is against it.
-- keys: open calls, live call, starts, do not call.
-- args: now, mode (0 peek, 1 register, 2 acquire, 3 adopt a line that is there already), call (id and digest of what
--       it asks for), id, most starts in an hour (''), in a day (''), whether an identical one stands against it,
--       life of the lock, life of the rest, life of an opted-out number, whether
--       the caller has looked at the other open calls.
-- Answers: {opted out, live call ('': none), claimed, when the hour has room (''), the day (''), other open calls}.
-- An open call is its id and digest, with the time of its entry as its score; the live call is an id and the time.
local function ask_number(keys, args)
  local now, mode = tonumber(args[1]), tonumber(args[2])
  local day, hour = 86400000, 3600000

  local opted_out = redis.call('PEXPIRE', keys[4], args[10])
  local others, identical = {}, false
  for _, open in ipairs(redis.call('ZRANGE', keys[1], 0, -1, 'WITHSCORES')) do
    others[#others + 1] = open
  end
  local kept = {}
  for at = 1, #others, 2 do
    local open = others[at]
    if string.sub(open, 1, 16) ~= args[4] then
      kept[#kept + 1] = open
      kept[#kept + 1] = others[at + 1]
      identical = identical or string.sub(open, 17) == string.sub(args[3], 17)
    end
  end
  -- Beside other open calls nothing is taken before the caller has looked at them.
  if mode == 2 and #kept > 0 and args[11] ~= '1' then mode = 1 end
  if mode > 0 and #kept == #others then
    redis.call('ZADD', keys[1], 'NX', now, args[3])
    redis.call('PEXPIRE', keys[1], args[9])
  end
  local live = redis.call('GET', keys[2]) or ''
  local mine = string.sub(live, 1, 16) == args[4]
  local in_hour, in_day = room(keys[3], args[5], hour, now), room(keys[3], args[6], day, now)
  local claimed = 0
  if mode == 3 and live == '' then
    redis.call('SET', keys[2], args[4] .. args[1], 'PX', args[8])
  elseif mode == 2 and opted_out == 0 and not (identical and args[7] == '1') then
    if mine then
      claimed = 1
    elseif live == '' and in_hour == '' and in_day == '' then
      claimed = 1
      redis.call('SET', keys[2], args[4] .. args[1], 'PX', args[8])
      if args[5] ~= '' or args[6] ~= '' then
        redis.call('ZREMRANGEBYSCORE', keys[3], '-inf', now - day)
        redis.call('ZADD', keys[3], now, args[4] .. args[1])
        redis.call('PEXPIRE', keys[3], day)
      end
    end
  end
  return { opted_out, live, claimed, in_hour, in_day, kept }
end

