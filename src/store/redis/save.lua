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
local key, due, events = unpack(KEYS, 1, 3)
local loaded, record, life, due_at, event_at, id, followers, other_instance, shard_life = unpack(ARGV, 1, 9)
local now, ends, list_life, call, is_closed = unpack(ARGV, 10, 14)
local stamp = redis.call('GETRANGE', key, 0, 11)
if stamp ~= loaded then
  local stored = redis.call('GET', key) or ''
  -- A cluster may be asked twice for what was done the first time.
  if stored ~= record then return stored end
else
  put_record(key, due, events, record, life, due_at, event_at, id, shard_life, stamp ~= '')
  stamp = string.sub(record, 1, 12)
  redis.call('PUBLISH', followers, stamp)
  if other_instance ~= '' then redis.call('PUBLISH', other_instance, id .. stamp) end
end
local number_keys = 4
if now ~= '' then
  list_call(KEYS[4], KEYS[5], id, now, ends, list_life)
  number_keys = 6
end
local open, live, starts = unpack(KEYS, number_keys)
if not open then return 0 end
return release_number(open, live, starts, call, id, is_closed, '')
