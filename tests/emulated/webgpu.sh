#!/usr/bin/env bash
# A graphics card in a folder: Mesa's Vulkan driver that computes on the CPU, and onnxruntime's WebGPU plug-in.
#
#     tests/emulated/webgpu.sh FOLDER
#
# Afterwards FOLDER/run COMMAND... runs a command that sees the card, and FOLDER/plugin.so is the plug-in. Exit code
# 75: the packages, or a namespace of one's own, cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/packages.sh"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
plugin=onnxruntime-ep-webgpu==0.4.0

made_from=$(cat "$0" "$here/packages.sh" | sha256sum)
[[ -e $folder/ready && $(<"$folder/ready") == "$made_from" ]] && exit 0
rm -rf "${folder:?}"/*

for tool in apt-get dpkg unshare; do
    command -v "$tool" >/dev/null || unavailable "there is no $tool here"
done
[[ -d /sys/bus/pci/devices ]] && unshare --user --map-root-user --mount true || unavailable "no namespace can be had here"

"${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --target "$folder/site" --no-deps "$plugin" >&2 ||
    unavailable "pip cannot fetch $plugin"
ln -s "$(first "$folder/site" -name '*onnxruntime_providers_webgpu.so')" "$folder/plugin.so"

# A driver of 2025 is needed. Where the machine's own release is older, its backports have one.
mkdir "$folder/sources"
apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    grep -E ' main$' | tee "$folder/sources/own.list" | grep -vE -- '-(security|updates|backports) main$' |
    sed -E 's/ main$/-backports main/' >"$folder/sources/backports.list"
codename=$(sed -n '1s/.* \(.*-backports\) main$/\1/p' "$folder/sources/backports.list")
private=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/sources")
unpack "$folder" /var/lib/dpkg/status mesa-vulkan-drivers libvulkan1 -- "${private[@]}" -t "$codename" ||
    unpack "$folder" /var/lib/dpkg/status mesa-vulkan-drivers libvulkan1 ||
    unavailable "apt cannot fetch a Vulkan driver"

description=$(first "$folder/root/usr/share" /usr/share/vulkan -name 'lvp_icd*.json')
[[ -n $description ]] || unavailable "there is no software Vulkan driver here"
sed -E 's#("library_path": ")[^"]*/#\1#' "$description" >"$folder/driver.json"
libraries=$(dirname "$(first "$folder/root/usr/lib" /usr/lib -name libvulkan_lvp.so)")

# onnxruntime looks for cards among the PCI devices: one is made up, for the processes of a namespace only.
card=$folder/pci/0000:00:02.0
mkdir -p "$card"
echo 0x030000 >"$card/class"  # displays
echo 0x1af4 >"$card/vendor"   # a virtual machine's
echo 0x1050 >"$card/device"
cat >"$folder/run" <<SCRIPT
#!/bin/sh
export VK_DRIVER_FILES="$folder/driver.json" VK_ICD_FILENAMES="$folder/driver.json"
export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
exec unshare --user --map-root-user --mount sh -c \\
    'mount --bind "\$0" /sys/bus/pci/devices && exec "\$@"' "$folder/pci" "\$@"
SCRIPT
chmod +x "$folder/run"
echo "$made_from" >"$folder/ready"
