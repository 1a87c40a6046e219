#!/usr/bin/env bash
# The units are as closed as they say, and hereby works in what they leave open: its system calls
# are within the filter, and its threads go first without a capability. Needs the built binary,
# systemd-analyze and strace; ./dev test sees to that.
set -euo pipefail
cd "$(dirname "$0")/.."

exposure_max=2.0
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
hereby=$target/debug/hereby
dir=$(mktemp -d "$target/packaging.XXXXXX")
server=
clean() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    [[ -z $server ]] || wait "$server" 2>/dev/null || true
    rm -rf "$dir"
}
trap clean EXIT

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# What a unit's filter allows, one call a line.
allowed() {
    local unit=$1 line group sign call
    sed -n 's/^SystemCallFilter=//p' "$unit" | while read -r line; do
        sign=+
        [[ $line != ~* ]] || sign=-
        for group in ${line#\~}; do
            members "$group" | sed "s/^/$sign/"
        done
    done >"$dir/filter"
    # In order, as systemd reads them: what is said last counts.
    awk '{ call = substr($0, 2) } /^\+/ { yes[call] = 1 } /^-/ { delete yes[call] }
        END { for (call in yes) print call }' "$dir/filter" | sort
}

# The calls of a group, and of the groups in it.
members() {
    local member
    if [[ $1 != @* ]]; then
        echo "$1"
        return
    fi
    systemd-analyze syscall-filter "$1" | sed -n 's/^ *\([@a-z][@a-z0-9_-]*\).*/\1/p' |
        sed 1d | while read -r member; do
        case $member in
            @*) members "$member" ;;
            *) echo "$member" ;;
        esac
    done
}

wait_for() {
    for _ in $(seq 400); do
        [[ -s $1 ]] && return
        sleep 0.05
    done
    cat "$dir/log" >&2
    fail "hereby did not start"
}

for unit in packaging/*.service; do
    # The program and the manual page are where the package puts them, not here.
    wrong=$(systemd-analyze verify "$unit" 2>&1 | grep -v 'is not executable\|man .* failed' || true)
    [[ -z $wrong ]] || fail "$wrong"
    said=$(systemd-analyze security --offline=true "$unit" | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p')
    [[ -n $said ]] || fail "systemd-analyze says nothing of $unit"
    awk -v said="$said" -v max="$exposure_max" 'BEGIN { exit !(said <= max) }' ||
        fail "$unit is exposed by $said, more than $exposure_max"
    echo "$unit: exposure $said (at most $exposure_max)"
done

# As the unit runs it: a user without capabilities, who may give threads a real-time policy of 2.
data=$dir/data
mkdir -m 700 "$data"
printf '[record]\norigin = "packaging.example/log"\nanchor = "%s/anchor/a"\nkeystore = "%s/keystore"\n' \
    "$dir" "$dir" >"$data/hereby.toml"
as_service=()
if [[ $(id -u) == 0 ]]; then
    mkdir "$dir/bin"
    cp "$hereby" "$dir/bin/hereby"
    hereby=$dir/bin/hereby
    chown -R 65534:65534 "$dir"
    as_service=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all
        --no-new-privs)
    ulimit -r 2 2>/dev/null || true
fi
umask 077
"${as_service[@]}" strace -f -qq -o "$dir/calls" "$hereby" serve --data-dir "$data" \
    --listen 127.0.0.1:0 2>"$dir/log" &
server=$!
wait_for "$data/http.address"
run() { "${as_service[@]}" "$hereby" "$@" --data-dir "$data" --quiet >/dev/null; }
run declare "a first incident" --severity 3
run declare "a private one" --severity 3 --private
run note INC-2 "sealed"
run note INC-1 "with a file" --file packaging/hereby.service
run backup "$dir/backup" --keys "$dir/keys"

# Priorities are ours to see: the policy is field 41 of stat(5), 2 is SCHED_RR.
pid=$(pgrep -P "$server" -x hereby || true)
[[ -n $pid ]] || fail "hereby does not run below strace"
policies=$(for task in /proc/"$pid"/task/*; do
    sed 's/.*) //' "$task/stat" | cut -d ' ' -f 39
done | sort | uniq -c | sort -rn)
if [[ $(ulimit -r) == 0 ]]; then
    echo "skipped: this user may not give threads a real-time policy (ulimit -r)"
else
    grep -q ' 2$' <<<"$policies" || fail "no thread goes first: $policies"
    echo "threads with a real-time policy: $(awk '$2 == 2 { print $1 }' <<<"$policies")"
fi
kill -TERM "$pid"
wait "$server" || fail "hereby did not stop cleanly"
server=

allowed packaging/hereby.service >"$dir/allowed"
[[ $(wc -l <"$dir/allowed") -gt 100 ]] || fail "the filter could not be read"
sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$dir/calls" | sort -u >"$dir/used"
# The program itself is started by the service manager, before the filter.
refused=$(comm -23 "$dir/used" "$dir/allowed" | grep -vx execve || true)
[[ -z $refused ]] || fail "hereby uses system calls that its unit forbids: $refused"
echo "system calls: $(wc -l <"$dir/used") used, all within the filter of $(wc -l <"$dir/allowed")"

# MemoryDenyWriteExecute=, ProtectSystem=strict, ProcSubset=pid.
wrong=$(grep -E 'PROT_WRITE\|PROT_EXEC|mprotect\(.*PROT_EXEC|pkey_mprotect' "$dir/calls" || true)
[[ -z $wrong ]] || fail "memory that is both written and run: $wrong"
wrong=$(grep -E 'openat\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC)' "$dir/calls" |
    grep -vE "\"($dir|/dev/null|/dev/pts|/dev/tty)" || true)
[[ -z $wrong ]] || fail "hereby writes where its unit lets it not: $wrong"
# The allocator looks whether memory may be promised beyond what there is, and takes no answer for a no.
wrong=$(grep -oE '"/proc/[^"]*"' "$dir/calls" |
    grep -vE '"/proc/((self|thread-self|[0-9]+)(/|")|sys/vm/overcommit_memory")' | sort -u || true)
[[ -z $wrong ]] || fail "hereby reads what its unit hides: $wrong"
