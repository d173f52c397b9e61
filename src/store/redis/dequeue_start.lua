-- Takes a start for the first call of the queue.
-- KEYS: state of the start rate, queue, last round of each API key. ARGV: now, start interval in milliseconds.
-- Answers: {id ('': no start is free, or no call waits), when the next start is free, how many wait}.
local now = tonumber(ARGV[1])
local free = next_start(KEYS[1], now, tonumber(ARGV[2]))
local id = ''
if free <= now then
  local first = redis.call('ZPOPMIN', KEYS[2])
  if first[1] then
    id, free = first[1], now + tonumber(ARGV[2])
    redis.call('HSET', KEYS[1], 'next', string.format('%.3f', free), 'round', math.floor(tonumber(first[2])) - 1)
  end
end
local waiting = redis.call('ZCARD', KEYS[2])
if waiting == 0 then
  redis.call('DEL', KEYS[3])
  redis.call('HDEL', KEYS[1], 'round')
end
return { id, string.format('%.0f', math.ceil(free)), waiting }
