import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Receiver } from "./receiver.ts";
import { eventually, events, sequences, Spool, webhook } from "./spool.ts";

/** A certificate that signs itself, for one name. */
function certificate(t: TestContext, name: string): { key: string; cert: string; caFile: string } {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-tls-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", "/CN=test", "-addext", `subjectAltName=${name}`, "-keyout", key, "-out", cert],
    ],
    { stdio: "ignore" },
  );
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8"), caFile: cert };
}

test("https with the operator's own authority", async (t) => {
  const { caFile, ...tls } = certificate(t, "IP:127.0.0.1");
  const receiver = await Receiver.start(t, tls);
  const spool = new Spool(t);
  const policy = webhook(receiver.url, { caFile });
  spool.sink(policy).write(events(0, 5));
  await spool.send(policy);
  await receiver.until("all", ({ events }) => events.length >= 5);
  assert.deepEqual(sequences(receiver.events), [0, 1, 2, 3, 4]);
});

test("a certificate that nobody vouches for, or of another name, gets nothing", async (t) => {
  const other = certificate(t, "DNS:elsewhere.example");
  for (const [why, more] of [
    [/self-signed certificate/, {}],
    [/altnames/, { caFile: other.caFile }],
  ] as const) {
    const receiver = await Receiver.start(t, other);
    const spool = new Spool(t);
    const policy = webhook(receiver.url, more);
    spool.sink(policy).write(events(0, 1));
    await spool.send(policy);
    await eventually("a refusal", () => (spool.courier.tally?.failed ?? 0) > 0);
    assert.match(spool.log, why);
    assert.equal(receiver.asked.length, 0);
  }
});
