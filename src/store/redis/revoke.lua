-- Revokes a call whose first record may have been stored although its client got an error, unless another instance has told
-- that client of the call since. The mark in its place keeps an instance that has loaded the call from storing it again.
-- Returns 0 where the client was told of it, else 1.
-- KEYS: record, due calls and due events of its shard, note that a client was told of the call. ARGV: its first stamp, id,
-- the mark, life of the mark.
local record, due, events, told = unpack(KEYS)
local stamp, id, mark, life = unpack(ARGV)
if redis.call('GET', told) then
  return 0
end
local stored = redis.call('GET', record)
if stored and string.sub(stored, 1, 12) == stamp then
  redis.call('SET', record, mark, 'PX', life)
  redis.call('ZREM', due, id)
  redis.call('ZREM', events, id)
end
return 1
