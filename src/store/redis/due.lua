-- Gives the calls that are due to one instance; if it does not save them, they are due again when its lease has lapsed.
-- KEYS: due calls of some shards. ARGV: until when, the most that are wanted, end of the lease.
-- Answers their ids.
local until_when, most, lease_end = unpack(ARGV)
local all, left = {}, tonumber(most)
for _, key in ipairs(KEYS) do
  if left <= 0 then break end
  local ids = redis.call('ZRANGE', key, '-inf', until_when, 'BYSCORE', 'LIMIT', 0, left)
  for _, id in ipairs(ids) do
    redis.call('ZADD', key, 'XX', lease_end, id)
    all[#all + 1] = id
  end
  left = left - #ids
end
return all
