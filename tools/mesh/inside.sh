#!/bin/sh
# Runs a command in a view of this machine that is its own: loopback alone for a network, and a root folder that is the
# machine's but for what the control planes write in, or look for, at fixed paths. For namespaces that end with the command.
set -eu
ip link set lo up

# A mount is seen in this namespace only.
root=/mnt
mount -t tmpfs toolgate-mesh "$root"
for entry in /*; do
  name=${entry#/}
  if [ -L "$entry" ]; then
    cp -P "$entry" "$root/$name"
  elif [ -d "$entry" ] && [ "$entry" != "$root" ]; then
    mkdir "$root/$name"
    mount --rbind "$entry" "$root/$name"
  fi
done
# Certificates of Envoy Gateway and its proxy; Istio's agent keeps modules in /var/lib/istio.
mkdir "$root/certs" "$root/sds"
mount -t tmpfs toolgate-mesh "$root/var/lib"
mkdir -p "$root/var/lib/istio/data"
# The files of the test's processes, unless somebody wants to read them afterwards.
if [ -z "${TOOLGATE_KEEP_LOGS:-}" ]; then
  processes=${CARGO_TARGET_DIR:-$PWD/target}/tmp/processes
  mkdir -p "$processes"
  mount -t tmpfs toolgate-mesh "$root$processes"
fi
# The test has its own names and trusts its own authority.
mount -t tmpfs toolgate-mesh "$root/etc/ssl/certs"
touch "$root/var/lib/hosts"
mount --bind "$root/var/lib/hosts" "$root/etc/hosts"
exec chroot "$root" env --chdir="$PWD" "$@"
