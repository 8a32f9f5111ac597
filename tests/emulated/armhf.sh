#!/usr/bin/env bash
# A 32-bit ARM computer in a folder: Debian trixie's Python, numpy and onnxruntime for armhf, and an emulator. There are
# no wheels of onnxruntime for it, so Debian's own package is what a device installs.
#
#     tests/emulated/armhf.sh FOLDER
#
# Afterwards FOLDER/python is that computer's Python. Exit code 75: the packages cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/packages.sh"
mkdir -p "$1"
folder=$(cd "$1" && pwd)

made_from=$(cat "$0" "$here/packages.sh" | sha256sum)
[[ -e $folder/ready && $(<"$folder/ready") == "$made_from" ]] && exit 0
rm -rf "${folder:?}"/*

for tool in apt-get dpkg; do
    command -v "$tool" >/dev/null || unavailable "there is no $tool here"
done

emulator=$(command -v qemu-arm-static || command -v qemu-arm || true)
if [[ -z $emulator ]]; then
    mkdir "$folder/host"
    unpack "$folder/host" /var/lib/dpkg/status qemu-user-static || unavailable "apt cannot fetch qemu-user-static"
    emulator=$folder/emulator # one of many, and they are large
    cp -L "$(first "$folder/host/root/usr/bin" -name 'qemu-arm' -o -name 'qemu-arm-static')" "$emulator"
    rm -r "$folder/host"
fi

keys=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in trixie stable; do # one of them may be in the middle of an update on the mirror
    echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main"
done >"$folder/debian.list"
touch "$folder/nothing-installed"
unpack "$folder" "$folder/nothing-installed" python3-minimal libpython3-stdlib python3-numpy python3-click \
    python3-onnxruntime -- -o APT::Architecture=armhf -o APT::Architectures=armhf \
    -o Dir::Etc::sourcelist="$folder/debian.list" -o Dir::Etc::sourceparts=/dev/null ||
    unavailable "apt cannot fetch armhf packages"
[[ -e $folder/root/lib ]] || ln -s usr/lib "$folder/root/lib" # what the package base-files would do
python=$(first "$folder/root/usr/bin" -name 'python3.[0-9]*')

cat >"$folder/python" <<SCRIPT
#!/bin/sh
PYTHONPATH="$folder/root/usr/lib/python3/dist-packages\${PYTHONPATH:+:\$PYTHONPATH}" \\
    LD_LIBRARY_PATH="$folder/root/usr/lib/arm-linux-gnueabihf/blas:$folder/root/usr/lib/arm-linux-gnueabihf/lapack" \\
    exec "$emulator" -cpu cortex-a15 -L "$folder/root" "$python" "\$@"
SCRIPT
chmod +x "$folder/python"
echo "$made_from" >"$folder/ready"
