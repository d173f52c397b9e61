#!/usr/bin/env bash
# A Lua script whose first write needs no memory goes on to write in a Redis that is over its maxmemory.
#
# Seen on 2026-11-27 with Redis 7.0.15 (Debian's package): with `maxmemory 1` and `noeviction`, ZADD alone is refused with
# OOM, and so is a script that begins with ZADD. The same script with PEXPIRE before it, on a key that does not even
# exist, is not: once a script has sent any write command, the check is left out so that it is not cut off in the middle.
# Whoever takes "OOM command not allowed" for the moment at which a server stops growing is wrong where scripts begin
# with EXPIRE, DEL or ZREM; and a service whose scripts do so is told that the server is full by something else first.
#
# Exits 1 if the script with PEXPIRE is refused as well, or the one without it is not.
set -euo pipefail
folder=$(mktemp -d)
redis-server --port 0 --unixsocket "$folder/socket" --save "" --dir "$folder" --loglevel warning >"$folder/log" &
server=$!
trap 'kill "$server"; wait "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
ask() { redis-cli -s "$folder/socket" "$@"; }
for _ in $(seq 100); do
  if [ "$(ask PING 2>/dev/null)" = PONG ]; then break; fi
  sleep 0.1
done
ask CONFIG SET maxmemory 1 >/dev/null
plain=$(ask EVAL "return redis.call('ZADD', KEYS[1], 1, 'one')" 1 plain 2>&1)
first=$(ask EVAL "redis.call('PEXPIRE', KEYS[2], 1000) return redis.call('ZADD', KEYS[1], 1, 'one')" 2 first missing 2>&1)
echo "ZADD alone:            $plain"
echo "PEXPIRE, and then ZADD: $first"
[[ $plain == *OOM* && $first == 1 ]]
