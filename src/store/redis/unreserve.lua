-- Forgets an idempotency key, if it still stands for this call. KEYS: the key. ARGV: the call's id.
if string.sub(redis.call('GET', KEYS[1]) or '', 1, 16) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
