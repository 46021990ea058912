/** What scanners take for a server's fingerprint: its key exchange offer, of the image's own sshd and of ours in its place. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { HostKeyFile, Persona } from "../../gateway/model/persona.ts";
import { Engine } from "../../gateway/sandbox/docker.ts";
import { findPersona } from "../../gateway/sandbox/image/find.ts";
import { makeHostKeys } from "../../gateway/sandbox/image/host-keys.ts";
import { labelsOf } from "../../gateway/sandbox/image/image-labels.ts";
import { unpackLearned } from "../../gateway/sandbox/image/learned.ts";
import { LEARNED_LABEL } from "../../gateway/sandbox/image/names.ts";
import { readModuli } from "../../gateway/sandbox/image/read-moduli.ts";
import { parseKexInit, type KexInit } from "../../gateway/ssh/transport/kexinit.ts";
import { likeSshdBeforeLogin, listen } from "../ssh/transport/listener.ts";
import { ImageContainer } from "./container.ts";

const IDENTIFICATION = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n";

/** The server's identification line and KEXINIT, out of the first bytes that it sends. */
function firstWords(bytes: Buffer): { readonly line: string; readonly offer: KexInit } {
  const end = bytes.indexOf("\r\n");
  const packet = bytes.subarray(end + 2);
  const [length, padding] = [packet.readUInt32BE(0), packet.readUInt8(4)];
  assert.ok(packet.length >= 4 + length, "the whole KEXINIT is here");
  const { offer } = parseKexInit(Buffer.from(packet.subarray(5, 4 + length - padding)));
  return { line: bytes.toString("latin1", 0, end), offer };
}

/** github.com/salesforce/hassh, of a server. */
function hasshServer(offer: KexInit): string {
  const lists = [offer.kex, offer.cipherToClient, offer.macToClient, offer.compressionToClient];
  return createHash("md5")
    .update(lists.map((names) => names.join(",")).join(";"))
    .digest("hex");
}

describe("on the wire the gateway is the image's own sshd", () => {
  const engine = new Engine();
  let folder: string;
  let hostKeys: readonly HostKeyFile[];
  let persona: Persona;
  let server: ImageContainer;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "mitsubako-wire-test-"));
    hostKeys = await makeHostKeys(join(folder, "keys"), "srv01");
    persona = await findPersona(engine, { name: "debian-12", hostname: "srv01" });
    const names = { "ssh-rsa": "rsa", "ecdsa-sha2-nistp256": "ecdsa", "ssh-ed25519": "ed25519" } as const;
    const files = hostKeys.flatMap(({ type, privateKey, publicKey }) => [
      [`/etc/ssh/ssh_host_${names[type]}_key`, privateKey],
      [`/etc/ssh/ssh_host_${names[type]}_key.pub`, publicKey],
    ]);
    server = await ImageContainer.start(Object.fromEntries(files) as Record<string, string>);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("lacks nothing that its sshd offers", async () => {
    const learned = unpackLearned((await labelsOf(engine, persona.image))?.[LEARNED_LABEL] ?? "");
    assert.ok(learned);
    const { kex, hostKey, cipher, mac, compression } = learned;
    assert.deepEqual(persona.offer, { kex, hostKey, cipher, mac, compression });
  });

  it("has its groups", async () => {
    const moduli = await readModuli(engine, persona.image);
    const lines = await server.run("grep -c '^[0-9]* 2 6 ' /etc/ssh/moduli");
    assert.equal(moduli.length, Number(lines));
    assert.ok(moduli.length > 100);
  });

  it("has its HASSHServer, and every list of its offer", async (context) => {
    // nc goes when nothing has come for two seconds.
    const said = await server.run(
      `printf '${IDENTIFICATION.replace("\r\n", "\\r\\n")}' | nc -w 2 localhost 22 | base64 -w 0`,
    );
    const theirs = firstWords(Buffer.from(said, "base64"));

    await using ours = await listen(likeSshdBeforeLogin, { ...persona, hostKeys });
    const socket = connect(ours.port, "127.0.0.1");
    let bytes = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.write(IDENTIFICATION);
    try {
      for (let whole = false; !whole;) {
        const [chunk] = (await once(socket, "data")) as [Buffer];
        bytes = Buffer.concat([bytes, chunk]);
        const at = bytes.indexOf("\r\n") + 2;
        whole = at > 1 && bytes.length >= at + 4 && bytes.length >= at + 4 + bytes.readUInt32BE(at);
      }
    } finally {
      socket.destroy();
    }
    const mine = firstWords(bytes);
    assert.deepEqual(mine, theirs);
    assert.equal(hasshServer(mine.offer), hasshServer(theirs.offer));
    context.diagnostic(`HASSHServer ${hasshServer(mine.offer)} of ${mine.line}`);
  });
});
