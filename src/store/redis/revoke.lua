-- Revokes a call whose first record may have been stored although its client got an error. The mark in its place keeps an
-- instance that has loaded the call from storing it again.
-- KEYS: record, due calls and due events of its shard. ARGV: its first stamp, id, the mark, life of the mark.
local record, due, events = unpack(KEYS)
local stamp, id, mark, life = unpack(ARGV)
local stored = redis.call('GET', record)
if stored and string.sub(stored, 1, 12) == stamp then
  redis.call('SET', record, mark, 'PX', life)
  redis.call('ZREM', due, id)
  redis.call('ZREM', events, id)
end
return 1
