#!/bin/sh
# foster on a real kernel with all controllers of cgroup v2: sh tests/vm/run.sh [path of a foster binary]
#
# Boots a virtual machine of a kernel, a busybox and foster, without a disk and without a network, and reads what its
# console says. Needs qemu-system-x86_64, cpio, a static busybox (Debian: qemu-system-x86 cpio busybox-static) and a
# kernel: one in /boot, $FOSTER_KERNEL, or, for root on Debian, the package of the cloud kernel, which is downloaded and
# not installed. Where it cannot work it says `skipped: …` and succeeds.
set -u
cd "$(dirname "$0")/../.." || exit 1

machine=''
work=$(mktemp -d "${TMPDIR:-/tmp}/foster-vm.XXXXXX") || exit 1
finish() {
    code=$?
    trap '' INT TERM
    [ -z "$machine" ] || kill "$machine" 2>/dev/null
    rm -rf "$work"
    exit $code
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

tests='virtual machine'
. tests/needs.sh
[ "$(uname -m)" = x86_64 ] || skip_all "only made for x86_64"
need qemu-system-x86_64 cpio

# --- The kernel ---

find_kernel() {
    for kernel in "${FOSTER_KERNEL:-/none}" /boot/vmlinuz-*; do
        [ ! -r "$kernel" ] || return 0
    done
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    # Root's own downloads are done by another user, who has to reach the directory.
    mkdir "$work/kernel" && chmod 755 "$work" && chmod 777 "$work/kernel"
    (cd "$work/kernel" && timeout 120 apt-get download -qq "${package:-linux-image-cloud-amd64}" >/dev/null 2>&1) || return 1
    dpkg-deb --fsys-tarfile "$work"/kernel/*.deb | tar -x -C "$work/kernel" --wildcards './boot/vmlinuz-*' || return 1
    kernel=$(echo "$work"/kernel/boot/vmlinuz-*)
    [ -r "$kernel" ]
}
find_kernel || skip_all "no kernel in /boot, and none to be downloaded"

# --- The binary ---

foster=${1:-${FOSTER_BIN:-}}
find_foster

# --- The machine ---

root=$work/root
mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/run" "$root/box" "$root/last"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $(busybox --list); do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
cp "$foster" "$root/bin/foster"
# One that is not static takes its libraries along.
for library in $(LC_ALL=C ldd "$foster" 2>/dev/null | grep -o '/[^ )]*'); do
    mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"
done
cp tests/vm/init "$root/init" && chmod 755 "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd.gz"

# It emulates: what a machine offers of virtualisation inside of another is not to be relied on.
timeout -k 5 "${FOSTER_VM_TIMEOUT:-180}" qemu-system-x86_64 -accel tcg -m 768 -nographic -no-reboot -nic none \
    -kernel "$kernel" -initrd "$work/initrd.gz" -append "console=ttyS0 loglevel=1 panic=-1 no_timer_check" </dev/null >"$work/console" 2>&1 &
machine=$!
wait "$machine"
machine=''
tr -d '\r' <"$work/console" >"$work/lines"

grep -E '^(ok     |FAILED |        )' "$work/lines"
passed=$(grep -c '^ok     ' "$work/lines") failed=$(grep -c '^FAILED ' "$work/lines")
claims=$(sed -n 's/^all claims: //p' "$work/lines")
if [ "$claims" != $((passed + failed)) ]; then
    echo "FAILED  the machine tries all claims to its end; its last lines:"
    tail -n 30 "$work/lines" | sed 's/^/        /'
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
