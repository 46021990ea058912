"""Ends of connections for egress.ts, with a socket's own words for how a connection ended.

`peer.py serve UDP-ADDRESS PORT...`: on each TCP port of all addresses, to each who connects: reads a line `down N` (sends N bytes), `up` (counts
what comes until the end) or `hold`; UDP: echoes, from that address. Prints `ready`, then for each line on standard input a JSON list of what
the connections saw, in the order of their beginnings.

`peer.py try JSON`: makes the connections that the list names and prints a JSON list of how each went.
"""

import json
import socket
import sys
import threading
import time


def received(connection, most, entry=None):
    total = 0
    try:
        while total < most:
            part = connection.recv(min(65536, most - total))
            if not part:
                return total, "end"
            total += len(part)
            if entry is not None:
                entry["bytes"] = total
        return total, "all"
    except ConnectionResetError:
        return total, "reset"
    except (TimeoutError, socket.timeout):
        return total, "silence"


def sent(connection, count):
    try:
        chunk = b"x" * 65536
        left = count
        while left > 0:
            left -= connection.send(chunk[: min(left, 65536)])
        connection.shutdown(socket.SHUT_WR)
        return "sent"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"
    except (TimeoutError, socket.timeout):
        return "silence"
    except OSError as error:
        return str(error)


def serve(address, ports):
    ends = []

    def talk(connection, port, peer):
        connection.settimeout(8)
        try:
            line = connection.makefile("rb", buffering=0).readline().split()
        except OSError:
            line = []
        entry = {"port": port, "from": peer[0], "asked": line[0].decode() if line else ""}
        # At once, and counted as it goes: who only receives may never hear of the other's end.
        ends.append(entry)
        if line and line[0] == b"down":
            entry["outcome"] = sent(connection, int(line[1]))
            _, rest = received(connection, 1 << 40)
            entry["rest"] = rest
        elif line and line[0] == b"up":
            entry["bytes"], entry["outcome"] = received(connection, 1 << 40, entry)
        elif line and line[0] == b"hold":
            entry["bytes"], entry["outcome"] = received(connection, 1 << 40)
        connection.close()

    def listen(port):
        server = socket.create_server(("", port), backlog=200)
        while True:
            connection, peer = server.accept()
            threading.Thread(target=talk, args=(connection, port, peer), daemon=True).start()

    def echo(port):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((address, port))
        while True:
            data, peer = server.recvfrom(2048)
            server.sendto(data, peer)

    for port in ports:
        threading.Thread(target=listen, args=(port,), daemon=True).start()
        threading.Thread(target=echo, args=(port,), daemon=True).start()
    time.sleep(0.3)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(ends), flush=True)


def attempt(one):
    time.sleep(one.get("pause", 0))
    try:
        if one.get("udp"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
                way.settimeout(one.get("wait", 0.4))
                way.sendto(b"hello", (one["to"], one["port"]))
                return {"outcome": "answered" if way.recv(64) else "nothing"}
        way = socket.create_connection((one["to"], one["port"]), timeout=one.get("wait", 0.4))
    except (TimeoutError, socket.timeout):
        return {"outcome": "silence"}
    except ConnectionRefusedError:
        return {"outcome": "refused"}
    except OSError as error:
        return {"outcome": error.strerror or str(error)}
    way.settimeout(8)
    if "down" in one:
        way.sendall(b"down %d\n" % one["down"])
        got, outcome = received(way, 1 << 40)
        way.close()
        return {"outcome": outcome, "bytes": got}
    if "up" in one:
        way.sendall(b"up\n")
        outcome = sent(way, one["up"])
        if outcome == "sent":
            _, outcome = received(way, 1 << 40)
        way.close()
        return {"outcome": outcome}
    if one.get("hold"):
        way.sendall(b"hold\n")
        held.append(way)
    else:
        way.close()
    return {"outcome": "connected"}


held = []
if sys.argv[1] == "serve":
    serve(sys.argv[2], [int(port) for port in sys.argv[3:]])
else:
    print(json.dumps([attempt(one) for one in json.loads(sys.argv[2])]))
