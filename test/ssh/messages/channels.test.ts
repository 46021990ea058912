import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  buildChannelOpen,
  buildChannelOpenConfirmation,
  buildChannelOpenFailure,
} from "../../../gateway/ssh/messages/channel-open.ts";
import { buildChannelData, buildChannelSignal } from "../../../gateway/ssh/messages/channel.ts";
import { ChannelLedger } from "../../../gateway/ssh/messages/channels.ts";
import { buildGlobalRequest } from "../../../gateway/ssh/messages/global.ts";

const open = (sender: number, type = "session") =>
  buildChannelOpen(type, { sender, window: 0, maxPacket: 32768 });
const confirm = (recipient: number, sender: number) =>
  buildChannelOpenConfirmation({ recipient, sender, window: 0, maxPacket: 32768 });
const data = (recipient: number) => buildChannelData(recipient, "x");
const close = (recipient: number) => buildChannelSignal("channel-close", recipient);

describe("ChannelLedger", () => {
  it("follows channels whose numbers differ on the two sides", () => {
    const ledger = new ChannelLedger();
    assert.equal(ledger.ordinal("downstream", open(7)), 1);
    assert.equal(ledger.ordinal("downstream", open(8)), 2);
    assert.equal(ledger.ordinal("upstream", confirm(8, 0)), 2);
    assert.equal(ledger.ordinal("upstream", confirm(7, 1)), 1);
    assert.equal(ledger.ordinal("downstream", data(1)), 1);
    assert.equal(ledger.ordinal("downstream", data(0)), 2);
    assert.equal(ledger.ordinal("upstream", data(7)), 1);
    assert.equal(ledger.ordinal("upstream", data(8)), 2);
    assert.equal(ledger.ordinal("downstream", data(7)), 0, "a number of the wrong side names nothing");
  });

  it("tells opens of either side apart though they use the same numbers", () => {
    const ledger = new ChannelLedger();
    assert.equal(ledger.ordinal("downstream", open(0)), 1);
    assert.equal(ledger.ordinal("upstream", confirm(0, 0)), 1);
    assert.equal(ledger.ordinal("upstream", open(1, "forwarded-tcpip")), 2);
    assert.equal(ledger.ordinal("downstream", confirm(1, 1)), 2);
    assert.equal(ledger.ordinal("downstream", data(1)), 2);
    assert.equal(ledger.ordinal("upstream", data(1)), 2);
    assert.equal(ledger.ordinal("upstream", data(0)), 1);
  });

  it("gives a number that is used again after both closes a new ordinal", () => {
    const ledger = new ChannelLedger();
    for (let ordinal = 1; ordinal <= 1000; ordinal++) {
      assert.equal(ledger.ordinal("downstream", open(0)), ordinal);
      assert.equal(ledger.ordinal("upstream", confirm(0, 0)), ordinal);
      assert.equal(ledger.ordinal("upstream", close(0)), ordinal);
      assert.equal(ledger.ordinal("downstream", data(0)), ordinal, "half closed");
      assert.equal(ledger.ordinal("downstream", close(0)), ordinal);
      assert.equal(ledger.ordinal("downstream", data(0)), 0);
    }
    assert.equal(ledger.opened, 1000);
  });

  it("forgets what was refused", () => {
    const ledger = new ChannelLedger();
    ledger.ordinal("downstream", open(3));
    assert.equal(ledger.ordinal("upstream", buildChannelOpenFailure(3, 1, "")), 1);
    assert.equal(ledger.ordinal("upstream", buildChannelOpenFailure(3, 1, "")), 0);
    assert.equal(ledger.ordinal("downstream", open(3)), 2);
    assert.equal(ledger.ordinal("upstream", confirm(3, 0)), 2);
  });

  it("counts global messages, cut ones and strangers' numbers to no channel", () => {
    const ledger = new ChannelLedger();
    assert.equal(ledger.ordinal("downstream", buildGlobalRequest("keepalive@openssh.com", true)), 0);
    assert.equal(ledger.ordinal("downstream", data(0)), 0);
    assert.equal(ledger.ordinal("upstream", confirm(0, 0)), 0);
    for (const whole of [open(0), confirm(0, 0), data(0), close(0)]) {
      for (let length = 0; length < 9; length++) ledger.ordinal("downstream", whole.subarray(0, length));
    }
    assert.equal(ledger.ordinal("downstream", Buffer.from("5affffffff00000000", "hex")), 0);
    assert.equal(ledger.opened, 0);
  });

  it("keeps two channels apart that a dishonest client opened with one number", () => {
    const ledger = new ChannelLedger();
    ledger.ordinal("downstream", open(0));
    ledger.ordinal("downstream", open(0));
    assert.equal(ledger.ordinal("upstream", confirm(0, 0)), 1);
    assert.equal(ledger.ordinal("upstream", confirm(0, 1)), 2);
    assert.equal(ledger.ordinal("downstream", data(0)), 1);
    assert.equal(ledger.ordinal("downstream", data(1)), 2);
  });

  it("stays small and quick however many are opened and never answered, or closed", () => {
    const before = process.memoryUsage().heapUsed;
    const ledger = new ChannelLedger();
    for (let number = 0; number < 300_000; number++) ledger.ordinal("downstream", open(number % 3));
    for (let number = 0; number < 300_000; number++) ledger.ordinal("upstream", confirm(0, number));
    assert.equal(ledger.ordinal("downstream", open(0)), 300_001);
    assert.ok(process.memoryUsage().heapUsed - before < 100 * 2 ** 20);
  });

  it("has room again after dishonest channels were displaced", () => {
    const ledger = new ChannelLedger();
    for (let round = 0; round < 200_000; round++) {
      ledger.ordinal("downstream", open(0));
      ledger.ordinal("upstream", confirm(0, 0));
    }
    const ordinal = ledger.ordinal("downstream", open(5));
    assert.equal(ledger.ordinal("upstream", confirm(5, 5)), ordinal);
    assert.equal(ledger.ordinal("downstream", data(5)), ordinal);
  });
});
