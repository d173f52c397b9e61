-- The calls whose events are due.
-- KEYS: due events of some shards. ARGV: until when, the most that are wanted.
-- Answers their ids.
local until_when, most = unpack(ARGV)
local all, left = {}, tonumber(most)
for _, key in ipairs(KEYS) do
  if left <= 0 then break end
  local ids = redis.call('ZRANGE', key, '-inf', until_when, 'BYSCORE', 'LIMIT', 0, left)
  for _, id in ipairs(ids) do
    all[#all + 1] = id
  end
  left = left - #ids
end
return all
