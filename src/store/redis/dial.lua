-- Lets a call ring if nothing is against it: takes its number and a start, counts both, and stores a new call. All of it or
-- nothing.
-- KEYS: the four of `ask_number`, the five of `ask_limits`; with a record: record, due calls and due events of its shard, calls
--       of its owner and those that are finished.
-- ARGV: the eleven of `ask_number`, the nine of `ask_limits`, record (''); with a record: its life, when the call is due,
--       when its event is, life of the shard, life of the list.
-- Answers: {answer of `ask_number`, answer of `ask_limits`, whether the record was stored}.
local open, live, starts = unpack(KEYS, 1, 3)
local key, due, events, calls, finished = unpack(KEYS, 10, 14)
local now, _, call, id, most_in_hour, most_in_day = unpack(ARGV, 1, 6)
local record, life, due_at, event_at, shard_life, list_life = unpack(ARGV, 21, 26)

local number = ask_number(KEYS, ARGV)
local claimed = number[3] == 1
local limits_args = { unpack(ARGV, 12, 20) }
-- Without the number the limits are only looked at.
if not claimed then limits_args[2] = '0' end
local limits = ask_limits({ unpack(KEYS, 5, 9) }, limits_args)
local started = limits[2] == 1

local stored = 0
if claimed and not started then
  local counted_at = (most_in_hour ~= '' or most_in_day ~= '') and now or ''
  release_number(open, live, starts, call, id, '0', counted_at)
elseif claimed and record ~= '' and redis.call('EXISTS', key) == 0 then
  put_record(key, due, events, record, life, due_at, event_at, id, shard_life, false)
  list_call(calls, finished, id, now, '', list_life)
  stored = 1
end
return { number, limits, stored }
