-- Postpones due entries of a call that cannot be processed; removes them if the call is not stored any more.
-- KEYS: record, due calls and due events of its shard. ARGV: id, when its event is due again.
local record, due, events = unpack(KEYS)
local id, again_at = unpack(ARGV)
if redis.call('EXISTS', record) == 0 then
  redis.call('ZREM', due, id)
  redis.call('ZREM', events, id)
else
  redis.call('ZADD', events, 'XX', 'GT', again_at, id)
end
return 1
