#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make_iso.sh KERNEL MODULE ISO: a CD image whose GRUB boots a Multiboot2 kernel with one module, on BIOS and UEFI.
#
# Equal inputs and an equal GRUB give equal bytes: every time, serial number and identifier in it is fixed. Needs
# grub-mkimage with the modules of i386-pc and x86_64-efi, mtools and xorriso. MODULE must have a name of its own.
set -eu
kernel=$1 module=$2 iso=$3
modules=${GRUB_MODULES:-/usr/lib/grub}
SOURCE_DATE_EPOCH=1767225600 TZ=UTC LC_ALL=C  # 2026-01-01
export SOURCE_DATE_EPOCH TZ LC_ALL
for platform in i386-pc x86_64-efi; do
  [ -d "$modules/$platform" ] || { echo "GRUB's modules for $platform are not in $modules" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree/boot/grub"
cp "$kernel" "$tree/boot/capos.elf"
cp "$module" "$tree/boot/$(basename "$module")"

# The medium is found by its kernel; then everything is said: no file of configuration, no menu.
cat >"$work/grub.cfg" <<END
search --no-floppy --set=root --file /boot/capos.elf
multiboot2 /boot/capos.elf
module2 /boot/$(basename "$module")
boot
END
grub-mkimage -d "$modules/i386-pc" -O i386-pc-eltorito -p /boot/grub -c "$work/grub.cfg" -o "$tree/boot/grub/bios.img" \
  biosdisk iso9660 search search_fs_file multiboot2 boot
grub-mkimage -d "$modules/x86_64-efi" -O x86_64-efi -p /boot/grub -c "$work/grub.cfg" -o "$work/BOOTX64.EFI" \
  part_gpt part_msdos fat iso9660 search search_fs_file multiboot2 boot

# UEFI starts EFI/BOOT/BOOTX64.EFI of a FAT file system, which lies in the CD as a file.
touch -d "@$SOURCE_DATE_EPOCH" "$work/BOOTX64.EFI"
mformat -C -f 2880 -N 0ca90500 -i "$tree/boot/grub/efi.img" ::
mmd -i "$tree/boot/grub/efi.img" ::/EFI ::/EFI/BOOT
mcopy -m -i "$tree/boot/grub/efi.img" "$work/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI

find "$tree" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
rm -f "$iso"
xorriso -as mkisofs -quiet -V CAPOS -R --modification-date=2026010100000000 -uid 0 -gid 0 \
  -b boot/grub/bios.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info \
  -eltorito-alt-boot -e boot/grub/efi.img -no-emul-boot -o "$iso" "$tree"
