#!/usr/bin/env bash
# reaper-image.sh TAG: makes the image that cleans up after container tests, for machines that reach no image registry.
# Does nothing when the image was made by this very recipe before.
set -euo pipefail
cd "$(dirname "$0")"

tag=$1
label=org.millrace.stand-in
base=$(docker image inspect --format '{{.Id}}' node:24-bookworm-slim)
recipe=$({ cat reaper-image.sh reaper/*; echo "$base"; } | sha256sum | cut -c1-12)
if [[ $(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$tag" 2>/dev/null) == "$recipe" ]]; then exit 0; fi

echo "making $tag" >&2
docker build --quiet --label "$label=$recipe" -t "$tag" reaper >/dev/null
