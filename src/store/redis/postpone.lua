-- Postpones due entries of a call that cannot be processed; removes them if the call is not stored any more.
-- KEYS: record, due calls and due events of its shard. ARGV: id, when its event is due again.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
else
  redis.call('ZADD', KEYS[3], 'XX', 'GT', ARGV[2], ARGV[1])
end
return 1
