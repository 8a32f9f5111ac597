#!/usr/bin/env bash
# An ARM computer in a folder: Debian's arm64 Python, the aarch64 wheels that a device installs, and an emulator.
#
#     tests/emulated/arm64.sh FOLDER
#
# Afterwards FOLDER/python is that computer's Python. Exit code 75: the packages cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/packages.sh"
constraints=$here/../../constraints.txt
mkdir -p "$1"
folder=$(cd "$1" && pwd)

made_from=$(cat "$0" "$here/packages.sh" "$constraints" | sha256sum)
[[ -e $folder/ready && $(<"$folder/ready") == "$made_from" ]] && exit 0
rm -rf "${folder:?}"/*

for tool in apt-get dpkg; do
    command -v "$tool" >/dev/null || unavailable "there is no $tool here"
done

emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
if [[ -z $emulator ]]; then
    mkdir "$folder/host"
    unpack "$folder/host" /var/lib/dpkg/status qemu-user-static || unavailable "apt cannot fetch qemu-user-static"
    emulator=$folder/emulator # one of many, and they are large
    cp -L "$(first "$folder/host/root/usr/bin" -name 'qemu-aarch64*' ! -name '*_be*')" "$emulator"
    rm -r "$folder/host"
fi

touch "$folder/nothing-installed"
unpack "$folder" "$folder/nothing-installed" python3-minimal libpython3-stdlib libstdc++6 -- \
    -o APT::Architecture=arm64 -o APT::Architectures=arm64 || unavailable "apt cannot fetch arm64 packages"
python=$(first "$folder/root/usr/bin" -name 'python3.[0-9]*')
version=${python##*/python}

"${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --target "$folder/site" -c "$constraints" \
    --only-binary=:all: --implementation cp --python-version "$version" --platform manylinux_2_28_aarch64 \
    --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 numpy click onnxruntime >&2 ||
    unavailable "pip cannot fetch the aarch64 wheels"

# onnxruntime asks which cores there are, and would be told of the host's: two Cortex-A72, as in a Raspberry Pi 4.
mkdir -p "$folder/root/proc"
for core in 0 1; do
    printf '%s\n' "processor : $core" 'Features : fp asimd evtstrm crc32 cpuid' 'CPU implementer : 0x41' \
        'CPU architecture : 8' 'CPU variant : 0x0' 'CPU part : 0xd08' 'CPU revision : 3' ''
done >"$folder/root/proc/cpuinfo"

cat >"$folder/python" <<SCRIPT
#!/bin/sh
PYTHONPATH="$folder/site\${PYTHONPATH:+:\$PYTHONPATH}" exec "$emulator" -cpu cortex-a72 -L "$folder/root" \\
    "$python" "\$@"
SCRIPT
chmod +x "$folder/python"
echo "$made_from" >"$folder/ready"
