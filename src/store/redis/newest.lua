-- The newest calls of an owner: ids sort by their time of creation.
-- KEYS: calls of the owner in some shards. ARGV: the id that all are older than ('': none), the most that are wanted.
-- Answers ids: the most that are wanted, of each shard.
local before, most = unpack(ARGV)
local from, all = before == '' and '+' or '(' .. before, {}
for _, key in ipairs(KEYS) do
  for _, id in ipairs(redis.call('ZRANGE', key, from, '-', 'BYLEX', 'REV', 'LIMIT', 0, most)) do
    all[#all + 1] = id
  end
end
return all
