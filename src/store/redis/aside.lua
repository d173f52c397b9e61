-- Puts aside what is due of a call and cannot be used: for good where the call is no more, else for a while.
-- KEYS: record, due calls and due events of its shard. ARGV: id, when its event may be looked at again.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
else
  redis.call('ZADD', KEYS[3], 'XX', 'GT', ARGV[2], ARGV[1])
end
return 1
