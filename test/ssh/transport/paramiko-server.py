"""Serves one connection on a port that it prints: lets everybody in, and returns what it is sent.

Arguments: compression, host keys as kind=path.
"""
import socket
import sys
import threading
import paramiko


class Everybody(paramiko.ServerInterface):
    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=echo, args=(channel,), daemon=True).start()
        return True


def echo(channel):
    while True:
        block = channel.recv(65536)
        if not block:
            break
        channel.sendall(block)
    channel.send_exit_status(0)
    channel.close()


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1)
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
transport = paramiko.Transport(connection)
transport.use_compression(sys.argv[1] == "zlib@openssh.com")
key_type = {"rsa": paramiko.RSAKey, "ecdsa": paramiko.ECDSAKey, "ed25519": paramiko.Ed25519Key}
for kind, path in (argument.split("=") for argument in sys.argv[2:]):
    transport.add_server_key(key_type[kind].from_private_key_file(path))
transport.start_server(server=Everybody())
while transport.is_active():
    transport.join(0.2)
