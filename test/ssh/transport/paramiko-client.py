"""Logs in without a password, runs a command, gives it standard input, prints what comes back. Arguments: port, compression."""
import sys
import threading
import paramiko

port, compression = sys.argv[1:3]
data = sys.stdin.buffer.read()

transport = paramiko.Transport(("127.0.0.1", int(port)))
transport.use_compression(compression == "zlib@openssh.com")
transport.start_client(timeout=20)
transport.auth_none("user")
channel = transport.open_session()
channel.exec_command("echo")


def feed():
    channel.sendall(data)
    transport.renegotiate_keys()
    channel.shutdown_write()


threading.Thread(target=feed, daemon=True).start()
while True:
    block = channel.recv(65536)
    if not block:
        break
    sys.stdout.buffer.write(block)
sys.stdout.buffer.flush()
transport.close()
