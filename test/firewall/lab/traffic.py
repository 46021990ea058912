"""Makes TCP traffic, as much as gets through, and measures it where it arrives.

`traffic.py serve PORT…` says `ready`; a connection's first byte asks it to send (`<`) or to take (`>`) until that ends.
`traffic.py pull|push ADDRESS PORT SECONDS` is the other side. It prints the bytes of payload that it got or sent.
`traffic.py meter INTERFACE` says `ready`. To a line `PORT SKIP SECONDS` it says `measuring`, then how many bits a second arrived from or
to that port, as Ethernet frames, between the first one after SKIP seconds of traffic and the last one before the end. A
segment that a sender left to the hardware counts as the frames that it would become.
"""

import select
import socket
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

ETHERNET = 14
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
BLOCK = bytes(1 << 16)


def stream(peer, sends, until=None):
    peer.setblocking(False)
    total = 0
    while until is None or time.monotonic() < until:
        readable, writable, _ = select.select([peer], [peer] if sends else [], [], 0.1)
        if writable:
            total += peer.send(BLOCK)
        elif readable:
            got = len(peer.recv(1 << 18))
            total += got
            if got == 0:
                break
    return total


def serve(peer):
    try:
        stream(peer, peer.recv(1) == b"<")
    except OSError:
        pass
    peer.close()


def accept(port):
    listener = socket.create_server(("", port))
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def visit(order, address, port, seconds):
    """By two connections, as one alone does not always fill its way."""
    with ThreadPoolExecutor() as pool:
        return sum(pool.map(lambda _: visit_once(order, address, port, seconds), range(2)))


def visit_once(order, address, port, seconds):
    peer = socket.create_connection((address, int(port)), timeout=10)
    peer.sendall(b"<" if order == "pull" else b">")
    total = stream(peer, order == "push", time.monotonic() + float(seconds))
    # What still waits is thrown away, here and there.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    return total


def frames(packet, length):
    """The bytes on the wire: each segment has the headers of the first one. Timestamps are on: 1,448 bytes of payload."""
    headers = ETHERNET + 20 + (packet[ETHERNET + 32] >> 4) * 4
    return length + max(0, -((headers - length) // 1448) - 1) * headers


def meter(wire, port, skip, seconds):
    ports = port.to_bytes(2, "big")
    view = memoryview(bytearray(64))
    wire.settimeout(10)
    begun = first = last = None
    total = 0
    while True:
        try:
            length, ancillary, _, origin = wire.recvmsg_into([view], 64, socket.MSG_TRUNC)
        except TimeoutError:
            # The sender stopped before the time was over, so there is no figure.
            return 0
        if origin[2] == PACKET_OUTGOING or ports not in (bytes(view[34:36]), bytes(view[36:38])):
            continue
        # When the kernel saw it; this process may be late.
        whole, nanoseconds = struct.unpack("qq", ancillary[0][2])
        now = whole + nanoseconds / 1e9
        if begun is None:
            begun = now
        elif now > begun + skip + seconds:
            return total * 8 / (last - first) if last else 0
        elif first is not None:
            total += frames(view, length)
            last = now
        elif now >= begun + skip:
            first = now


def measure(interface):
    print("ready", flush=True)
    for line in sys.stdin:
        port, skip, seconds = line.split()
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as wire:
            wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
            wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            wire.bind((interface, 0))
            print("measuring", flush=True)
            print(meter(wire, int(port), float(skip), float(seconds)), flush=True)


order, *arguments = sys.argv[1:]
if order == "serve":
    for each in arguments:
        threading.Thread(target=accept, args=(int(each),), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
elif order == "meter":
    measure(*arguments)
else:
    print(visit(order, *arguments))
