# Debian packages in a folder, for the scripts beside this one. Nothing is installed, and root is not needed: apt works
# with the machine's own sources, but with a private state.

# What the machine cannot have here is no failure of the project: those who call tell it by this exit code.
unavailable() {
    echo "$*" >&2
    exit 75
}

# first FOLDER... TEST...: the first file that find finds, if any; folders need not exist.
first() {
    find "$@" -print -quit 2>/dev/null || true
}

# unpack FOLDER STATUS PACKAGE... [-- OPTION...]: fetch packages with all that they need beyond those that the file
# STATUS says are installed, and unpack them into FOLDER/root. Options go to apt.
unpack() {
    local folder=$1 status=$2 packages=() state
    shift 2
    while (($#)) && [[ $1 != -- ]]; do packages+=("$1"); shift; done
    (($#)) && shift
    state=$(mktemp -d "$folder/apt.XXXX")
    mkdir -p "$state/lists/partial" "$state/archives/partial" "$folder/root"
    local apt=(
        apt-get -qq -y --no-install-recommends -o Dir::State="$state" -o Dir::State::status="$status"
        -o Dir::Cache="$state" -o APT::Sandbox::User= -o Debug::NoLocking=true -o APT::Get::Download-Only=true "$@"
    )
    "${apt[@]}" update >&2 || true # a source that lacks this architecture does no harm if the others have it
    "${apt[@]}" install "${packages[@]}" >&2 || return 1
    for package in "$state"/archives/*.deb; do
        [[ -e $package ]] || continue # all of them are installed
        dpkg -x "$package" "$folder/root" || return 1
    done
    rm -rf "$state"
}
