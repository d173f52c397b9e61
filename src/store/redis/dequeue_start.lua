-- Takes a start for the first call of the queue.
-- KEYS: state of the start rate, queue, last round of each API key. ARGV: now, start interval in milliseconds.
-- Answers: {id ('': no start is free, or no call waits), when the next start is free, how many wait}.
local rate, queue, rounds = unpack(KEYS)
local now, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local free = next_start(rate, now, interval)
local id = ''
if free <= now then
  local first = redis.call('ZPOPMIN', queue)
  if first[1] then
    id, free = first[1], now + interval
    redis.call('HSET', rate, 'next', string.format('%.3f', free), 'round', math.floor(tonumber(first[2])) - 1)
  end
end
local waiting = redis.call('ZCARD', queue)
if waiting == 0 then
  redis.call('DEL', rounds)
  redis.call('HDEL', rate, 'round')
end
return { id, string.format('%.0f', math.ceil(free)), waiting }
