-- Stores the counts of one instance and returns those of all. Counts of an instance that is not scraped any more expire.
-- KEYS: counts. ARGV: instance, its counts (they begin with the time, in 8 bytes), the oldest time that is current (same
--       form), life.
-- Answers the counts that are current.
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local current, counts = {}, redis.call('HGETALL', KEYS[1])
for at = 1, #counts, 2 do
  if string.sub(counts[at + 1], 1, 8) >= ARGV[3] then
    current[#current + 1] = counts[at + 1]
  else
    redis.call('HDEL', KEYS[1], counts[at])
  end
end
return current
