#!/usr/bin/env bash
# Boots a Debian that has the package installed in a virtual machine with the kernel's own virtual
# camera and sound card, and looks at the service there (service_check.py):
#
#   tests/devices/boot_service.sh ROOT
#
# ROOT is the folder of that Debian, with systemd, udev and Python; it is copied. Ends with 77,
# "skipped", where the machine cannot be had or this one is too busy to emulate it.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$1
folder=${DEIXIS_VM_FOLDER:-$PWD/build/vm}
PATH=$PATH:/usr/sbin

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kernel=$(scripts/virtual-kernel "$folder" "$work/initramfs" virtio_pci virtio_blk ext4 vivid snd-aloop)

# What looks at the service runs as a service itself, and turns the machine off.
cp tests/devices/service_check.py "$root/usr/local/bin/service-check"
cat > "$root/etc/systemd/system/service-check.service" <<'UNIT'
[Unit]
After=deixis.service
[Service]
Type=oneshot
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/usr/bin/python3 -B /usr/local/bin/service-check
ExecStopPost=/usr/bin/systemctl poweroff --force --force
UNIT
ln -sf ../service-check.service "$root/etc/systemd/system/multi-user.target.wants/"
truncate -s 1500M "$work/disk"
mke2fs -q -t ext4 -d "$root" "$work/disk"

cat > "$work/initramfs/init" <<'INIT'
#!/bin/sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
for module in $($b cat /modules.order); do
  case $module in
    */vivid.ko) $b insmod $module n_devs=1 node_types=0x1 ;;
    *) $b insmod $module ;;
  esac || echo "insmod $module failed"
done
$b mount -t ext4 /dev/vda /root
$b umount /proc
$b mount -o move /dev /root/dev
exec $b switch_root /root /lib/systemd/systemd
INIT
chmod +x "$work/initramfs/init"
(cd "$work/initramfs" && find . | cpio -o -H newc --quiet | gzip -1) > "$work/initrd"

# As in scripts/test-devices: the guest's time follows its instructions.
limit_s=${DEIXIS_VM_LIMIT_S:-600}
timeout "$limit_s" qemu-system-x86_64 -accel tcg -icount shift=0 -cpu max -m 1024 -nographic -no-reboot \
  -kernel "$kernel" -initrd "$work/initrd" -drive "file=$work/disk,format=raw,if=virtio" \
  -append "console=ttyS0 panic=-1 mitigations=off no_timer_check quiet \
    systemd.show_status=no systemd.mask=serial-getty@ttyS0.service" \
  </dev/null 2>&1 | stdbuf -oL tr -d '\r' | tee "$folder/boot.log" || status=${PIPESTATUS[0]}
if ((${status:-0} == 124)); then
  echo "skipped: no answer in $limit_s s: this machine is too busy to emulate another" >&2
  exit 77
fi
grep -q '^service-check: all well$' "$folder/boot.log"
