#!/bin/sh
# Runs Kafka as one node. KAFKA_HEAP_OPTS holds Java's memory flags, CLUSTER_ID the id of a new cluster; every other
# KAFKA_X_Y becomes the property x.y (two underscores stand for one, three for a dash), as in the official image.
set -eu

properties=/tmp/server.properties
classes=/opt/kafka/classes.jsa
# By name and sorted: the archive of classes is good for this class path only.
class_path=$(printf '%s:' /opt/kafka/libs/*.jar)
class_path=${class_path%:}
flags="${KAFKA_HEAP_OPTS:--Xms128m -Xmx512m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/opt/kafka/log4j2.yaml"

cat >$properties <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
advertised.listeners=PLAINTEXT://localhost:9092
log.dirs=/var/lib/kafka/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
P
env | sed -n 's/^KAFKA_\([A-Z0-9_]*\)=\(.*\)/\1 \2/p' | while read -r name value; do
  case $name in HEAP_OPTS | OPTS | LOG4J_*) continue ;; esac
  name=$(printf %s "$name" | sed 's/___/-/g; s/__/%/g; s/_/./g; s/%/_/g' | tr 'A-Z' 'a-z')
  sed -i "/^$name=/d" $properties
  printf '%s=%s\n' "$name" "$value" >>$properties
done

data=$(sed -n 's/^log.dirs=//p' $properties)
if [ ! -f "$data/meta.properties" ]; then
  # shellcheck disable=SC2086
  java $flags -cp "$class_path" kafka.tools.StorageTool format --ignore-formatted \
    -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c $properties
fi
if [ -n "${ARCHIVE_CLASSES:-}" ]; then
  flags="$flags -XX:ArchiveClassesAtExit=$classes"
elif [ -f $classes ]; then
  flags="$flags -XX:SharedArchiveFile=$classes -Xshare:auto"
fi
# shellcheck disable=SC2086
exec java $flags -cp "$class_path" kafka.Kafka $properties
