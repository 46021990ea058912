"""Sees what arrives: `witness.py NAME [INTERFACE]`. Answers on PORTS of every address, TCP and UDP, with its name, and with an
interface counts every frame that comes in there, but for the household of neighbours (ARP, IPv6 discovery).

Prints `ready`; then, for each line on standard input, a JSON object of what was seen since the last one: `frames` and
`callers` as lists of [what, how often], and `lost`, how many frames the kernel could not show. SIGKILL ends it.
"""

import json
import select
import socket
import struct
import sys

NAME = sys.argv[1]
PORTS = [22, 23, 25, 53, 80, 443, 2222, 2375, 6667, 8080]
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_STATISTICS = 263, 6
IP_PKTINFO = 8
MOST_KINDS = 500

listeners, datagrams = [], []
for port in PORTS:
    for family, kind, known in [
        (socket.AF_INET, socket.SOCK_STREAM, listeners),
        (socket.AF_INET6, socket.SOCK_STREAM, listeners),
        (socket.AF_INET, socket.SOCK_DGRAM, datagrams),
        (socket.AF_INET6, socket.SOCK_DGRAM, datagrams),
    ]:
        each = socket.socket(family, kind)
        if family == socket.AF_INET6:
            each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("" if family == socket.AF_INET else "::", port))
        if kind == socket.SOCK_STREAM:
            each.listen(128)
        elif family == socket.AF_INET:
            each.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        else:
            each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        each.setblocking(False)
        known.append(each)

frames_in = None
if len(sys.argv) > 2:
    frames_in = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    frames_in.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    frames_in.bind((sys.argv[2], 0))

frames, callers = {}, {}


def from_there(level, kind, data):
    """Says that an answer comes from the address that was asked; of all addresses here the kernel would take another."""
    if level == socket.IPPROTO_IP:
        return level, kind, struct.pack("i4s4s", 0, data[8:12], bytes(4))
    return level, kind, data


def count(seen, what):
    if what in seen or len(seen) < MOST_KINDS:
        seen[what] = seen.get(what, 0) + 1


def describe(frame):
    """What it is, in a few words; None for what neighbours always say to each other."""
    kind = struct.unpack("!H", frame[12:14])[0]
    packet = frame[14:]
    if kind == 0x0806:
        return None
    if kind == 0x0800 and len(packet) >= 20:
        protocol, header = packet[9], (packet[0] & 15) * 4
        source, target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    elif kind == 0x86DD and len(packet) >= 40:
        protocol, header = packet[6], 40
        source, target = (socket.inet_ntop(socket.AF_INET6, packet[a : a + 16]) for a in (8, 24))
        # Discovery (133 to 137), and multicast reports behind a hop-by-hop header.
        if protocol == 58 and 133 <= packet[40] <= 137 or protocol == 0 and packet[40] == 58:
            return None
    else:
        return f"ethertype {kind:#06x}"
    ports = ""
    if protocol in (6, 17) and len(packet) >= header + 4:
        ports = f":{struct.unpack('!H', packet[header + 2 : header + 4])[0]}"
    if protocol in (1, 58) and len(packet) > header:
        ports = {(1, 8): " echo", (58, 128): " echo"}.get((protocol, packet[header]), f" type {packet[header]}")
    # A whole time to live: it was not forwarded. The machine refuses what comes for a connection that it has forgotten to translate.
    flags, icmp = packet[header + 13 : header + 14], packet[header : header + 1]
    refusal = protocol == 6 and flags and flags[0] & 4 or protocol == 1 and icmp == b"\3"
    if refusal and kind == 0x0800 and packet[8] == 64:
        return f"the machine's own refusal, {source} to {target}"
    name = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}.get(protocol, f"protocol {protocol}")
    return f"{name} {source} to {target}{ports}"


print("ready", flush=True)
while True:
    sources = [sys.stdin, *listeners, *datagrams, *([frames_in] if frames_in else [])]
    readable, _, _ = select.select(sources, [], [])
    for each in readable:
        try:
            if each in listeners:
                talk, origin = each.accept()
                count(callers, f"tcp {origin[0]} to port {each.getsockname()[1]}")
                talk.setblocking(False)
                talk.send(f"witness:{NAME}\r\n".encode())
                talk.close()
            elif each in datagrams:
                _, about, _, origin = each.recvmsg(65535, 256)
                count(callers, f"udp {origin[0]} to port {each.getsockname()[1]}")
                each.sendmsg([f"witness:{NAME}".encode()], [from_there(*each) for each in about], 0, origin)
        except OSError:
            pass
    if frames_in:
        while select.select([frames_in], [], [], 0)[0]:
            frame, origin = frames_in.recvfrom(65535)
            what = None if origin[2] == PACKET_OUTGOING else describe(frame)
            if what:
                count(frames, what)
    if sys.stdin in readable:
        if not sys.stdin.readline():
            break
        lost = frames_in.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8) if frames_in else bytes(8)
        print(
            json.dumps(
                {
                    "frames": sorted(frames.items()),
                    "callers": sorted(callers.items()),
                    "lost": struct.unpack("II", lost)[1],
                }
            ),
            flush=True,
        )
        frames, callers = {}, {}
