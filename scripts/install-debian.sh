#!/bin/sh
# Installs one Debian package, where that needs no password. Ends with status 1 where it can't.
# A server that the package would start by itself is kept from starting: we run our own, on a port
# of our choice, and the standard port may be in use.
set -eu
package=$1

if ! command -v apt-get >/dev/null 2>&1; then
    echo "there is no apt-get here to install $package with"
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "installing $package needs root, or sudo without a password"
    exit 1
fi

policy=/usr/sbin/policy-rc.d
ours=no
leave() {
    if [ "$ours" = yes ]; then
        $as_root rm -f "$policy"
    fi
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

$as_root apt-get update -q
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$package" </dev/null
