#!/usr/bin/env bash
# A real Slurm with two nodes on this machine's loopback, for tests; as root, without systemd and munge.
#   slurm.sh start DIR   everything lies under DIR; export SLURM_CONF=DIR/slurm.conf to use it
#   slurm.sh stop DIR    ends what was started, and what the jobs have left
set -euo pipefail
what=${1:?start or stop} root=$(realpath -m "${2:?a folder}")
export SLURM_CONF=$root/slurm.conf

stop() {
    scancel --user="$(id -un)" 2>/dev/null || true
    for _ in $(seq 40); do
        [ -n "$(squeue --noheader 2>/dev/null)" ] || break
        sleep 0.1
    done
    for file in "$root"/*.pid; do
        [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null || true
    done
}

start() {
    local here ports
    here=$(hostname -s)
    read -ra ports < <(python3 - <<'PYTHON'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in sockets))
PYTHON
    )
    mkdir -p "$root"/{state,spool,log}
    for number in 0 1 2; do [ -e "$root/gpu$number" ] || mknod "$root/gpu$number" c 1 3; done  # /dev/null thrice
    cat > "$root/gres.conf" <<CONF
NodeName=n1 Name=gpu File=$root/gpu[0-1]
NodeName=n2 Name=gpu File=$root/gpu2
CONF
    cat > "$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$here(127.0.0.1)
SlurmctldPort=${ports[0]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool/%n
SlurmctldPidFile=$root/slurmctld.pid
SlurmdPidFile=$root/slurmd.%n.pid
SlurmctldLogFile=$root/log/slurmctld.log
SlurmdLogFile=$root/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
OverTimeLimit=0
InactiveLimit=0
SlurmdTimeout=6
SlurmctldTimeout=10
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=100000,default_queue_depth=20
GresTypes=gpu
NodeName=n1 NodeHostname=$here NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=2 Gres=gpu:2 State=UNKNOWN
NodeName=n2 NodeHostname=$here NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=2 Gres=gpu:1 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP OverSubscribe=NO PriorityTier=2 PreemptMode=OFF
CONF
    /usr/sbin/slurmctld -c -i
    /usr/sbin/slurmd -N n1
    /usr/sbin/slurmd -N n2
    for _ in $(seq 300); do
        # Each node has a line for each partition that it is in.
        [ "$(sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | sort -u | wc -l)" != 2 ] || return 0
        sleep 0.1
    done
    echo "Slurm's nodes are not idle after 30 s:" >&2
    tail -n 20 "$root"/log/* >&2
    return 1
}

"$what"
