#!/bin/sh
# Packs a binary as a Debian package: deb.sh BINARY LICENCES OUT
. scripts/dist/common.sh

BINARY=$1
LICENCES=$2
OUT=$3
DEBIAN=packaging/debian

root=$STAGE/root
architecture=$(dpkg --print-architecture)

# The newest C library symbol version of the binary; a static one has none.
depends() {
    glibc=$(objdump -T "$BINARY" 2>/dev/null | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
    printf 'passwd%s' "${glibc:+, libc6 (>= ${glibc#GLIBC_}), libgcc-s1}"
}

unit_directory=$root/usr/lib/systemd/system
documents=$root/usr/share/doc/$NAME
install -D -m 755 "$BINARY" "$root/usr/bin/$NAME"
install -D -m 644 "$DEBIAN/traffic-forwarder.conf" "$root/etc/traffic-forwarder.conf"
install -D -m 644 examples/logrotate/traffic-forwarder "$root/etc/logrotate.d/$NAME"
install -D -m 644 "$DEBIAN/copyright" "$documents/copyright"
install -D -m 644 "$LICENCES" "$documents/THIRD-PARTY-LICENCES"
manuals "$BINARY" "$root/usr/share/man"
completions "$BINARY" "$root/usr/share/bash-completion/completions/$NAME" \
    "$root/usr/share/zsh/vendor-completions/_$NAME" \
    "$root/usr/share/fish/vendor_completions.d/$NAME.fish"
cp -R examples "$documents"
gzip -n -9 "$root"/usr/share/man/man*/*
gzip -n -9 -c CHANGELOG.md >"$documents/changelog.gz"

# The units of `examples/systemd`, with a package's paths. The second one, a drop-in, adapts the first
# to systemd before 254; newer versions work with it, too.
for unit in "traffic-forwarder.service $NAME.service" "old-systemd.conf $NAME.service.d/10-older.conf"; do
    to=$unit_directory/${unit#* }
    mkdir -p "$(dirname "$to")"
    sed -e '/^# \/etc\/systemd/d' -e 's|/usr/local/bin/|/usr/bin/|' "examples/systemd/${unit% *}" >"$to"
done

mkdir "$root/DEBIAN"
printf '%s\n' /etc/traffic-forwarder.conf "/etc/logrotate.d/$NAME" >"$root/DEBIAN/conffiles"
# In KiB, files only: the size of directories depends on the file system.
size=$(find "$root" -type f -printf '%s\n' | awk '{ sum += $1 } END { print int(sum / 1024) + 1 }')
sed -e "s|@VERSION@|$VERSION|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@SIZE@|$size|" \
    -e "s|@DEPENDS@|$(depends)|" "$DEBIAN/control.in" >"$root/DEBIAN/control"
install -m 755 "$DEBIAN/postinst" "$DEBIAN/prerm" "$DEBIAN/postrm" "$root/DEBIAN"
chmod -R u=rwX,go=rX "$root"
(cd "$root" && find etc usr -type f | sort | xargs md5sum) >"$STAGE/md5sums"
mv "$STAGE/md5sums" "$root/DEBIAN"
# dpkg-deb sets all modification times to SOURCE_DATE_EPOCH.
dpkg-deb --root-owner-group -Zxz --build "$root" "$OUT/${NAME}_${VERSION}_$architecture.deb" >/dev/null
