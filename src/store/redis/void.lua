-- Takes back a call whose first record may have been stored without anybody being told of it.
-- KEYS: record, due calls of its shard. ARGV: its first version, id.
local stored = redis.call('GET', KEYS[1])
if stored and string.sub(stored, 1, 8) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[2])
end
return 1
