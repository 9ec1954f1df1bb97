#!/bin/sh
# Starts a throw-away Postgres for tests, where none is running for this state folder, and prints its URL.
#
#   tests/postgres.sh STATE_FOLDER
#
# The caller holds a shared lock (flock) on STATE_FOLDER/users as long as it needs the server, and calls this while it
# holds STATE_FOLDER/starting alone. Once nobody was seen to hold `users` for a minute, the server stops and its files are
# removed: tests without Postgres run in between, and making a server takes seconds.
# Durable as in earnest (fsync on), reachable by a socket only.
set -eu

state=$1
if [ -s "$state/url" ] && [ -S "$(cat "$state/home")/.s.PGSQL.5432" ]; then
    cat "$state/url"
    exit 0
fi

bin=${WAYPOST_TEST_POSTGRES_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ]; then
    echo "Postgres is not installed here. Install Debian's package postgresql, or set WAYPOST_TEST_POSTGRES to the URL" \
         "of a server on which databases may be made." >&2
    exit 1
fi

home=$(mktemp -d "${TMPDIR:-/tmp}/waypost-postgres.XXXXXX")
# Postgres does not run as root.
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then
    chown postgres "$home"
    chmod 755 "$home"
    as_owner() { runuser -u postgres -- "$@"; }
fi
cd "$home"
if ! as_owner "$bin/initdb" --pgdata="$home/data" --username=waypost --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
        --no-instructions >"$home/initdb.log" 2>&1; then
    cat "$home/initdb.log" >&2
    exit 1
fi
if ! as_owner "$bin/pg_ctl" --pgdata="$home/data" --log="$home/data/server.log" --wait --timeout=60 \
        --options="-c listen_addresses='' -c unix_socket_directories='$home' -c max_connections=200" \
        start >"$home/start.log" 2>&1; then
    cat "$home/start.log" "$home/data/server.log" >&2
    exit 1
fi
echo "$home" >"$state/home"
echo "postgres://waypost@localhost/postgres?host=$home" >"$state/url"

# The one that cleans up: it goes on by itself, and holds nothing that the caller would wait for.
stop="exec 9>'$state/users'
      idle=0
      while sleep 3; do
          flock --nonblock --exclusive 9 || { idle=0; continue; }
          idle=\$((idle + 1))
          [ \$idle -ge 20 ] || { flock --unlock 9; continue; }
          rm -f '$state/url' '$state/home'
          if [ \"\$(id -u)\" = 0 ]; then
              runuser -u postgres -- '$bin/pg_ctl' --pgdata='$home/data' --mode=immediate stop
          else
              '$bin/pg_ctl' --pgdata='$home/data' --mode=immediate stop
          fi
          rm -rf '$home'
          exit 0
      done"
cd /
setsid sh -c "$stop" </dev/null >/dev/null 2>&1 &
cat "$state/url"
