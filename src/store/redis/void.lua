-- Takes back a call whose first record may have been stored without anybody being told of it.
-- KEYS: record, due calls and due events of its shard. ARGV: its first stamp, id, channel.
-- Those who have heard of it are told to forget it: the id, and no record.
local stored = redis.call('GET', KEYS[1])
if stored and string.sub(stored, 1, 12) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[2])
  redis.call('ZREM', KEYS[3], ARGV[2])
  redis.call('PUBLISH', ARGV[3], ARGV[2])
end
return 1
