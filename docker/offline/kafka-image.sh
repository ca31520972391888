#!/usr/bin/env bash
# kafka-image.sh TAG JARS: makes an image of Apache Kafka from the jars in a folder, on debian:bookworm-slim with Debian's Java,
# for machines that reach no image registry. It takes the settings that the official image takes: KAFKA_X_Y stands for x.y.
# Does nothing when the image was made by this very recipe before.
set -euo pipefail
cd "$(dirname "$0")"

tag=$1
jars=$2
label=org.millrace.stand-in
base=$(docker image inspect --format '{{.Id}}' debian:bookworm-slim)
recipe=$({ cat kafka-image.sh kafka/*; echo "$base"; ls "$jars"; } | sha256sum | cut -c1-12)
if [[ $(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$tag" 2>/dev/null) == "$recipe" ]]; then exit 0; fi

echo "making $tag from Maven's jars" >&2
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
cp -r kafka/. "$work"
mkdir "$work/lib"
cp "$jars"/*.jar "$work/lib/"
docker build --label "$label=$recipe" -t "$tag" "$work" >"$work/log" 2>&1 || {
  tail -n 40 "$work/log" >&2
  exit 1
}
