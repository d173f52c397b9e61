-- Whose events are due, at most so many.
-- KEYS: due events of some shards. ARGV: until when, the most that are wanted.
-- Answers the ids of their calls.
local all, left = {}, tonumber(ARGV[2])
for _, key in ipairs(KEYS) do
  if left <= 0 then break end
  local ids = redis.call('ZRANGE', key, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, left)
  for _, id in ipairs(ids) do
    all[#all + 1] = id
  end
  left = left - #ids
end
return all
