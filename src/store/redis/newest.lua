-- The newest calls of an owner: ids sort by their time of creation.
-- KEYS: calls of the owner in some shards. ARGV: older than which id ('': all), the most that are wanted.
-- Answers ids, at most so many of each shard.
local from, all = ARGV[1] == '' and '+' or '(' .. ARGV[1], {}
for _, key in ipairs(KEYS) do
  for _, id in ipairs(redis.call('ZRANGE', key, from, '-', 'BYLEX', 'REV', 'LIMIT', 0, ARGV[2])) do
    all[#all + 1] = id
  end
end
return all
