#!/usr/bin/env bash
# Makes sure that a Docker engine answers: installs what is missing (Debian, as root) and starts the daemon when none runs.
# Changes nothing when an engine already answers. Exits with 1 and the reason when there can be none.
set -euo pipefail

log_file=/var/log/dockerd.log
start_seconds=60

fail() {
  echo "no Docker engine: $*" >&2
  exit 1
}

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

install_packages() {
  local need=()
  command -v docker >/dev/null || need+=(docker.io)
  # A client alone may be there, and talk to nobody.
  if ! answers && ! command -v dockerd >/dev/null; then need+=(docker.io); fi
  if ! docker compose version >/dev/null 2>&1 && ! command -v docker-compose >/dev/null; then need+=(docker-compose); fi
  if ((${#need[@]} == 0)); then return; fi
  [[ $(id -u) -eq 0 ]] || fail "missing and not root, so not installed: ${need[*]}"
  command -v apt-get >/dev/null || fail "missing, and only Debian's packages can be installed here: ${need[*]}"
  echo "installing ${need[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null || fail "apt-get cannot install ${need[*]}"
}

# dockerd refuses to start while its pid file names any living process, also one that took the number over.
remove_stale_pid_files() {
  local file program pid
  for file in /var/run/docker.pid:dockerd /var/run/docker/containerd/containerd.pid:containerd; do
    program=${file##*:} file=${file%%:*}
    [[ -s $file ]] || continue
    pid=$(<"$file")
    if [[ $(basename "$(readlink "/proc/$pid/exe" || true)") != "$program" ]]; then rm -f "$file"; fi
  done
}

# Control groups are mounted by the init system, where there is one.
mount_cgroups() {
  if mountpoint -q /sys/fs/cgroup; then return; fi
  mount -t tmpfs -o mode=0755 cgroup /sys/fs/cgroup
  local controller
  while read -r controller; do
    mkdir -p "/sys/fs/cgroup/$controller"
    mount -n -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
  done < <(awk '!/^#/ && $4 == 1 {print $1}' /proc/cgroups)
}

start_daemon() {
  [[ $(id -u) -eq 0 ]] || fail "no daemon answers, and only root can start one"
  mount_cgroups || fail "control groups cannot be mounted"
  remove_stale_pid_files
  setsid nohup dockerd --log-level warn </dev/null >"$log_file" 2>&1 &
  local pid=$! deadline=$((SECONDS + start_seconds))
  until answers; do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 20 "$log_file" >&2
      fail "dockerd ended; its log is $log_file"
    fi
    ((SECONDS < deadline)) || fail "dockerd has not answered for $start_seconds s; its log is $log_file"
    sleep 0.2
  done
  echo "started dockerd (pid $pid, log $log_file)" >&2
}

install_packages
answers || start_daemon
echo "Docker engine $(docker version --format '{{.Server.Version}}')" >&2
