/** Builds the entries of a session as a gateway would have recorded it. */
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Attempt, Entry, Fact, Origin, SessionEnded } from "../../gateway/model/entries.ts";
import type { SandboxId, SessionId } from "../../gateway/model/ids.ts";
import { buildChannelOpen, buildChannelOpenConfirmation } from "../../gateway/ssh/messages/channel-open.ts";
import { buildChannelRequest, buildWindowSize } from "../../gateway/ssh/messages/channel-request.ts";
import { buildChannelData, buildChannelSignal } from "../../gateway/ssh/messages/channel.ts";
import { ChannelLedger } from "../../gateway/ssh/messages/channels.ts";
import { string, u32 } from "../../gateway/ssh/messages/writer.ts";

export const OFFER = {
  kex: ["curve25519-sha256", "ext-info-c"],
  hostKey: ["ssh-ed25519", "rsa-sha2-512"],
  cipherToServer: ["chacha20-poly1305@openssh.com", "aes128-ctr"],
  cipherToClient: ["chacha20-poly1305@openssh.com"],
  macToServer: ["hmac-sha2-256"],
  macToClient: ["hmac-sha2-256"],
  compressionToServer: ["none", "zlib@openssh.com"],
  compressionToClient: ["none"],
  languageToServer: [],
  languageToClient: [],
};
export const SANDBOX = "5a5a5a5a5a5a" as SandboxId;

export class Conversation {
  readonly session: SessionId;
  readonly entries: Entry[] = [];
  readonly #ledger = new ChannelLedger();
  #at = 0n;
  #attempts = 0;
  #channels = 0;

  constructor(session = "0a1b2c3d4e5f", startedAt = "2026-11-23T02:15:37.223438Z") {
    this.session = session as SessionId;
    this.fact({
      kind: "session-opened",
      session: this.session,
      startedAt,
      source: { address: "192.0.2.7", port: 50123 },
      listener: { address: "198.51.100.1", port: 22 },
      sensor: "lab",
      persona: "debian-12",
      policy: "ab".repeat(32),
    });
  }

  /** Lets time pass, in milliseconds. */
  after(milliseconds: number): this {
    return this.afterNanoseconds(BigInt(milliseconds) * 1_000_000n);
  }

  afterNanoseconds(nanoseconds: bigint): this {
    this.#at += nanoseconds;
    return this;
  }

  fact(fact: Fact): this {
    this.entries.push({ type: "fact", at: this.#at, fact });
    return this;
  }

  packet(from: Origin, payload: Buffer): this {
    const channel = this.#ledger.ordinal(from, payload);
    this.entries.push({ type: "packet", at: this.#at, from, channel, payload });
    return this;
  }

  hello(version = "SSH-2.0-OpenSSH_9.2p1"): this {
    this.fact({ kind: "client-version", version: bytes(version) });
    return this.fact({ kind: "key-exchange", offer: OFFER, hassh: "0123456789abcdef0123456789abcdef" });
  }

  password(user: string, password: string, outcome: "accepted" | "refused", profile?: string): this {
    const number = ++this.#attempts;
    this.fact({ kind: "attempt", number, user: bytes(user), method: "password" });
    this.fact({ kind: "credential", attempt: number, password: bytes(password) });
    return this.after(40).fact({
      ...({ kind: "answer", attempt: number, outcome, by: "policy", rule: "otherwise" } as const),
      ...(profile === undefined ? {} : { profile }),
    });
  }

  key(user: string, signed: boolean, outcome: "accepted" | "refused" | "key-acceptable"): this {
    const number = ++this.#attempts;
    const key: NonNullable<Attempt["key"]> = {
      algorithm: bytes("ssh-ed25519"),
      blob: "AAAAC3NzaC1lZDI1NTE5AAAAIA==",
      fingerprintMd5: "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
      fingerprintSha256: "SHA256:abcdef",
      signed,
    };
    this.fact({ kind: "attempt", number, user: bytes(user), method: "publickey", key });
    return this.fact({ kind: "answer", attempt: number, outcome, by: "sandbox" });
  }

  leased(): this {
    return this.fact({
      kind: "sandbox-leased",
      sandbox: SANDBOX,
      container: "c0ffee",
      address: "10.200.0.2",
      state: "new",
      image: "mitsubako/debian-12",
    });
  }

  login(user = "root", password = "hunter2"): this {
    this.hello().password(user, password, "accepted").leased();
    return this.fact({ kind: "logged-in", user: bytes(user), method: "password" });
  }

  /** Opens a channel and has it confirmed; both sides give it the same number, which is returned. */
  open(type = "session", ...fields: Buffer[]): number {
    const number = this.#channels++;
    const head = { sender: number, window: 2_097_152, maxPacket: 32_768 };
    this.packet("downstream", buildChannelOpen(type, head, ...fields));
    this.packet("upstream", buildChannelOpenConfirmation({ recipient: number, ...head }));
    return number;
  }

  forward(host: string, port: number): number {
    return this.open("direct-tcpip", string(host), u32(port), string("127.0.0.1"), u32(40000));
  }

  request(channel: number, name: string, ...fields: Buffer[]): this {
    this.packet("downstream", buildChannelRequest(channel, name, true, ...fields));
    return this.packet("upstream", buildChannelSignal("channel-success", channel));
  }

  exec(channel: number, command: string): this {
    return this.request(channel, "exec", string(command));
  }

  shell(channel: number, columns = 80, rows = 24): this {
    const size = buildWindowSize({ columns, rows, width: 0, height: 0 });
    return this.request(channel, "pty-req", string("xterm"), size, string(Buffer.of(0))).request(
      channel,
      "shell",
    );
  }

  sends(channel: number, data: Buffer | string): this {
    return this.packet("downstream", buildChannelData(channel, data));
  }

  gets(channel: number, data: Buffer | string): this {
    return this.packet("upstream", buildChannelData(channel, data));
  }

  exits(channel: number, status: number): this {
    this.packet("upstream", buildChannelRequest(channel, "exit-status", false, u32(status)));
    this.packet("upstream", buildChannelSignal("channel-close", channel));
    return this.packet("downstream", buildChannelSignal("channel-close", channel));
  }

  /** The last entry, not among `entries` yet. */
  end(reason: SessionEnded["reason"] = "client-closed"): Entry & { type: "fact"; fact: SessionEnded } {
    return { type: "fact", at: this.#at, fact: { kind: "session-ended", reason } };
  }

  /** All of it, to its end in order. */
  whole(reason?: SessionEnded["reason"]): Entry[] {
    return [...this.entries, this.end(reason)];
  }
}

function bytes(text: string) {
  return toByteString(Buffer.from(text, "latin1"));
}
