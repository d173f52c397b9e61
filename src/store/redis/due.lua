-- Gives the calls that are due to one instance; if it does not save them, they are due again when its lease has lapsed.
-- KEYS: due calls of a shard. ARGV: now, the most that are wanted, end of the lease.
-- Answers their ids, and when the next one is due ('': none).
local ids = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], 'XX', ARGV[3], id)
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { ids, first[2] or '' }
