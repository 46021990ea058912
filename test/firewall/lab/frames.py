"""Sends everything that root with raw sockets in a sandbox could think of: one frame, sometimes two, for each try.

    frames.py '{"interface": …, "own_mac": …, "bridge_mac": …, "neighbour_mac": …, "own": …, "gateway": …, "neighbour": …, "unused": …,
                "subnet_broadcast": …, "host": …, "world": …, "routed": …, "host6": …, "world6": …}'

Prints a JSON array of the tries' names, in the order of their numbers. Each packet carries the letters MB and eight
times its number: in a payload, as a TCP sequence and acknowledgement number, or in a hardware address.
"""

import json
import socket
import struct
import sys
import time

c = json.loads(sys.argv[1])
EVERYBODY = "ff:ff:ff:ff:ff:ff"
SYN, RST, ACK = 0x02, 0x04, 0x10
tries = []


def mac(text):
    return bytes(int(part, 16) for part in text.split(":"))


def four(text):
    return socket.inet_aton(text)


def six(text):
    return socket.inet_pton(socket.AF_INET6, text)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mark():
    return b"MB" + struct.pack("!H", 8 * len(tries))


def ip(protocol, body, to, source=None, options=b"", fragment=0):
    length = 20 + len(options) + len(body)
    head = struct.pack("!BBHHHBBH", 0x40 | (5 + len(options) // 4), 0, length, 4711, fragment, 64, protocol, 0)
    head += four(source or c["own"]) + four(to) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def pseudo(protocol, body, to, source):
    if ":" in to:
        return six(source) + six(to) + struct.pack("!IBBBB", len(body), 0, 0, 0, protocol)
    return four(source) + four(to) + struct.pack("!BBH", 0, protocol, len(body))


def tcp(to, port, flags=SYN, source_port=40000, source=None):
    number = mark()
    head = struct.pack("!HH", source_port, port) + number + (number if flags & (ACK | RST) else b"\0\0\0\0")
    head += struct.pack("!BBHHH", 0x50, flags, 64240, 0, 0)
    sum_ = checksum(pseudo(6, head, to, source or (c["own"] if "." in to else "fe80::1")) + head)
    return head[:16] + struct.pack("!H", sum_) + head[18:]


def udp(to, port, source=None, source_port=40000, size=0):
    body = mark() + mark() * (size // 4)
    head = struct.pack("!HHHH", source_port, port, 8 + len(body), 0) + body
    sum_ = checksum(pseudo(17, head, to, source or (c["own"] if "." in to else "fe80::1")) + head)
    return head[:6] + struct.pack("!H", sum_) + head[8:]


def echo():
    body = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + mark()
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def ip6(protocol, body, to, source="fe80::1", hops=64):
    return struct.pack("!IHBB", 0x60000000, len(body), protocol, hops) + six(source) + six(to) + body


def icmp6(kind, rest, to, source="fe80::1"):
    body = struct.pack("!BBH", kind, 0, 0) + rest
    sum_ = checksum(pseudo(58, body, to, source) + body)
    return ip6(58, body[:2] + struct.pack("!H", sum_) + body[4:], to, source, hops=255)


def arp(kind, sender, target, sender_mac=None):
    claimed = sender_mac or b"\x02\x00" + mark()
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, kind) + claimed + four(sender) + b"\0" * 6 + four(target)


def attempt(name, ethertype, *packets, to=None, source_mac=None):
    """Called after the packets were made, so its number is the one they carry."""
    tries.append(name)
    for packet in packets:
        head = mac(to or c["bridge_mac"]) + (source_mac or mac(c["own_mac"])) + struct.pack("!H", ethertype)
        wire.send((head + packet).ljust(60, b"\0"))
    time.sleep(0.002)


def v4(name, protocol, body, to, mac_to=None, **header):
    attempt(name, 0x0800, ip(protocol, body, to, **header), to=mac_to)


wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((c["interface"], 0))
own, gateway, neighbour, host, world, routed = (c[k] for k in ("own", "gateway", "neighbour", "host", "world", "routed"))

# Out into the world.
v4("TCP to an address of the Internet, port 80", 6, tcp(routed, 80), routed)
v4("TCP to an address of the Internet, port 22", 6, tcp(routed, 22), routed)
v4("TCP to the host's router", 6, tcp(world, 80), world)
v4("TCP to the cloud's metadata address", 6, tcp("169.254.169.254", 80), "169.254.169.254")
v4("UDP 53 to the Internet (DNS tunnel)", 17, udp(routed, 53), routed)
v4("ICMP echo to the Internet", 1, echo(), routed)
v4("GRE to the Internet", 47, b"\0\0\x08\0" + mark(), routed)
v4("SCTP to the Internet", 132, struct.pack("!HHII", 40000, 80, 1, 0) + mark(), routed)
v4("IPv6 in IPv4 to the Internet", 41, ip6(17, udp("fd00::9", 53), "fd00::9"), routed)
whole = udp(routed, 53, size=64)
attempt(
    "UDP in two fragments",
    0x0800,
    ip(17, whole[:40], routed, fragment=0x2000),
    ip(17, whole[40:], routed, fragment=5),
)
route = bytes([131, 7, 4]) + four(routed) + b"\0"
v4("loose source route by way of the host", 17, udp(host, 53), host, options=route)
v4("TCP with a spoofed source", 6, tcp(routed, 80, source="198.51.100.77"), routed, source="198.51.100.77")
v4("UDP as the neighbour", 17, udp(routed, 53, source=neighbour), routed, source=neighbour)
v4("UDP as the host", 17, udp(routed, 53, source=host), routed, source=host)
v4("TCP from port 22, opening", 6, tcp(routed, 80, source_port=22), routed)
v4("TCP from port 22, without a connection", 6, tcp(routed, 80, ACK, 22), routed)
v4("multicast to the world", 17, udp("233.1.1.1", 53), "233.1.1.1")

# The host and its services.
v4("TCP to the host's bridge address, port 22", 6, tcp(gateway, 22), gateway)
v4("TCP to the host's bridge address, port 2375", 6, tcp(gateway, 2375), gateway)
v4("TCP to the gateway's own port", 6, tcp(host, 2222), host)
v4("TCP to the host's loopback", 6, tcp("127.0.0.1", 2375), "127.0.0.1")
v4("TCP to the host from port 22, opening", 6, tcp(gateway, 2222, source_port=22), gateway)
v4("SYN and ACK from port 22 to the host", 6, tcp(gateway, 2222, SYN | ACK, 22), gateway)
v4("SYN and RST from port 22 to the host", 6, tcp(gateway, 2222, SYN | RST, 22), gateway)
v4("ACK from port 22 to the host, without a connection", 6, tcp(gateway, 2222, ACK, 22), gateway)
v4("no flags from port 22 to the host", 6, tcp(gateway, 2222, 0, 22), gateway)
v4("TCP with IP options to the host", 6, tcp(host, 2222), host, options=b"\x01\x01\x01\0")
v4("UDP 53 to the host", 17, udp(gateway, 53), gateway)
v4("ICMP echo to the host", 1, echo(), gateway)
v4("ICMP redirect to the host", 1, struct.pack("!BBH", 5, 1, 0) + four(own) + ip(17, udp(routed, 53), routed), gateway)
v4("TCP to the host as 127.0.0.1", 6, tcp(gateway, 2222, source="127.0.0.1"), gateway, source="127.0.0.1")
v4("TCP to the host as the host", 6, tcp(host, 2222, source=gateway), host, source=gateway)
v4("TCP to the host as an outsider", 6, tcp(host, 2222, source=routed), host, source=routed)
v4("IGMP to the host", 2, struct.pack("!BBH", 0x16, 0, 0) + four("224.0.0.251") + mark(), "224.0.0.22")
attempt("ARP for another address of the host", 0x0806, arp(1, c["unused"], host), to=EVERYBODY)

# The neighbour.
near = c["neighbour_mac"]
v4("TCP to the neighbour", 6, tcp(neighbour, 22), neighbour, mac_to=near)
v4("TCP to the neighbour by way of the host", 6, tcp(neighbour, 22), neighbour)
v4("TCP to the neighbour as the host", 6, tcp(neighbour, 22, source=gateway), neighbour, mac_to=near, source=gateway)
v4("UDP to the neighbour as an outsider", 17, udp(neighbour, 53, source=routed), neighbour, mac_to=near, source=routed)
v4("UDP broadcast", 17, udp("255.255.255.255", 67), "255.255.255.255", mac_to=EVERYBODY)
v4("UDP broadcast of the subnet", 17, udp(c["subnet_broadcast"], 137), c["subnet_broadcast"], mac_to=EVERYBODY)
v4("UDP multicast on the link", 17, udp("224.0.0.251", 5353), "224.0.0.251", mac_to="01:00:5e:00:00:fb")
attempt("ARP for the neighbour", 0x0806, arp(1, c["unused"], neighbour), to=EVERYBODY)
attempt("ARP that claims to be the host", 0x0806, arp(2, gateway, neighbour), to=near)
attempt("ARP that claims to be the host, to all", 0x0806, arp(1, gateway, gateway), to=EVERYBODY)
attempt("a frame of an unknown protocol", 0x88B5, mark(), to=near)
attempt("a frame of an unknown protocol, to all", 0x88B5, mark(), to=EVERYBODY)
attempt("a VLAN's frame to the neighbour", 0x8100, b"\0\x05\x08\0" + ip(17, udp(neighbour, 53), neighbour), to=near)
attempt("a spanning tree's frame", 3 + 35, b"\x42\x42\x03" + mark(), to="01:80:c2:00:00:00")

# IPv6, which the sandboxes do not have.
attempt("IPv6 TCP to the world", 0x86DD, ip6(6, tcp(c["world6"], 80), c["world6"]))
attempt("IPv6 UDP to the world, spoofed", 0x86DD, ip6(17, udp(c["world6"], 53, "fd00:b::7"), c["world6"], "fd00:b::7"))
attempt("IPv6 TCP to the host", 0x86DD, ip6(6, tcp(c["host6"], 2222), c["host6"]))
attempt("IPv6 echo to all nodes", 0x86DD, icmp6(128, b"\0\1\0\1" + mark(), "ff02::1"), to="33:33:00:00:00:01")
advertisement = struct.pack("!BBHII", 64, 0, 1800, 0, 0) + b"\1\1\2\0" + mark()
attempt("IPv6 router advertisement", 0x86DD, icmp6(134, advertisement, "ff02::1"), to="33:33:00:00:00:01")
attempt("IPv6 UDP to the neighbour", 0x86DD, ip6(17, udp("fe80::2", 53), "fe80::2"), to=near)
attempt("IPv6 multicast on the link", 0x86DD, ip6(17, udp("ff02::fb", 5353), "ff02::fb"), to="33:33:00:00:00:fb")

print(json.dumps(tries))
