"""Says which tries arrived where: `watch.py frames INTERFACE` looks at every frame that comes in there,
`watch.py delivered` at every packet that the kernel delivers to this machine itself (behind netfilter's input hook).

Prints `ready`, then for each line on standard input a JSON object from the number of a try to how often it was seen.
A try is known by the letters MB and its number (see frames.py), wherever in the packet they stand.
"""

import json
import re
import select
import socket
import sys

MARK = re.compile(rb"MB(..)", re.DOTALL)
PACKET_OUTGOING = 4

sockets = []
if sys.argv[1] == "frames":
    everything = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    everything.bind((sys.argv[2], 0))
    sockets.append(everything)
else:
    for protocol in (1, 2, 6, 17, 41, 47, 132):
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol))
    for protocol in (6, 17, 58):
        sockets.append(socket.socket(socket.AF_INET6, socket.SOCK_RAW, protocol))
for each in sockets:
    each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

seen = {}
print("ready", flush=True)
while True:
    readable, _, _ = select.select([sys.stdin, *sockets], [], [])
    for each in sockets:
        while select.select([each], [], [], 0)[0]:
            packet, origin = each.recvfrom(65535)
            if each.family == socket.AF_PACKET and origin[2] == PACKET_OUTGOING:
                continue
            for number in {int.from_bytes(found, "big") // 8 for found in MARK.findall(packet)}:
                seen[number] = seen.get(number, 0) + 1
    if sys.stdin in readable:
        if not sys.stdin.readline():
            break
        print(json.dumps(seen), flush=True)
        seen = {}
