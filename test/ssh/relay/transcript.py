"""Logs in with a key, sends payloads, and prints every payload it is sent, those of the transport layer too.

Arguments: port, user, private key file, payloads in hexadecimal before login and after it, separated by commas.
"""
import sys
import time

import paramiko

port, user, key = int(sys.argv[1]), sys.argv[2], paramiko.Ed25519Key.from_private_key_file(sys.argv[3])
before, after = ([bytes.fromhex(part) for part in text.split(",") if part] for text in sys.argv[4:6])

transport = paramiko.Transport(("127.0.0.1", port))
heard = []
read = transport.packetizer.read_message


def recorded():
    kind, message = read()
    heard.append((kind, "%02x%s" % (kind, message.asbytes().hex())))
    return kind, message


def say(payloads):
    for payload in payloads:
        message = paramiko.Message()
        message.add_bytes(payload)
        transport._send_message(message)


def wait_for(kind, count):
    for _ in range(200):
        if sum(1 for heard_kind, _ in heard if heard_kind == kind) >= count:
            return
        time.sleep(0.02)
    sys.exit("no answer of type %d" % kind)


transport.packetizer.read_message = recorded
transport.start_client()
say(before)
wait_for(3, len(before))
transport.auth_publickey(user, key)
say(after)
say([b"\x50" + (21).to_bytes(4, "big") + b"keepalive@openssh.com\x01"])
wait_for(82, 1 + sum(payload[0] == 0x50 for payload in after))
# Key exchanges differ from one to the next.
print("\n".join(text for kind, text in heard if not 20 <= kind <= 49))
transport.close()
