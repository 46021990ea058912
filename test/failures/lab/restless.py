"""What a stranger with root leaves running in a sandbox: tries without end to reach anything at all, by TCP, UDP and ICMP,
with a pause of 50 ms, or of as many seconds as its argument says.

Keeps the file RECORD: how many tries there were, which got any answer, and which got one from a witness (another
machine of the lab that says so). A sandbox that is let out to a sinkhole has answers, but none from a witness.
"""

import errno
import json
import os
import select
import socket
import struct
import sys
import time

# In memory: it has to be told also of a sandbox whose disk fails.
RECORD = "/dev/shm/restless.json"
PAUSE = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05
MARK = b"GET / HTTP/1.0\r\n\r\nmitsubako-restless"


def default_gateway():
    for line in open("/proc/net/route"):
        fields = line.split()
        if fields[1] == "00000000":
            return socket.inet_ntoa(bytes.fromhex(fields[2])[::-1])


gateway = default_gateway()
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.connect((gateway, 53))
own = asking.getsockname()[0]
network = gateway.rsplit(".", 1)[0]
WORLD = ["203.0.113.80", "93.184.216.34", "192.0.2.1"]
FENCED = ["10.99.0.1", "172.16.5.5", "192.168.7.7", "169.254.169.254", "100.64.3.3"]
HOST = [gateway, "192.0.2.2", "172.17.0.1"]
# Of its own slot and of the next ones.
NEIGHBOURS = [f"{network}.{last}" for last in range(10, 22)]
NEIGHBOURS += [f"10.{slot}.0.{last}" for slot in (200, 201, 202) for last in (10, 11, 12, 13)]
SIX = ["fd00:b::1", "fd00:b::2", "2001:db8::1"]

tries = (
    [("tcp", each, port) for each in WORLD + FENCED for port in (22, 25, 80, 443)]
    + [("tcp", each, port) for each in HOST for port in (22, 80, 2222, 2375)]
    + [("tcp", each, 22) for each in NEIGHBOURS]
    + [("udp", each, port) for each in WORLD + FENCED + HOST for port in (53, 2222)]
    + [("icmp", each, 0) for each in WORLD + FENCED + HOST]
    + [("tcp6", each, 80) for each in SIX]
    + [("udp6", each, 53) for each in SIX]
)


def one(kind, address, port):
    family = socket.AF_INET6 if kind.endswith("6") else socket.AF_INET
    if kind.startswith("tcp"):
        each = socket.socket(family, socket.SOCK_STREAM)
        each.setblocking(False)
        refused = each.connect_ex((address, port))
        if refused not in (0, errno.EINPROGRESS):
            raise OSError(refused, "refused at once")
        return each
    if kind.startswith("udp"):
        each = socket.socket(family, socket.SOCK_DGRAM)
        each.setblocking(False)
        # Connected, so that a late answer to the last who had this port is not taken for one from here.
        each.connect((address, port))
        each.send(MARK)
        return each
    each = socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    each.setblocking(False)
    each.sendto(struct.pack("!BBHHH", 8, 0, 0, 1, 1) + MARK, (address, 0))
    return each


answered, witnessed, count, rounds = set(), set(), 0, 0
while True:
    waiting = {}
    for kind, address, port in tries:
        if address == own:
            continue
        count += 1
        try:
            waiting[one(kind, address, port)] = (kind, address, port)
        except OSError:
            pass
    end = time.monotonic() + 0.4
    asked = set()
    while waiting and time.monotonic() < end:
        talkers = [each for each in waiting if waiting[each][0].startswith("tcp") and each not in asked]
        readable, writable, _ = select.select(list(waiting), talkers, [], 0.05)
        for each in writable:
            asked.add(each)
            if each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                answered.add("%s %s:%d" % waiting[each])
                try:
                    each.send(MARK)
                except OSError:
                    pass
        for each in readable:
            kind, address, port = waiting[each]
            try:
                said = each.recv(4096)
                answered.add("%s %s:%d" % (kind, address, port))
                if b"witness:" in said or (address in NEIGHBOURS and said.startswith(b"SSH-")):
                    witnessed.add("%s %s:%d %s" % (kind, address, port, said[:40].decode("latin1").strip()))
            except OSError:
                pass
            del waiting[each]
            each.close()
    for each in waiting:
        each.close()
    rounds += 1
    record = {"rounds": rounds, "tries": count, "answered": sorted(answered), "witnessed": sorted(witnessed)}
    try:
        with open(RECORD + ".new", "w") as file:
            json.dump(record, file)
        os.rename(RECORD + ".new", RECORD)
    except OSError:
        pass
    time.sleep(PAUSE)
