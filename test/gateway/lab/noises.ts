/** What a hostile root in a sandbox does to its neighbours' machine. Each runs until its session ends. */

export interface Noise {
  readonly name: string;
  /** Run by the sandbox's shell. */
  readonly command: string;
  /** What it prints once it has got as far as it can get. */
  readonly reached: RegExp;
  /** What must be seen of its container from outside meanwhile. */
  readonly seen?: (stats: Stats) => string | undefined;
}

/** What we read of the engine's figures of one container. */
export interface Stats {
  readonly pids_stats: { readonly current?: number };
  readonly networks?: Readonly<Record<string, { readonly tx_packets: number }>>;
}

const python = (program: string): string => `python3 -u -c '${program.replaceAll("'", `'"'"'`)}' 2>&1`;

const FILL_DISK = `
import os
while True:
    name = 0
    try:
        while True:
            with open("/root/fill%d" % name, "wb", 0) as file:
                for _ in range(64):
                    file.write(b"x" * 1048576)
            name += 1
    except OSError as error:
        print("full:", error, name)
    for old in range(name + 1):
        os.unlink("/root/fill%d" % old)
`;

const FILL_INODES = `
import os, shutil
while True:
    count = 0
    try:
        while True:
            folder = "/root/many/%d" % (count // 1000)
            if count % 1000 == 0:
                os.makedirs(folder)
            os.mknod("%s/%d" % (folder, count))
            count += 1
    except OSError as error:
        print("full:", error, count)
    shutil.rmtree("/root/many")
`;

const HOLD_FILES = `
import os, time
held = []
children = 0
try:
    while children < 200 and os.fork():
        children += 1
except OSError:
    pass
while True:
    try:
        held.extend(os.pipe())
    except OSError as error:
        print("full:", error, len(held))
        time.sleep(1)
        if held:
            os.close(held.pop())
`;

/** All begin at the same time, or the first would leave no time to start the others. */
const BURN = `
import os
reader, writer = os.pipe()
children = 0
try:
    while True:
        if os.fork() == 0:
            os.close(writer)
            os.read(reader, 1)
            while True:
                pass
        children += 1
except OSError:
    print("burning:", children)
os.close(writer)
os.wait()
`;

/** To the bridge's own address and to one that is nobody's, as fast as four processes can. */
const FLOOD = `
import os, socket, struct
route = next(line.split() for line in open("/proc/net/route") if line.split()[1] == "00000000")
gateway = socket.inet_ntoa(struct.pack("<L", int(route[2], 16)))
number = [0, 1, 2, 3][(os.fork() > 0) * 2 + (os.fork() > 0)]
target = (gateway, "203.0.113.9")[number % 2]
sent = 0
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try:
        if number < 2:
            udp.sendto(b"x", (target, 1 + sent % 65535))
        else:
            tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            tcp.setblocking(False)
            tcp.connect_ex((target, 1 + sent % 65535))
            tcp.close()
    except OSError:
        pass
    sent += 1
    if sent == 10000:
        print("sent 10000 to", target)
`;

export const NOISES: readonly Noise[] = [
  {
    name: "fork bomb",
    command: "exec 2>&1; b() { b | b & }; while :; do b; done",
    reached: /Resource temporarily unavailable|Cannot fork/,
    seen: ({ pids_stats: { current = 0 } }) => (current > 200 ? undefined : `${current} processes`),
  },
  {
    name: "memory hog",
    command: `while :; do ${python("hold = []\nwhile True: hold.append(bytearray(b'x' * 1048576))")}; echo "ended with $?"; done`,
    reached: /ended with 137|MemoryError/,
  },
  { name: "disk filler", command: python(FILL_DISK), reached: /full: .*No space left/ },
  { name: "inode filler", command: python(FILL_INODES), reached: /full: .*No space left/ },
  {
    name: "CPU burner",
    command: python(BURN),
    reached: /burning: /,
    seen: ({ pids_stats: { current = 0 } }) => (current > 150 ? undefined : `${current} processes`),
  },
  { name: "fd hog", command: python(HOLD_FILES), reached: /full: |Killed|137/ },
  {
    name: "flood of small packets",
    command: python(FLOOD),
    reached: /sent 10000/,
    seen: ({ networks = {} }) => {
      const sent = Object.values(networks).reduce((sum, { tx_packets }) => sum + tx_packets, 0);
      return sent > 10_000 ? undefined : `${sent} packets`;
    },
  },
];
