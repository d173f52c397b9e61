-- Lets a call ring if nothing is against it: takes its number and a start, counts both, and stores a new call. All of it or
-- nothing.
-- KEYS: the four of `ask_number`, the five of `ask_limits`; with a record: record, due calls and due events of its shard, calls
--       of its owner and those that are finished.
-- ARGV: the eleven of `ask_number`, the nine of `ask_limits`, record (''); with a record: its life, when the call is due,
--       when its event is, life of the shard, life of the list.
-- Answers: {answer of `ask_number`, answer of `ask_limits`, whether the record was stored}.
local number = ask_number(KEYS, ARGV)
local args = { unpack(ARGV, 12, 20) }
if number[3] == 0 then args[2] = '0' end
local limits = ask_limits({ unpack(KEYS, 5, 9) }, args)
local stored = 0
if number[3] == 1 and limits[2] == 0 then
  local counted = (ARGV[5] ~= '' or ARGV[6] ~= '') and ARGV[1] or ''
  release_number(KEYS[1], KEYS[2], KEYS[3], ARGV[3], ARGV[4], '0', counted)
elseif number[3] == 1 and ARGV[21] ~= '' and redis.call('EXISTS', KEYS[10]) == 0 then
  put_record(KEYS[10], KEYS[11], KEYS[12], ARGV[21], ARGV[22], ARGV[23], ARGV[24], ARGV[4], ARGV[25], false)
  list_call(KEYS[13], KEYS[14], ARGV[4], ARGV[1], '', ARGV[26])
  stored = 1
end
return { number, limits, stored }
