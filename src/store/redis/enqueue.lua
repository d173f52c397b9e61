-- Adds a call to the queue of starts. API keys take turns: each call gets the round after the last one of its key.
-- KEYS: state of the start rate, queue, last round of each API key. ARGV: id, API key, life.
-- Answers when the next start is free.
local rate, queue, rounds = unpack(KEYS)
local id, owner, life = unpack(ARGV)
if not redis.call('ZSCORE', queue, id) then
  local round = next_round(rate, rounds, owner)
  local place = redis.call('HINCRBY', rate, 'place', 1) % 1000000
  redis.call('HSET', rounds, owner, round)
  redis.call('ZADD', queue, string.format('%.6f', round + place / 1000000), id)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, life) end
end
return redis.call('HGET', rate, 'next') or '0'
