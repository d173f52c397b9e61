-- Enters a call among those of its owner. Calls whose records have ended since are dropped, some at a time: each call that
-- is entered drops more than one, so that no more are kept than there are records.
-- Keys: calls of the owner in the shard, and those of them that are finished, by the end of their records. Then: id, now,
-- when its record ends ('': the call is open), life of the keys.
local function list_call(calls, finished, id, now, ends, life)
  for _, old in ipairs(redis.call('ZRANGE', finished, '-inf', now, 'BYSCORE', 'LIMIT', 0, 16)) do
    redis.call('ZREM', calls, old)
    redis.call('ZREM', finished, old)
  end
  redis.call('ZADD', calls, 0, id)
  redis.call('PEXPIRE', calls, life)
  if ends ~= '' then
    redis.call('ZADD', finished, ends, id)
    redis.call('PEXPIRE', finished, life)
  end
end

