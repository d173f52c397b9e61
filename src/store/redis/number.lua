-- What is known of a number; enters a call among its open ones, and lets it ring the number if nothing is against it.
-- KEYS: open calls, live call, starts, do not call.
-- ARGV: now, what is wanted (0 look, 1 enter, 2 take, 3 adopt a line that is there already), call (id and digest of what
--       it asks for), id, most starts in an hour (''), in a day (''), whether an identical one stands against it,
--       life of the lock, life of the rest, life of the wish not to be called.
-- Answers: {opted out, live call ('': none), claimed, when the hour has room (''), the day (''), other open calls}.
-- An open call is its id and digest, with the time of its entry as its score; the live call is an id and the time.
local now, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local day, hour = 86400000, 3600000

local opted_out = redis.call('PEXPIRE', KEYS[4], ARGV[10])
local others, identical = {}, false
for _, open in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')) do
  others[#others + 1] = open
end
local kept = {}
for at = 1, #others, 2 do
  local open = others[at]
  if string.sub(open, 1, 16) ~= ARGV[4] then
    kept[#kept + 1] = open
    kept[#kept + 1] = others[at + 1]
    identical = identical or string.sub(open, 17) == string.sub(ARGV[3], 17)
  end
end
if want > 0 and #kept == #others then
  redis.call('ZADD', KEYS[1], 'NX', now, ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[9])
end
local live = redis.call('GET', KEYS[2]) or ''
local mine = string.sub(live, 1, 16) == ARGV[4]
local in_hour, in_day = room(KEYS[3], ARGV[5], hour, now), room(KEYS[3], ARGV[6], day, now)
local claimed = 0
if want == 3 and live == '' then
  redis.call('SET', KEYS[2], ARGV[4] .. ARGV[1], 'PX', ARGV[8])
elseif want == 2 and opted_out == 0 and not (identical and ARGV[7] == '1') then
  if mine then
    claimed = 1
  elseif live == '' and in_hour == '' and in_day == '' then
    claimed = 1
    redis.call('SET', KEYS[2], ARGV[4] .. ARGV[1], 'PX', ARGV[8])
    if ARGV[5] ~= '' or ARGV[6] ~= '' then
      redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - day)
      redis.call('ZADD', KEYS[3], now, ARGV[4] .. ARGV[1])
      redis.call('PEXPIRE', KEYS[3], day)
    end
  end
end
return { opted_out, live, claimed, in_hour, in_day, kept }
