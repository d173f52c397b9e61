-- Counts of all instances, each as it was when that instance was asked for its figures last.
-- KEYS: counts. ARGV: instance, its counts (they begin with the time, in 8 bytes), from when on counts are believed (the
--       same form), life.
-- Answers the counts that are believed.
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local believed, counts = {}, redis.call('HGETALL', KEYS[1])
for at = 1, #counts, 2 do
  if string.sub(counts[at + 1], 1, 8) >= ARGV[3] then
    believed[#believed + 1] = counts[at + 1]
  else
    redis.call('HDEL', KEYS[1], counts[at])
  end
end
return believed
