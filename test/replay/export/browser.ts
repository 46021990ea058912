/** A real browser without a window, told what to do over two pipes (the DevTools protocol: JSON, a zero byte after each message). */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { TestContext } from "node:test";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export interface Page {
  /** The value of an expression; a promise is waited for. */
  readonly evaluate: (expression: string) => Promise<unknown>;
  /** Whatever it tried to load. */
  readonly requests: readonly string[];
  /** Errors of scripts, and what the page's policy refused. */
  readonly complaints: readonly string[];
  /** A picture of it, PNG. */
  readonly picture: () => Promise<Buffer>;
}

/** Opens a page in a browser of Debian's `chromium-headless-shell`, which ends with the test. */
export async function openPage(t: TestContext, url: string): Promise<Page> {
  const home = mkdtempSync(join(tmpdir(), "mitsubako-test-browser-"));
  // Its own sandbox cannot run as root; whatever it asks the network for is not to be found.
  const browser = spawn(
    "chromium-headless-shell",
    [
      "--no-sandbox",
      "--disable-gpu",
      "--remote-debugging-pipe",
      `--user-data-dir=${home}`,
      "--host-resolver-rules=MAP * ~NOTFOUND",
    ],
    // A group of its own, so that its own children end with it.
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true },
  );
  t.after(async () => {
    const exited = browser.exitCode === null ? once(browser, "exit") : undefined;
    if (browser.pid !== undefined) process.kill(-browser.pid, "SIGKILL");
    await exited;
    commands.destroy();
    answers.destroy();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });
  const [, , , commands, answers] = browser.stdio as unknown as [
    unknown,
    unknown,
    unknown,
    Writable,
    Readable,
  ];
  const waiting = new Map<number, (message: Message) => void>();
  const requests: string[] = [];
  const complaints: string[] = [];
  // Whichever comes: it cannot be started, or it ended.
  const broken = once(browser, "exit").then(() => "the browser has ended");
  broken.catch(() => undefined);
  let last = 0;
  let rest = "";
  answers.setEncoding("utf8").on("data", (text: string) => {
    const messages = `${rest}${text}`.split("\0");
    rest = messages.pop() ?? "";
    for (const one of messages) heard(JSON.parse(one) as Message);
  });
  const heard = (message: Message) => {
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    else if (message.method === "Network.requestWillBeSent")
      requests.push((message.params?.["request"] as { url: string }).url);
    else if (message.method === "Log.entryAdded" || message.method === "Runtime.exceptionThrown")
      complaints.push(JSON.stringify(message.params));
  };
  const send = async (
    method: string,
    params: object = {},
    sessionId?: string,
  ): Promise<Record<string, unknown>> => {
    const id = ++last;
    const answer = new Promise<Message>((resolve, reject) => {
      waiting.set(id, resolve);
      const giveUp = (why: string) => {
        reject(new Error(`${method}: ${why}`));
      };
      setTimeout(giveUp, 60_000, "the browser does not answer").unref();
      broken.then(giveUp, reject);
    });
    commands.write(
      `${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`,
    );
    const { result, error } = await answer;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  };

  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const inPage = (method: string, params: object = {}) => send(method, params, sessionId as string);
  for (const domain of ["Page", "Network", "Log", "Runtime"]) await inPage(`${domain}.enable`);
  await inPage("Page.navigate", { url });
  const evaluate = async (expression: string) => {
    const { result, exceptionDetails } = await inPage("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value?: unknown }).value;
  };
  await evaluate(`new Promise((resolve) => {
    if (document.readyState === "complete") resolve();
    else addEventListener("load", () => resolve());
  })`);
  return {
    evaluate,
    requests,
    complaints,
    picture: async () => Buffer.from((await inPage("Page.captureScreenshot"))["data"] as string, "base64"),
  };
}
