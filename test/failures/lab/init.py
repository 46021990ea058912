"""The first process of a lab machine, in namespaces of its own: network, mounts, processes, IPC, names. Lays out what a
machine has, says `ready`, then takes orphans in like any init, and ends with its standard input: whatever the lab runs,
mounts and adds to the network ends with it, however the test that started it ended.
"""

import os
import select
import signal
import subprocess
import sys

SETUP = """
# Copies of what this machine's engine has mounted would keep its containers from being removed.
awk '$2 ~ "^/var/lib/docker/|^/run/" { print $2 }' /proc/mounts | sort -r | while read -r point; do umount -l "$point" || true; done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/lock /run/cgroup
# The new /sys shows the lab's own network; the control groups are the machine's.
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
umount -l /run/cgroup
rmdir /run/cgroup

ip link set lo up
ip netns add world
ip link add eth0 type veth peer name eth0 netns world
ip address add 192.0.2.2/24 dev eth0
ip -6 address add fd00:b::2/64 dev eth0 nodad
ip link set eth0 up
ip -n world link set lo up
ip -n world address add 192.0.2.1/24 dev eth0
ip -n world -6 address add fd00:b::1/64 dev eth0 nodad
ip -n world link set eth0 up
# Every address there is lies in the world, fenced ones too: what leaks ends there and is counted.
ip -n world route add local 0.0.0.0/0 dev lo
ip -n world -6 route add local ::/0 dev lo
ip -n world route add 192.0.2.2/32 dev eth0
ip route add default via 192.0.2.1
ip -6 route add default via fd00:b::1
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
"""

subprocess.run(["sh", "-ec", SETUP], check=True)
wakes, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGCHLD, lambda *_: None)
print("ready", flush=True)
while True:
    readable, _, _ = select.select([sys.stdin, wakes], [], [])
    if sys.stdin in readable and not os.read(0, 4096):
        break
    if wakes in readable:
        os.read(wakes, 4096)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
