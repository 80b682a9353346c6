"""What a private SLURM cluster looks like, and its two configuration files."""

import os
import shutil
import socket
from dataclasses import dataclass, fields
from pathlib import Path

CONTROLLER = "ctld"

CONF = """\
ClusterName=study
SlurmctldHost=localhost
SlurmctldAddr=127.0.0.1
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire={requeue_s}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SlurmctldPidFile={folder}/{controller}.pid
SlurmdPidFile={folder}/%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldLogFile={folder}/log/{controller}.log
SlurmdLogFile={folder}/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerNode={default_memory_mb}
MaxArraySize={max_array}
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=3
SlurmdTimeout=10
MinJobAge=300
GresTypes=gpu
"""
NODE = "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} {size} State=UNKNOWN\n"
PARTITIONS = """\
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime={grace_s}
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=short Nodes=ALL MaxTime=1 MaxNodes=1 MaxMemPerNode={default_memory_mb} State=UP
"""
PROLOG = """\
#!/bin/sh
[ ! -e "{folder}/broken-$SLURMD_NODENAME" ]
"""
LIMIT = """\
local function elements(array)
  if array == nil then return 1 end
  local count = 0
  for part in string.gmatch(string.gsub(array, "%%.*", ""), "[^,]+") do
    local first, last, step = string.match(part, "^(%d+)-?(%d*):?(%d*)$")
    count = count + math.floor(((tonumber(last) or first) - first) / (tonumber(step) or 1)) + 1
  end
  return count
end

-- SLURM renews slurm.jobs only in the second after something happened to a job. What was let in since is kept here,
-- by the mark it was given, for five seconds: SLURM may have refused it for another reason, which nobody says here.
local newest = os.time() * 1000
local unseen = {}

function slurm_job_submit(wanted, partitions, user)
  local asked, present, seen = elements(wanted.array_inx), 0, 0
  for _, job in pairs(slurm.jobs) do
    seen = math.max(seen, tonumber(job.admin_comment) or 0)
    if job.job_state % 256 < 3 then present = present + (job.array_task_cnt or 1) end  -- pending, running, suspended
  end
  for mark, count in pairs(unseen) do
    if mark <= seen or mark < (os.time() - 5) * 1000 then unseen[mark] = nil else present = present + count end
  end
  if present + asked > LIMIT then
    slurm.log_user("QOSMaxSubmitJobPerUserLimit")
    return 2050  -- ESLURM_ACCOUNTING_POLICY
  end
  newest = math.max(newest + 1, os.time() * 1000)
  unseen[newest] = asked
  wanted.admin_comment = string.format("%d", newest)
  return slurm.SUCCESS
end

function slurm_job_modify() return slurm.SUCCESS end

return slurm.SUCCESS
"""


@dataclass(frozen=True)
class Settings:
    """What is asked of a cluster; sizes are what SLURM is told, not what the machine has.

    Attributes:
        nodes: how many, called n1, n2, ...
        cpus: of one node.
        gpus: fake ones of one node; SLURM counts them and sets CUDA_VISIBLE_DEVICES.
        memory_mb: of one node.
        default_memory_mb: of a job that does not say, and the most that a job in `short` may ask for.
        max_array: MaxArraySize; the largest array index is one less.
        max_submit: how many jobs may wait or run, array elements included; 0 for any number. It is what a QOS with
            MaxSubmitJobs does, in its words, but without the database that a QOS needs; a job that ended or was
            refused may count for some seconds more.
        requeue_s: how long a requeued job waits (cred_expire); SLURM takes less than 5 for 120.
        grace_s: what a preempted job of `main` has left after its signal.
        user_signal: 1 where a preempted job is sent the signal that it asked for, 0 where it is sent TERM.
        breakable: 1 where a node starts no job while there is a file `broken-NODE` in the cluster's folder.
    """

    nodes: int = 3
    cpus: int = 4
    gpus: int = 1
    memory_mb: int = 64000
    default_memory_mb: int = 1000
    max_array: int = 1001
    max_submit: int = 0
    requeue_s: int = 5
    grace_s: int = 10
    user_signal: int = 1
    breakable: int = 0

    def __post_init__(self) -> None:
        lowest = {"requeue_s": 5, "max_array": 2}
        lowest |= dict.fromkeys(("gpus", "grace_s", "max_submit", "user_signal", "breakable"), 0)
        for field in fields(self):
            found, least = getattr(self, field.name), lowest.get(field.name, 1)
            if found < least:
                raise ValueError(f"{field.name} is {found}; {least} or more is possible")

    @property
    def names(self) -> list[str]:
        """The nodes."""
        return [f"n{number}" for number in range(1, self.nodes + 1)]


def write(folder: Path, settings: Settings) -> None:
    """`slurm.conf` and `gres.conf` in `folder`, with ports that nobody uses now."""
    ports = free_ports(settings.nodes + 1)
    size = f"CPUs={settings.cpus} RealMemory={settings.memory_mb}"
    size += f" Gres=gpu:{settings.gpus}" if settings.gpus else ""
    numbers = {field.name: getattr(settings, field.name) for field in fields(settings)}
    text = CONF.format(folder=folder, user=os.getuid(), ports=ports, controller=CONTROLLER, **numbers)
    for name, port in zip(settings.names, ports[1:], strict=True):
        text += NODE.format(name=name, port=port, size=size)
    if settings.user_signal:
        text += "SlurmctldParameters=preempt_send_user_signal\n"
    if settings.breakable:
        (folder / "prolog").write_text(PROLOG.format(folder=folder))
        (folder / "prolog").chmod(0o755)
        text += f"Prolog={folder}/prolog\n"
    if settings.max_submit:
        (folder / "job_submit.lua").write_text(LIMIT.replace("LIMIT", str(settings.max_submit)))
        text += "JobSubmitPlugins=lua\n"
    (folder / "slurm.conf").write_text(text + PARTITIONS.format(**numbers))
    (folder / "gres.conf").write_text(_gres(folder, settings))
    for name in ["state", "log", "down", *(f"spool/{node}" for node in settings.names)]:
        (folder / name).mkdir(parents=True, exist_ok=True)


def _gres(folder: Path, settings: Settings) -> str:
    """Fake GPUs are links to the null device: SLURM wants a device for each, and numbers it by its name."""
    for number in range(settings.gpus):
        (folder / f"gpu{number}").symlink_to("/dev/null")
    files = f"{folder}/gpu[0-{settings.gpus - 1}]" if settings.gpus > 1 else f"{folder}/gpu0"
    lines = [f"NodeName={name} Name=gpu File={files}\n" for name in settings.names if settings.gpus]
    return "AutoDetect=off\n" + "".join(lines)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def missing_programs() -> list[str]:
    """What a cluster needs and this machine lacks."""
    wanted = ["slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo"]
    return [name for name in wanted if find(name) is None]


def find(program: str) -> str | None:
    """Where a program of SLURM is; the daemons are in folders that an ordinary user's PATH lacks."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
