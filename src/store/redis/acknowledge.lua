-- Notes that a client is told of a call once more: it is not revoked, although its create may have been answered with an
-- error. Returns 1, or 0 where it was revoked or is gone.
-- KEYS: record, the note. ARGV: what stands in the place of a revoked record, life of the note.
local record, told = unpack(KEYS)
local mark, life = unpack(ARGV)
local stored = redis.call('GET', record)
if not stored or stored == mark then
  return 0
end
redis.call('SET', told, '1', 'PX', life)
return 1
