import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildGlobalRequest } from "../../../gateway/ssh/messages/global.ts";
import { payload, string, u32 } from "../../../gateway/ssh/messages/writer.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { serveUserauth } from "../../../gateway/ssh/userauth/serve.ts";
import { UpstreamLogin } from "../../../gateway/ssh/userauth/upstream.ts";
import { MemoryTransport } from "../relay/memory-transport.ts";
import { startSshd, type Sshd } from "../relay/sshd.ts";
import { ed25519 } from "./keys.ts";
import { Talk } from "./talk.ts";

const WRONG = Buffer.from("wr\xffng", "latin1");

describe("UpstreamLogin towards a real sshd", () => {
  let sshd: Sshd;
  let user: Buffer;

  before(async () => {
    sshd = await startSshd("MaxAuthTries 3", "Banner /etc/os-release");
    user = Buffer.from(sshd.user);
  });

  after(async () => {
    await sshd[Symbol.asyncDispose]();
  });

  async function connected(
    use: (transport: Transport, login: UpstreamLogin) => Promise<void>,
  ): Promise<void> {
    const socket = connect(sshd.port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    try {
      const transport = await connectTransport(socket, {
        identification: "SSH-2.0-OpenSSH_9.2p1",
        hostKeys: sshd.hostKeys,
      });
      using login = new UpstreamLogin(transport);
      await use(transport, login);
    } finally {
      socket.destroy();
    }
  }

  it("makes several attempts on one connection, and is let in by its key", async () => {
    await connected(async (transport, login) => {
      assert.deepEqual(await login.none(user), { kind: "refused" });
      assert.deepEqual(login.methods, ["publickey", "password", "keyboard-interactive"]);
      assert.notEqual(login.banner, "", "it was shown the banner");
      assert.deepEqual(await login.password(user, WRONG), { kind: "refused" });
      const stranger = ed25519();
      const key = { privateKey: stranger.privateKey, publicKeyBlob: stranger.blob };
      assert.deepEqual(await login.key(user, key), { kind: "refused" });
      assert.deepEqual(await login.key(user, sshd.identity), { kind: "accepted" });
      const first = await new Talk(transport).hear();
      assert.ok(Buffer.isBuffer(first));
      assert.match(first.toString("latin1"), /hostkeys-00@openssh\.com/, "nothing after the answer is lost");
    });
  });

  it("tells what sshd said when it had enough", async () => {
    await connected(async (_, login) => {
      await login.password(user, WRONG);
      await login.password(user, WRONG);
      const answer = await login.password(user, WRONG);
      assert.ok(answer.kind === "closed");
      assert.deepEqual(answer.disconnect, { code: 2, text: "Too many authentication failures" });
      const late = await login.password(user, WRONG);
      assert.equal(late.kind, "closed", "and goes on telling");
    });
  });

  it("tells of another user name on the same connection", async () => {
    await connected(async (_, login) => {
      await login.password(Buffer.from("one"), WRONG);
      const answer = await login.password(Buffer.from("two"), WRONG);
      assert.ok(answer.kind === "closed");
      assert.match(answer.disconnect?.text ?? "", /^Change of username or service not allowed: \(one,/);
    });
  });

  it("says that it was aborted, without waiting for sshd", async () => {
    const socket = connect(sshd.port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    const abort = new AbortController();
    const transport = await connectTransport(socket, {
      identification: "SSH-2.0-OpenSSH_9.2p1",
      hostKeys: sshd.hostKeys,
    });
    using login = new UpstreamLogin(transport, abort.signal);
    const answer = login.password(user, WRONG);
    abort.abort();
    assert.deepEqual(await answer, { kind: "closed", end: { kind: "aborted" } });
    socket.destroy();
  });

  it("signs as a one-time key with options does", async () => {
    const once = ed25519();
    const line = `from="127.0.0.1",command="echo forced" ssh-ed25519 ${once.blob.toString("base64")}\n`;
    writeFileSync(join(sshd.folder, "authorized_keys"), line, { flag: "a" });
    await connected(async (_, login) => {
      const key = { privateKey: once.privateKey, publicKeyBlob: once.blob };
      assert.deepEqual(await login.key(user, key), { kind: "accepted" });
    });
  });
});

describe("UpstreamLogin towards our own server role", () => {
  it("is let in by a password that is not text, and leaves the rest to others", async () => {
    const { client, server } = MemoryTransport.pair();
    const result = serveUserauth(server, {
      methods: ["password"],
      maxTries: 6,
      signatureAlgorithms: [],
      hostKeys: [],
      banner: "Hällo\n",
      decide: ({ credential }) =>
        Promise.resolve({
          kind: credential.kind === "password" && credential.password.equals(WRONG) ? "accepted" : "refused",
        }),
    });
    using login = new UpstreamLogin(client);
    assert.deepEqual(await login.password(Buffer.from("root"), Buffer.from("x")), { kind: "refused" });
    assert.equal(login.banner, "Hällo\n");
    assert.deepEqual(await login.password(Buffer.from("root"), WRONG), { kind: "accepted" });
    assert.ok(client.compressing && server.compressing);
    assert.equal((await result).kind, "login");
    const request = buildGlobalRequest("keepalive@openssh.com", true);
    server.send(request);
    assert.deepEqual(await new Talk(client).hear(), request);
  });

  it("takes a wish for a new password as a refusal, and does not trip over what it did not ask for", async () => {
    const { client, server } = MemoryTransport.pair();
    const peer = new Talk(server);
    using login = new UpstreamLogin(client);
    const answer = login.password(Buffer.from("root"), WRONG);
    assert.deepEqual(await peer.hear(), payload(5, string("ssh-userauth")));
    await peer.hear();
    peer.say(payload(6, string("ssh-userauth")), payload(53), payload(53, u32(500)), payload(51));
    assert.deepEqual(await answer, { kind: "refused" });
    const second = login.password(Buffer.from("root"), WRONG);
    await peer.hear();
    peer.say(payload(60, string("Your password has expired"), string("")));
    assert.deepEqual(await second, { kind: "refused" });
  });
});
