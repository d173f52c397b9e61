-- Saves a call if nobody was quicker, with its due entry, and tells everybody.
-- KEYS: record, due calls of its shard.
-- ARGV: version that was loaded ('': none), record (it begins with its version in 8 bytes), life of the record in
--       milliseconds, when it is due ('': never), id, channel, message, life of the shard.
-- Answers true, or the record that stands there instead ('': none).
local stored = redis.call('GET', KEYS[1])
if stored == ARGV[2] then
  return true
end
if (stored and string.sub(stored, 1, 8) or '') ~= ARGV[1] then
  return stored or ''
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[2], ARGV[5])
elseif redis.call('ZADD', KEYS[2], ARGV[4], ARGV[5]) == 1 then
  redis.call('PEXPIRE', KEYS[2], ARGV[8])
end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return true
