#!/usr/bin/env bash
# Builds the Debian package from the built binary, installs it into a directory of its own, runs what
# is in it, upgrades and removes it. Nothing on this machine is changed. lintian, if it is there,
# has its say.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
dir=$(mktemp -d "$target/deb.XXXXXX")
trap 'rm -rf "$dir"' EXIT

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

export HEREBY_DEB_LEVEL=0
deb=$(packaging/deb.sh "$target/debug/hereby" "$dir")
[[ $(packaging/deb.sh "$target/debug/hereby" "$dir/again") ]] &&
    cmp "$deb" "$dir/again/${deb##*/}" || fail "the same tree gave two packages"

# What is in it, and whose.
dpkg-deb -c "$deb" >"$dir/contents"
for path in ./usr/bin/hereby ./lib/systemd/system/hereby.service \
    ./lib/systemd/system/hereby-witness.service ./lib/systemd/system/hereby-status.service \
    ./lib/systemd/system/hereby-edge.service ./etc/hereby/hereby.toml \
    ./usr/lib/sysusers.d/hereby.conf ./usr/lib/tmpfiles.d/hereby.conf \
    ./usr/share/man/man1/hereby.1.gz ./usr/share/man/man1/hereby-backup.1.gz \
    ./usr/share/bash-completion/completions/hereby ./usr/share/zsh/vendor-completions/_hereby \
    ./usr/share/fish/vendor_completions.d/hereby.fish ./usr/share/doc/hereby/copyright \
    ./usr/share/doc/hereby/examples/hereby.toml; do
    grep -q " $path\$" "$dir/contents" || fail "$path is not in the package"
done
! grep -v ' root/root ' "$dir/contents" || fail "not everything is root's"
! grep -E '^.{5}w|^.{8}w|^...[sS]' "$dir/contents" || fail "others may write, or become root"
dpkg-deb -f "$deb" Depends | grep -q '^libc6 (>= 2\.' || fail "it does not say what it needs"

# It runs from where it was unpacked, and its settings are read.
dpkg-deb -x "$deb" "$dir/unpacked"
hereby=$dir/unpacked/usr/bin/hereby
"$hereby" --version
bash -n "$dir/unpacked/usr/share/bash-completion/completions/hereby"
man=$(gunzip -c "$dir/unpacked/usr/share/man/man1/hereby.1.gz")
[[ $man == *declare* ]] || fail "the manual page does not name its commands"
# No data directory is there: that is wrong with it, and nothing else.
said=$("$hereby" doctor --data-dir "$dir/none" --config "$dir/unpacked/etc/hereby/hereby.toml" || true)
[[ $said == *"the configuration can be read"* && $said == *"wrong   there is no"* ]] || fail "$said"
"$hereby" doctor --data-dir "$dir/none" --config docs/reference/hereby.toml >/dev/null && fail "nothing is wrong?"

# Installed into a directory, scripts and all.
root=$dir/root
mkdir -p "$root"/{etc,tmp,var/lib/dpkg/{updates,info}}
touch "$root/var/lib/dpkg/status" "$root/etc/passwd" "$root/etc/group"
as_root=()
[[ $(id -u) == 0 ]] || as_root=(fakeroot)
package() {
    "${as_root[@]}" env PATH="$PATH:/usr/sbin:/sbin" dpkg --root="$root" --force-not-root \
        --force-depends --force-script-chrootless --force-confdef --force-confold \
        --log="$dir/dpkg.log" "$@" >"$dir/said" 2>&1 || fail "$(cat "$dir/said")"
}
package -i "$deb"
grep -q 'set record.origin' "$dir/said" || fail "nobody is told what to do next: $(cat "$dir/said")"
grep -q '^hereby:' "$root/etc/passwd" || fail "there is no user hereby"
for directory in hereby hereby-anchor hereby-keystore; do
    [[ $(stat -c %a "$root/var/lib/$directory") == 700 ]] || fail "/var/lib/$directory is open to others"
done
[[ $(readlink "$root/var/lib/hereby/hereby.toml") == /etc/hereby/hereby.toml ]] || fail "no settings there"
package --verify hereby
[[ ! -s $dir/said ]] || fail "$(cat "$dir/said")"

# What a person has set survives an upgrade, and the record survives everything.
echo '# origin chosen' >>"$root/etc/hereby/hereby.toml"
touch "$root/var/lib/hereby/record"
package -i "$deb"
grep -q '# origin chosen' "$root/etc/hereby/hereby.toml" || fail "the upgrade took the settings back"
package --purge hereby
[[ -e $root/var/lib/hereby/record ]] || fail "the record went with the package"
[[ ! -e $root/usr/bin/hereby && ! -e $root/etc/hereby/hereby.toml ]] || fail "something stayed"

if command -v lintian >/dev/null; then
    # Who builds for others says who they are; hereby does without debhelper.
    lintian --profile debian --fail-on error,warning --allow-root \
        --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog,maintainer-script-calls-systemctl \
        "$deb"
    echo "lintian: nothing found"
else
    echo "skipped: lintian is not installed (apt-get install lintian)"
fi
