#!/usr/bin/env bash
# Makes a Debian package from a binary that is built: packaging/deb.sh BINARY OUTPUT_DIRECTORY.
# Prints the package's path. Nothing is downloaded. HEREBY_MAINTAINER="Name <mail>" says who builds it
# for others, HEREBY_DEB_LEVEL how hard to compress (0 to 9).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

(($# == 2)) || fail "usage: packaging/deb.sh BINARY OUTPUT_DIRECTORY"
binary=$1
[[ -x $binary ]] || fail "$binary is not there: cargo build --release --locked -p hereby"
for program in dpkg-deb dpkg readelf strip gzip md5sum; do
    command -v "$program" >/dev/null || fail "$program is missing: apt-get install dpkg binutils gzip"
done
mkdir -p "$2"
out=$(cd "$2" && pwd)

version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
said=$("$binary" --version)
[[ $said == "hereby $version"* ]] || fail "$binary is \`$said\`, and this tree is $version: build it again"
arch=$(dpkg --print-architecture)
# The same tree gives the same package.
if [[ -z ${SOURCE_DATE_EPOCH:-} ]]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
fi
export SOURCE_DATE_EPOCH

tree=$(mktemp -d "$out/deb.XXXXXX")
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
umask 022

put() { install -D -m "$1" "$2" "$tree/$3"; }
squeeze() { gzip -9n "$@"; }

put 755 "$binary" usr/bin/hereby
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$tree/usr/bin/hereby"
for unit in packaging/*.service; do
    put 644 "$unit" "lib/systemd/system/${unit##*/}"
done
put 644 packaging/debian/sysusers.conf usr/lib/sysusers.d/hereby.conf
put 644 packaging/debian/tmpfiles.conf usr/lib/tmpfiles.d/hereby.conf
put 644 packaging/hereby.toml etc/hereby/hereby.toml
put 644 docs/reference/hereby.toml usr/share/doc/hereby/examples/hereby.toml
put 644 packaging/debian/copyright usr/share/doc/hereby/copyright

mkdir -p "$tree/usr/share/man/man1"
"$binary" man "$tree/usr/share/man/man1" --quiet
chmod 644 "$tree"/usr/share/man/man1/*
squeeze "$tree"/usr/share/man/man1/*.1
complete() {
    mkdir -p "$tree/${2%/*}"
    "$binary" completions "$1" >"$tree/$2"
}
complete bash usr/share/bash-completion/completions/hereby
complete zsh usr/share/zsh/vendor-completions/_hereby
complete fish usr/share/fish/vendor_completions.d/hereby.fish

# Who builds it for others says who they are.
maintainer=${HEREBY_MAINTAINER:-hereby <hereby@localhost>}
when=$(date -R -u -d "@$SOURCE_DATE_EPOCH")
cat >"$tree/usr/share/doc/hereby/changelog" <<CHANGES
hereby ($version) stable; urgency=medium

  * Release $version.

 -- $maintainer  $when
CHANGES
squeeze "$tree/usr/share/doc/hereby/changelog"

# What the binary needs of the system: the newest symbols of the C library, and nothing unknown.
depends=()
for library in $(readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case $library in
        libc.so.6 | libm.so.6 | ld-linux*)
            libc=$(readelf -V "$binary" | grep -o 'GLIBC_2\.[0-9.]*' | sort -Vu | tail -n 1)
            depends+=("libc6 (>= ${libc#GLIBC_})")
            ;;
        libgcc_s.so.1) depends+=("libgcc-s1") ;;
        *) fail "$binary needs $library, and no package is known for that" ;;
    esac
done
depends=$(printf '%s\n' "${depends[@]}" | sort -u | paste -sd, | sed 's/,/, /g')

mkdir "$tree/DEBIAN"
size=$(du -sk --exclude=DEBIAN "$tree" | cut -f 1)
cat >"$tree/DEBIAN/control" <<CONTROL
Package: hereby
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $size
Depends: $depends
Recommends: systemd
Section: admin
Priority: optional
Description: declare incidents, run them, keep evidence that stays trustworthy
 hereby is the system a team runs its worst day on. Anyone declares an incident
 and it is run with clear roles; alerts become incidents by rule; and everything
 that was done stands, signed, on an append-only record that anyone can verify
 offline.
 .
 One binary with embedded storage, no other server needed.
CONTROL
echo /etc/hereby/hereby.toml >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "packaging/debian/$script" "$tree/DEBIAN/$script"
done
(cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums)
chmod 644 "$tree"/DEBIAN/{control,conffiles,md5sums}

deb=$out/hereby_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz "-z${HEREBY_DEB_LEVEL:-6}" --build "$tree" "$deb" >/dev/null
echo "$deb"
