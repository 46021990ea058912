"""Strangers that use paramiko: `client.py WHAT PORT SOURCE`. Prints one JSON object; errors are for the caller to see."""

import hashlib
import json
import os
import socket
import sys

import paramiko

what, port, source = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def connect():
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", port), source_address=(source, 0)))
    transport.start_client(timeout=30)
    return transport


def refused(login, *arguments):
    """What a server that says no still allows."""
    try:
        login(*arguments)
    except paramiko.BadAuthenticationType as error:
        return sorted(error.allowed_types)
    except paramiko.AuthenticationException:
        return "refused"
    return "let in"


def attempts():
    """Every method, the refused ones first; passwords that are no text."""
    transport = connect()
    keys = [paramiko.ECDSAKey.generate(), paramiko.RSAKey.generate(2048)]
    told = {
        "none": refused(transport.auth_none, "root"),
        "keys": [refused(transport.auth_publickey, "root", key) for key in keys],
        "blobs": [key.get_base64() for key in keys],
        "password": refused(transport.auth_password, "root", b"no\xff\xfe\x1b[31m", None, False),
    }
    prompts = []

    def answer(title, instructions, asked):
        prompts.extend(asked)
        return ["wrong \u00e4"]

    told["interactive"] = refused(transport.auth_interactive, "root", answer)
    transport.auth_interactive("root", lambda title, instructions, asked: ["r\u00ecght  pass"] * len(asked))
    told["in"] = transport.is_authenticated()
    told["prompts"] = prompts
    transport.close()
    return told


def channels():
    transport = connect()
    transport.auth_password("root", "paramiko")

    def run(command, sent=b""):
        channel = transport.open_session(timeout=30)
        channel.exec_command(command)
        channel.sendall(sent)
        channel.shutdown_write()
        out = channel.makefile("rb").read()
        error = channel.makefile_stderr("rb").read()
        return [channel.recv_exit_status(), out.decode("latin-1"), error.decode("latin-1")]

    told = {"exec": run("cat; echo err >&2; exit 9", b"in"), "killed": run("kill -TERM $$")[0]}

    opened = [transport.open_session(timeout=30) for _ in range(6)]
    for number, channel in enumerate(opened):
        channel.exec_command(f"head -c 1 >/dev/null; echo {number}; exit {number}")
    for channel in reversed(opened):  # each waits for its own byte
        channel.sendall(b"x")
    told["several"] = [[channel.makefile("rb").read().decode(), channel.recv_exit_status()] for channel in opened]

    data = os.urandom(1_000_000)
    with paramiko.SFTPClient.from_transport(transport) as sftp:
        with sftp.file("/root/by-paramiko", "wb") as file:
            file.write(data)
        told["size"] = sftp.stat("/root/by-paramiko").st_size
        with sftp.file("/root/by-paramiko", "rb") as file:
            told["same"] = file.read() == data
        told["listed"] = "by-paramiko" in sftp.listdir("/root")
    told["sha256"] = hashlib.sha256(data).hexdigest()
    told["there"] = run("sha256sum < /root/by-paramiko")[1].split()[0]
    transport.close()
    return told


print(json.dumps({"attempts": attempts, "channels": channels}[what]()))
