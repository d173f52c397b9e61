-- Saves a call with what its client is to be told, if nobody was quicker, and tells whom it concerns. A call that loses its
-- number gives it back.
-- KEYS: record, due calls of its shard, due events of its shard; where it is to be listed: calls of its owner and those
--       that are finished; where it gives its number back: open calls, live call and starts of the number.
-- ARGV: stamp that was loaded ('': none), record (it begins with its stamp in 12 bytes), life of the record in
--       milliseconds ('': as before), when the call is due ('': never; '-': as before), when its event is ('': never; '-': it
--       has none), id, channel of those who follow the call, channel of the other instance that saved it last (''), life of
--       the shard, now ('': it is not to be listed), when its record ends ('': the call is open), life of the list;
--       where it gives its number back: call (id and digest), whether it is not open any more.
-- Answers how many other calls to the number are open, or the record that stands there instead ('': none).
local stamp = redis.call('GETRANGE', KEYS[1], 0, 11)
if stamp ~= ARGV[1] then
  local stored = redis.call('GET', KEYS[1]) or ''
  -- A cluster may be asked twice for what was done the first time.
  if stored ~= ARGV[2] then return stored end
else
  put_record(KEYS[1], KEYS[2], KEYS[3], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[9], stamp ~= '')
  stamp = string.sub(ARGV[2], 1, 12)
  redis.call('PUBLISH', ARGV[7], stamp)
  if ARGV[8] ~= '' then redis.call('PUBLISH', ARGV[8], ARGV[6] .. stamp) end
end
local at = 4
if ARGV[10] ~= '' then
  list_call(KEYS[4], KEYS[5], ARGV[6], ARGV[10], ARGV[11], ARGV[12])
  at = 6
end
if not KEYS[at] then return 0 end
return release_number(KEYS[at], KEYS[at + 1], KEYS[at + 2], ARGV[13], ARGV[6], ARGV[14], '')
