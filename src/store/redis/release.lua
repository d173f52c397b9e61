-- Gives a number back.
-- Keys: open calls, live call, starts. Then: call (id and digest), id, whether it is not open any more, when a start was
-- counted that does not count ('': it counts).
-- Answers how many other calls to the number are open.
local function release_number(open, live, starts, call, id, gone, uncounted)
  if string.sub(redis.call('GET', live) or '', 1, 16) == id then
    redis.call('DEL', live)
  end
  if gone == '1' then
    redis.call('ZREM', open, call)
  end
  if uncounted ~= '' then
    local newest = redis.call('ZRANGE', starts, uncounted, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)
    if newest[1] then redis.call('ZREM', starts, newest[1]) end
  end
  local others = redis.call('ZCARD', open)
  if others > 0 and redis.call('ZSCORE', open, call) then others = others - 1 end
  return others
end

