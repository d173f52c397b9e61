-- Answers what is known of a number; enters a call among its open ones, and lets it ring the number if nothing is against it.
-- keys: open calls, live call, starts, do not call.
-- args: now, mode (0 peek, 1 register, 2 acquire, 3 adopt a line that is there already), call (id and digest of what
--       it asks for), id, most starts in an hour (''), in a day (''), whether an identical one stands against it,
--       life of the lock, life of the rest, life of an opted-out number, whether
--       the caller has looked at the other open calls.
-- Answers: {opted out, live call ('': none), claimed, when the hour has room (''), the day (''), other open calls}.
-- An open call is its id and digest, with the time of its entry as its score; the live call is an id and the time.
local function ask_number(keys, args)
  local open_calls, live_call, starts, do_not_call = unpack(keys)
  local now, mode, call, id, most_in_hour, most_in_day = tonumber(args[1]), tonumber(args[2]), unpack(args, 3, 6)
  local refuses_identical, lock_life, life, opt_out_life = args[7] == '1', unpack(args, 8, 10)
  local has_seen_others = args[11] == '1'
  local counts_starts = most_in_hour ~= '' or most_in_day ~= ''
  local day, hour = 86400000, 3600000

  local opted_out = redis.call('PEXPIRE', do_not_call, opt_out_life)
  local all, others, identical = redis.call('ZRANGE', open_calls, 0, -1, 'WITHSCORES'), {}, false
  for at = 1, #all, 2 do
    local open, since = all[at], all[at + 1]
    if string.sub(open, 1, 16) ~= id then
      others[#others + 1] = open
      others[#others + 1] = since
      identical = identical or string.sub(open, 17) == string.sub(call, 17)
    end
  end
  -- Beside other open calls nothing is taken before the caller has looked at them.
  if mode == 2 and #others > 0 and not has_seen_others then mode = 1 end
  if mode > 0 and #others == #all then
    redis.call('ZADD', open_calls, 'NX', now, call)
    redis.call('PEXPIRE', open_calls, life)
  end
  local live = redis.call('GET', live_call) or ''
  local is_own = string.sub(live, 1, 16) == id
  local in_hour, in_day = room(starts, most_in_hour, hour, now), room(starts, most_in_day, day, now)
  local entry = id .. args[1]
  local claimed = 0
  if mode == 3 and live == '' then
    redis.call('SET', live_call, entry, 'PX', lock_life)
  elseif mode == 2 and opted_out == 0 and not (identical and refuses_identical) then
    if is_own then
      claimed = 1
    elseif live == '' and in_hour == '' and in_day == '' then
      claimed = 1
      redis.call('SET', live_call, entry, 'PX', lock_life)
      if counts_starts then
        redis.call('ZREMRANGEBYSCORE', starts, '-inf', now - day)
        redis.call('ZADD', starts, now, entry)
        redis.call('PEXPIRE', starts, day)
      end
    end
  end
  return { opted_out, live, claimed, in_hour, in_day, others }
end

