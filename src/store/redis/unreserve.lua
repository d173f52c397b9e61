-- Forgets an idempotency key, if it still stands for this call. KEYS: the key. ARGV: the call's id.
local key, id = KEYS[1], ARGV[1]
if string.sub(redis.call('GET', key) or '', 1, 16) == id then
  redis.call('DEL', key)
end
return 1
