/** Asking servers that want no good: all is bounded, and ends with the signal. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { describe, it } from "node:test";
import type { Learned } from "../../gateway/model/learned.ts";
import { learnedSchema } from "../../gateway/sandbox/image/learned.ts";
import { inquire } from "../../gateway/ssh/inquiry/inquire.ts";
import { buildExtInfo } from "../../gateway/ssh/messages/ext-info.ts";
import { buildDebug, buildServiceAccept } from "../../gateway/ssh/messages/general.ts";
import { buildGlobalRequest, buildRequestFailure } from "../../gateway/ssh/messages/global.ts";
import { MSG } from "../../gateway/ssh/messages/numbers.ts";
import { buildUserauthBanner, buildUserauthFailure } from "../../gateway/ssh/messages/userauth.ts";
import type { Transport } from "../../gateway/ssh/transport/transport.ts";
import { listen } from "./transport/listener.ts";

type Act = (transport: Transport) => void;

/** So much of a kind is a flood. */
const MANY = 500;

interface Says {
  /** Instead of what sshd says to `none`. */
  readonly none?: Act;
  readonly password?: Act;
  /** Instead of an answer to the first request after the login. */
  readonly request?: Act;
}

const refuse: Act = (transport) => transport.send(buildUserauthFailure(["password"]));
const accept: Act = (transport) => transport.send(Buffer.of(MSG.USERAUTH_SUCCESS));
const fail: Act = (transport) => transport.send(buildRequestFailure());

function server({ none = refuse, password = accept, request = fail }: Says): Act {
  return (transport) => {
    let tries = 0;
    transport.attach({
      payload: ([type]) => {
        if (type === MSG.SERVICE_REQUEST) transport.send(buildServiceAccept("ssh-userauth"));
        else if (type === MSG.USERAUTH_REQUEST) (tries++ === 0 ? none : password)(transport);
        else if (type === MSG.GLOBAL_REQUEST) request(transport);
      },
    });
  };
}

/** Sends it without end, as fast as it is taken. Each time it tells how often it has. */
function forever(message: Buffer, sent: (count: number) => void): Act {
  return (transport) => {
    let count = 0;
    let over = false;
    void transport.closed.then(() => (over = true));
    const more = () => {
      if (over) return;
      transport.send(message);
      sent(++count);
      setImmediate(more);
    };
    more();
  };
}

function ask(port: number, signal = new AbortController().signal): Promise<Learned> {
  return inquire({
    connect: async () => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      await once(socket, "connect");
      return socket;
    },
    login: { user: "probe", password: "secret" },
    signal,
  });
}

const asked = async (says: Says): Promise<Learned> => {
  await using listener = await listen(server(says));
  return await ask(listener.port);
};

describe("a server that says too much", () => {
  it("has no more of its banners kept than a little, and is not learned", async () => {
    const banner = buildUserauthBanner("b".repeat(30_000));
    const { banner: kept = "" } = await asked({
      none: (transport) => {
        for (let count = 0; count < 20; count++) transport.send(banner);
        refuse(transport);
      },
    });
    assert.ok(kept.length > 0 && kept.length < 100_000, String(kept.length));
  });

  it("is heard with what it announced first", async () => {
    const learned = await asked({
      none: (transport) => {
        for (let count = 0; count < MANY; count++)
          transport.send(buildExtInfo(Array.from({ length: 100 }, () => ({ name: "more", value: "" }))));
        refuse(transport);
      },
    });
    assert.deepEqual(
      learned.extensions.map(({ name }) => name),
      ["server-sig-algs", "publickey-hostbound@openssh.com"],
    );
    assert.ok(learnedSchema.safeParse(learned).success);
  });

  it("has its first messages after a login kept, shortened and without what moves a terminal", async () => {
    const { afterLogin = [] } = await asked({
      request: (transport) => {
        for (let count = 0; count < MANY; count++)
          transport.send(buildGlobalRequest(`\x1b[31m${"g".repeat(1000)}`, false));
        for (let count = 0; count < MANY; count++) transport.send(buildDebug("debug"));
        fail(transport);
      },
    });
    assert.equal(afterLogin.length, 64);
    for (const line of afterLogin) assert.match(line, /^global-request \?\[31mg{1,300}$/);
  });
});

describe("a server that never comes to an end", () => {
  const reason = new Error("long enough");
  const until = async (says: (enough: (count: number) => void) => Says) => {
    const abort = new AbortController();
    const enough = (count: number) => {
      if (count === MANY) abort.abort(reason);
    };
    await using listener = await listen(server(says(enough)));
    await assert.rejects(ask(listener.port, abort.signal));
    assert.ok(abort.signal.aborted, "it came so far");
    const ends = [...listener.sockets].map((socket) => new Promise((ended) => socket.once("close", ended)));
    await Promise.all(ends);
  };

  it("is left when the signal says so, whatever it floods with", { timeout: 120_000 }, async () => {
    const banner = buildUserauthBanner("b".repeat(1000));
    const extInfo = buildExtInfo([{ name: "", value: "" }]);
    const request = buildGlobalRequest("hostkeys-00@openssh.com", false);
    await until((enough) => ({ none: forever(banner, enough) }));
    await until((enough) => ({ none: forever(extInfo, enough) }));
    await until((enough) => ({ request: forever(request, enough) }));
  });

  it("is left when it hangs: at once, before an answer, after the login", { timeout: 120_000 }, async () => {
    for (const when of ["none", "password", "request"] as const)
      await until((enough) => ({
        [when]: () => {
          enough(MANY);
        },
      }));
    const abort = new AbortController();
    const silent = createServer((socket) => {
      socket
        .on("error", () => undefined)
        .once("data", () => {
          abort.abort(reason);
        });
    });
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    try {
      await assert.rejects(ask((silent.address() as AddressInfo).port, abort.signal));
      assert.ok(abort.signal.aborted, "it was asked");
    } finally {
      silent.close();
    }
    await once(silent, "close");
  });
});

it("an end after the login is told as one", async () => {
  const leave: Act = (transport) => {
    transport.destroy();
  };
  await assert.rejects(asked({ request: leave }), /ended the connection after the login/);
  await assert.rejects(asked({ none: leave }), /ended the connection when it was asked for its methods/);
  await assert.rejects(asked({ password: leave }), /did not take the password/);
});
