#!/usr/bin/env bash
# base-images.sh NODE_VERSION: makes debian:bookworm-slim and node:24-bookworm-slim from the packages of Debian and npm, for
# machines that reach no image registry. An image that is there, and was not made by this script, is left alone.
# Package sources, registry and extra certificate authorities are those that this machine is set up with. Needs root.
set -euo pipefail
cd "$(dirname "$0")"

node_version=$1
npm_version=11.19.1
label=org.millrace.stand-in
recipe=$(cat base-images.sh docker-entrypoint.sh Dockerfile.node | sha256sum | cut -c1-12)-$node_version
# An exported TMPDIR would be looked up inside the new root file system.
unset TMPDIR
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

# Whether an image is there and is either a real one or made by this very recipe.
is_good() {
  local made
  made=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null) || return 1
  [[ -z $made || $made == "$recipe" ]]
}

run_quietly() {
  "$@" >"$work/log" 2>&1 || {
    tail -n 30 "$work/log" >&2
    echo "failed: $1" >&2
    exit 1
  }
}

make_debian() {
  local tag=debian:bookworm-slim certificates=/usr/local/share/ca-certificates file
  if is_good "$tag"; then return; fi
  echo "making $tag from Debian packages" >&2
  if ! command -v mmdebstrap >/dev/null; then
    run_quietly apt-get update -qq
    DEBIAN_FRONTEND=noninteractive run_quietly apt-get install -y -qq --no-install-recommends mmdebstrap
  fi
  local options=(--mode=root --quiet --variant=minbase --dpkgopt=force-unsafe-io)
  # Without usr-is-merged the minimal system would pull in Perl.
  options+=(--include=ca-certificates,usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr)
  for file in doc info man groff lintian linda locale; do options+=(--dpkgopt="path-exclude=/usr/share/$file/*"); done
  options+=(--dpkgopt='path-include=/usr/share/doc/*/copyright')
  # Where a proxy ends TLS before the registries, its authority has to be known in containers as well.
  options+=(--customize-hook="if ls $certificates/*.crt >/dev/null 2>&1; then
    cp $certificates/*.crt \"\$1$certificates/\"; chroot \"\$1\" update-ca-certificates >/dev/null; fi")
  local sources=()
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    if [[ -s $file ]]; then sources+=("$file"); fi
  done
  run_quietly mmdebstrap "${options[@]}" bookworm "$work/root.tar" "${sources[@]}"
  run_quietly docker import -c 'CMD ["bash"]' -c "LABEL $label=$recipe" \
    -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$work/root.tar" "$tag"
  rm "$work/root.tar"
}

make_node() {
  local tag=node:24-bookworm-slim architecture context=$work/node
  if is_good "$tag"; then return; fi
  make_debian
  echo "making $tag from npm packages" >&2
  case $(uname -m) in
    x86_64) architecture=x64 ;;
    aarch64) architecture=arm64 ;;
    *) echo "no Node package for $(uname -m)" >&2 && exit 1 ;;
  esac
  mkdir -p "$context"/root/usr/local/{bin,etc,lib/node_modules/npm}
  # npm checks both archives against the registry's digests.
  (cd "$work" && run_quietly npm pack --silent "node-linux-$architecture@$node_version" "npm@$npm_version")
  local root=$context/root/usr/local
  tar -xzf "$work/node-linux-$architecture-$node_version.tgz" --strip-components=2 -C "$root/bin" package/bin/node
  tar -xzf "$work/npm-$npm_version.tgz" --strip-components=1 -C "$root/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/bin/npx"
  ln -s node "$root/bin/nodejs"
  cp docker-entrypoint.sh "$root/bin/"
  chmod 755 "$root/bin/node" "$root/bin/docker-entrypoint.sh"
  printf 'registry=%s\nupdate-notifier=false\nfund=false\naudit=false\n' "$(npm config get registry)" >"$root/etc/npmrc"
  cp Dockerfile.node "$context/Dockerfile"
  run_quietly docker build --build-arg "NODE_VERSION=$node_version" --label "$label=$recipe" -t "$tag" "$context"
}

make_node
