-- Saves a call with what its client is to be told, if nobody was quicker, with its due entries, and tells whom it concerns.
-- KEYS: record, due calls of its shard, due events of its shard.
-- ARGV: stamp that was loaded ('': none), record (it begins with its stamp in 12 bytes), life of the record in
--       milliseconds ('': as before), when the call is due ('': never; '-': as before), when its event is ('': never), id,
--       channel of those who follow the call, channel of the other instance that saved it last (''), life of the shard.
-- Answers nothing, or the record that stands there instead ('': none).
local stored = redis.call('GET', KEYS[1])
if stored == ARGV[2] then
  return false
end
if (stored and string.sub(stored, 1, 12) or '') ~= ARGV[1] then
  return stored or ''
end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
local function plan(key, at)
  if at ~= '' and redis.call('ZADD', key, at, ARGV[6]) == 1 then
    redis.call('PEXPIRE', key, ARGV[9])
  end
end
if ARGV[4] ~= '-' then
  if ARGV[4] == '' then redis.call('ZREM', KEYS[2], ARGV[6]) else plan(KEYS[2], ARGV[4]) end
end
if ARGV[5] ~= '' then
  plan(KEYS[3], ARGV[5])
elseif stored then
  redis.call('ZREM', KEYS[3], ARGV[6])
end
local stamp = string.sub(ARGV[2], 1, 12)
redis.call('PUBLISH', ARGV[7], stamp)
if ARGV[8] ~= '' then redis.call('PUBLISH', ARGV[8], ARGV[6] .. stamp) end
return false
