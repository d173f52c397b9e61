-- Stores the counts of one instance and returns those of all. Counts of an instance that is not scraped any more expire.
-- KEYS: counts. ARGV: instance, its counts (they begin with the time, in 8 bytes), the oldest time that is current (same
--       form), life.
-- Answers the counts that are current.
local key = KEYS[1]
local instance, own, oldest, life = unpack(ARGV)
redis.call('HSET', key, instance, own)
redis.call('PEXPIRE', key, life)
local current, all = {}, redis.call('HGETALL', key)
for at = 1, #all, 2 do
  local name, counts = all[at], all[at + 1]
  if string.sub(counts, 1, 8) >= oldest then
    current[#current + 1] = counts
  else
    redis.call('HDEL', key, name)
  end
end
return current
