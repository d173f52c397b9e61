-- Stores a record with its due entries.
-- Keys: record, due calls of its shard, due events of its shard. Then: record, life of the record in milliseconds ('': as
-- before), when the call is due ('': never; '-': as before), when its event is ('': never; '-': it has none), id, life of the
-- shard, whether there was another record.
local function put_record(key, due, events, record, life, due_at, event_at, id, shard_life, replaces)
  if life == '' then
    redis.call('SET', key, record, 'KEEPTTL')
  else
    redis.call('SET', key, record, 'PX', life)
  end
  local function plan(set, at)
    if at ~= '' and redis.call('ZADD', set, at, id) == 1 then
      redis.call('PEXPIRE', set, shard_life)
    end
  end
  if due_at == '' then
    redis.call('ZREM', due, id)
  elseif due_at ~= '-' then
    plan(due, due_at)
  end
  if event_at == '' then
    if replaces then redis.call('ZREM', events, id) end
  elseif event_at ~= '-' then
    plan(events, event_at)
  end
end

