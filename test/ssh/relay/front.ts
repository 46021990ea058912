/** The smallest front: transport, login, relay to a real sshd. Everybody is let in, by whatever method comes first. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Origin } from "../../../gateway/model/entries.ts";
import type { Decision, LoginAttempt, UserauthResult } from "../../../gateway/ssh/userauth/attempt.ts";
import { serveUserauth } from "../../../gateway/ssh/userauth/serve.ts";
import { UpstreamLogin } from "../../../gateway/ssh/userauth/upstream.ts";
import { startRelay, type Relay, type RelayEnd } from "../../../gateway/ssh/relay/relay.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import { serveTransport } from "../../../gateway/ssh/transport/serve.ts";
import { extensionsOf9_2 } from "../transport/pair.ts";
import type { Sshd } from "./sshd.ts";

/** What a front must know of the sshd behind it. */
export type Behind = Pick<Sshd, "port" | "hostKeys" | "user" | "log"> & {
  readonly identity: Omit<Sshd["identity"], "path">;
};

export interface FrontSession {
  readonly attempts: LoginAttempt[];
  readonly taped: [Origin, Buffer][];
  readonly localReplies: string[];
  readonly socket: Socket;
  login?: UserauthResult;
  relay?: Relay;
  end?: RelayEnd;
}

export interface Front extends AsyncDisposable {
  readonly port: number;
  readonly sessions: FrontSession[];
}

export interface FrontOptions {
  readonly decide?: (attempt: LoginAttempt) => Promise<Decision>;
  readonly methods?: readonly ("publickey" | "password" | "keyboard-interactive")[];
  /** Keep what the tap sees; not for bulk. */
  readonly keep?: boolean;
  readonly debugLines?: readonly string[];
}

const OFFER = {
  kex: ["curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"],
  hostKey: ["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"],
  cipher: ["chacha20-poly1305@openssh.com", "aes128-ctr", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"],
  mac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"],
  compression: ["none", "zlib@openssh.com"],
};
/** What Debian 12's sshd announces, which is more than it accepts. */
const SIGNATURE_ALGORITHMS = [
  "ssh-ed25519",
  "sk-ssh-ed25519@openssh.com",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ecdsa-sha2-nistp256@openssh.com",
  "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
  "ssh-dss",
  "ssh-rsa",
  "rsa-sha2-256",
  "rsa-sha2-512",
];

export async function startFront(sshd: Behind, options: FrontOptions = {}): Promise<Front> {
  const sessions: FrontSession[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    const session: FrontSession = { attempts: [], taped: [], localReplies: [], socket };
    sessions.push(session);
    socket.on("error", () => undefined);
    void serve(socket, session, sshd, options)
      .catch(() => undefined)
      .finally(() => {
        socket.destroy();
      });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    sessions,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const { socket, relay } of sessions) {
        relay?.close();
        socket.destroy();
      }
      for (const { relay } of sessions) await relay?.ended;
    },
  };
}

async function serve(
  socket: Socket,
  session: FrontSession,
  sshd: Behind,
  options: FrontOptions,
): Promise<void> {
  const { hostKeys } = sshd;
  const downstream = await serveTransport(socket, {
    identification: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10",
    hostKeys,
    offer: OFFER,
    extensions: extensionsOf9_2(SIGNATURE_ALGORITHMS),
  });
  const login = await serveUserauth(downstream, {
    methods: options.methods ?? ["publickey", "password"],
    maxTries: 6,
    signatureAlgorithms: SIGNATURE_ALGORITHMS,
    hostKeys: sshd.hostKeys,
    decide: (attempt) => {
      session.attempts.push(attempt);
      return options.decide?.(attempt) ?? Promise.resolve({ kind: "accepted" });
    },
  });
  session.login = login;
  if (login.kind === "no-login") {
    await downstream.closed;
    return;
  }
  const toSshd = connect(sshd.port, "127.0.0.1");
  toSshd.on("error", () => undefined);
  toSshd.setNoDelay(true);
  await once(toSshd, "connect");
  const upstream = await connectTransport(toSshd, {
    identification: downstream.peerIdentification.toString("latin1"),
    hostKeys,
  });
  using upstreamLogin = new UpstreamLogin(upstream);
  const answer = await upstreamLogin.key(Buffer.from(sshd.user), sshd.identity);
  if (answer.kind !== "accepted") throw new Error(`sshd did not let us in: ${sshd.log()}`);
  session.relay = startRelay({
    downstream,
    upstream,
    hostKeys,
    onLocalReply: (request) => session.localReplies.push(request),
    ...(options.debugLines === undefined ? {} : { debugLines: options.debugLines }),
    tap: {
      packet: (from, bytes) => {
        if (options.keep !== false) session.taped.push([from, Buffer.from(bytes)]);
      },
      flush: () => undefined,
    },
  });
  session.end = await session.relay.ended;
  toSshd.destroy();
}
