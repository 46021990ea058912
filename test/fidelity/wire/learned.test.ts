/** A server that was learned is played alike: one with a configuration of its own, by `persona learn`, and whoever is none. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import Dockerode from "dockerode";
import { makeHostKeys } from "../../../gateway/sandbox/image/host-keys.ts";
import { imageReference } from "../../../gateway/sandbox/image/names.ts";
import { run, startGateway } from "../../gateway/harness.ts";
import { mustBeAlike } from "./alike.ts";
import { password, request } from "./probes/under-keys.ts";
import type { Phase, Probe } from "./compare.ts";
import { message } from "./encoding.ts";
import { Prober } from "./prober.ts";
import { startReference } from "./reference.ts";
import { ALICE, policyFor, ROOT } from "./targets.ts";

const MAIN = new URL("../../../gateway/main.ts", import.meta.url).pathname;
const ACCOUNTS = [ROOT, ALICE];
/** Nothing of it is stock: line, lists, banner, methods. */
const CHANGED = [
  "DebianBanner=no",
  "KexAlgorithms=ecdh-sha2-nistp384,curve25519-sha256",
  "HostKeyAlgorithms=ssh-ed25519,rsa-sha2-256",
  "Ciphers=aes256-gcm@openssh.com,aes128-ctr",
  "MACs=hmac-sha2-256,umac-128@openssh.com",
  "Compression=no",
  "Banner=/etc/issue.net",
  "KbdInteractiveAuthentication=yes",
  "PubkeyAcceptedAlgorithms=ssh-ed25519",
];

const ASKED: Record<string, readonly Buffer[]> = {
  "a wrong password": [password("root", "wrong")],
  "the right one": [password("root", ROOT.password)],
  "none, then right": [request("root", "none"), password("root", ROOT.password)],
  "keyboard-interactive": [request("root", "keyboard-interactive", "", "")],
  "a foreign method": [request("root", "foo")],
};

const phase: Phase = {
  name: "a learned server",
  probes: [
    ...["OpenSSH_9.2p1", "OpenSSH_6.6", "PuTTY_Release_0.63"].map((software): Probe => ({
      name: software,
      offers: true,
      options: { identification: `SSH-2.0-${software}` },
      script: (prober) => prober.greet(),
    })),
    ...Object.entries(ASKED).map(([name, payloads]): Probe => ({
      name,
      script: async (prober) => {
        await prober.ready();
        await prober.ask(message(5, "ssh-userauth"));
        for (const payload of payloads) {
          prober.say(payload);
          await prober.fence();
        }
      },
    })),
  ],
};

describe("mitsubako persona learn", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp("/var/tmp/mitsubako-learn-");
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    // It is not there where the learning failed.
    await new Dockerode()
      .getImage(imageReference(NAME))
      .remove()
      .catch((error: unknown) => {
        if ((error as { statusCode?: unknown }).statusCode !== 404) throw error;
      });
  });

  const learn = (port: number, data: string, ...options: string[]) =>
    run(
      process.execPath,
      [MAIN, "persona", "learn", `127.0.0.1:${port}`, "--name", NAME, "--data", data, ...options],
      { within: 240_000, env: { ...process.env, MITSUBAKO_PERSONA_PASSWORD: ALICE.password } },
    );

  it("makes a persona that answers as the server did, in its banner, methods and every list", async () => {
    const data = join(folder, "data");
    await makeHostKeys(join(folder, "keys"), "shop");
    {
      await using server = await startReference("debian-12", join(folder, "keys"), ACCOUNTS, CHANGED);
      const { code, stdout, stderr } = await learn(server.port, data, "--user", ALICE.user);
      assert.equal(code, 0, stderr.toString());
      assert.match(
        stdout.toString(),
        // The image makes three kinds of host keys, and announces them whatever the model has.
        /^SSH-2\.0-OpenSSH_9\.2p1 is learned, .*\nWhat is played otherwise:\n {2}- After a login the sshd of debian-12 announces host keys that it has not: ecdsa-sha2-nistp256\.\n$/,
      );
    }
    const file = JSON.parse(await readFile(join(data, "personas", `${NAME}.json`), "utf8")) as {
      learned: { methods: string[]; banner: string; kex: string[]; afterLogin: string[] };
    };
    assert.deepEqual(file.learned.methods, ["publickey", "password", "keyboard-interactive"]);
    assert.equal(file.learned.banner, "Debian GNU/Linux 12\n");
    assert.equal(file.learned.kex[0], "ecdh-sha2-nistp384");
    assert.deepEqual(file.learned.afterLogin, ["global-request hostkeys-00@openssh.com"]);

    const gateway = await startGateway({ policy: policyFor(NAME), data });
    try {
      // The same configuration with the host keys that strangers see: all that is compared holds them.
      await using reference = await startReference("debian-12", join(data, "keys", NAME), ACCOUNTS, CHANGED);
      const prober = new Prober(gateway.port, { patience: 100 });
      await prober.login(ROOT.user, ROOT.password);
      prober.close();
      assert.equal(await mustBeAlike(phase, { theirs: reference.port, ours: gateway.port }), 0);
    } finally {
      await gateway[Symbol.asyncDispose]();
    }
  });

  it("says what is wrong with a server that cannot be learned, and with a call that cannot be meant", async () => {
    const server = createServer((socket) =>
      socket.on("error", () => undefined).end("SSH-2.0-\x1b[31mnobody\r\n"),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { code, stderr } = await learn((server.address() as AddressInfo).port, folder);
      assert.equal(code, 1);
      assert.match(stderr.toString(), /cannot be learned/);
      assert.ok(!stderr.includes(0x1b));
    } finally {
      server.close();
    }
    assert.equal((await learn(0, folder)).code, 2);
    assert.equal((await learn(22, folder, "--image", "no-such")).code, 2);
  });
});

const NAME = `learned-${process.pid}`;
