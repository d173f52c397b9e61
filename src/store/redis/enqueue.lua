-- Adds a call to the queue of starts. API keys take turns: each call gets the round after the last one of its key.
-- KEYS: state of the start rate, queue, last round of each API key. ARGV: id, API key, life.
-- Answers when the next start is free.
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  local round = math.max(tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or '0'), tonumber(redis.call('HGET', KEYS[1], 'round') or '0')) + 1
  local place = redis.call('HINCRBY', KEYS[1], 'place', 1) % 1000000
  redis.call('HSET', KEYS[3], ARGV[2], round)
  redis.call('ZADD', KEYS[2], string.format('%.6f', round + place / 1000000), ARGV[1])
  for at = 1, 3 do redis.call('PEXPIRE', KEYS[at], ARGV[3]) end
end
return redis.call('HGET', KEYS[1], 'next') or '0'
