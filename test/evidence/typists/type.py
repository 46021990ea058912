"""Types into a command that runs in a terminal of its own, in a manner that is known. Used by make.ts.

The hand's intervals are log-normal with the mean and deviation that 136 million keystrokes of 168,000 people had (Dhakal, Feit,
Kristensson and Oulasvirta, "Observations on Typing from 136 Million Keystrokes", CHI 2018: 238.7 ms, 111.6 ms).
"""

import math
import os
import pty
import random
import select
import sys
import time

MANNER, COMMAND = sys.argv[1], sys.argv[2:]
LINES = ["uname -a", "cat /proc/cpuinfo", "cd /tmp; ls -la", "w", "ps aux | head -3"]
MEAN, DEVIATION = 0.2387, 0.1116
SIGMA2 = math.log(1 + (DEVIATION / MEAN) ** 2)
MU = math.log(MEAN) - SIGMA2 / 2
chance = random.Random(MANNER)

child, terminal = pty.fork()
if child == 0:
    os.execvp(COMMAND[0], COMMAND)

heard = b""


def listen(seconds):
    global heard
    until = time.monotonic() + seconds
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0, until - time.monotonic()))
        if not ready:
            return
        try:
            more = os.read(terminal, 65536)
        except OSError:
            raise SystemExit(0)
        if not more:
            raise SystemExit(0)
        heard += more


def prompt():
    """Waits until a prompt is shown and nothing came after it."""
    global heard
    until = time.monotonic() + 60
    while not heard.rstrip(b" ").endswith((b"#", b"$")):
        if time.monotonic() > until:
            raise SystemExit("no prompt: %r" % heard[-200:])
        listen(0.02)
    heard = b""


def send(text):
    os.write(terminal, text if isinstance(text, bytes) else text.encode())


def hand():
    return min(1.8, chance.lognormvariate(MU, math.sqrt(SIGMA2)))


def key_by_key(interval, think=lambda: 0, slip=0.0):
    for line in LINES:
        prompt()
        listen(think())
        for character in line + "\r":
            if chance.random() < slip:
                send(chance.choice("qwertasdf"))
                listen(interval() * 2)
                send(b"\x7f")
                listen(interval())
            send(character)
            listen(interval())


MANNERS = {
    "metronome": lambda: key_by_key(lambda: 0.1),
    "slow-metronome": lambda: key_by_key(lambda: 0.25, think=lambda: 1),
    "unsteady-metronome": lambda: key_by_key(lambda: chance.uniform(0.1, 0.12)),
    "pretender": lambda: key_by_key(lambda: chance.uniform(0.05, 0.2)),
    "rattle": lambda: key_by_key(lambda: 0.005),
    "hand": lambda: key_by_key(hand, think=lambda: chance.uniform(0.8, 3)),
    "hand-with-slips": lambda: key_by_key(hand, think=lambda: chance.uniform(0.3, 1), slip=0.08),
    "quick-hand": lambda: key_by_key(lambda: hand() / 2.5, think=lambda: chance.uniform(0.5, 2), slip=0.05),
}


def few_keys():
    for line in ("w", "id", "exit"):
        prompt()
        listen(0.7)
        for character in line + "\r":
            send(character)
            listen(hand())


def expect():
    for line in LINES:
        prompt()
        send(line + "\r")


def sleeper():
    prompt()
    for line in LINES * 2:
        send(line + "\r")
        listen(0.5)


def paste():
    prompt()
    listen(1)
    send("".join(line + "\r" for line in LINES))
    listen(1)


def marked_paste():
    prompt()
    listen(1)
    send(b"\x1b[200~" + "\r".join(LINES).encode() + b"\x1b[201~")
    listen(1.5)
    send("\r")
    listen(1)


def line_by_line():
    """Copies from elsewhere, with the line's end."""
    for line in LINES:
        prompt()
        listen(chance.uniform(1, 3))
        send(line + "\r")


MANNERS |= {
    "few-keys": few_keys,
    "expect": expect,
    "sleeper": sleeper,
    "paste": paste,
    "marked-paste": marked_paste,
    "line-by-line": line_by_line,
}
MANNERS[MANNER]()
listen(0.3)
send("exit\r" if MANNER in ("expect", "sleeper", "paste", "line-by-line") else b"\x04")
listen(5)
