-- Revokes a call whose first record may have been stored although its client got an error. The mark in its place keeps an
-- instance that has loaded the call from storing it again.
-- KEYS: record, due calls and due events of its shard. ARGV: its first stamp, id, the mark, life of the mark.
local stored = redis.call('GET', KEYS[1])
if stored and string.sub(stored, 1, 12) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
  redis.call('ZREM', KEYS[2], ARGV[2])
  redis.call('ZREM', KEYS[3], ARGV[2])
end
return 1
