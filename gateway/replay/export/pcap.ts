import { escapeText, showable } from "../../model/bytes.ts";
import type { Origin, PacketEntry } from "../../model/entries.ts";
import { MitsubakoError } from "../../model/errors.ts";
import type { ChannelOpen } from "../../ssh/messages/channel-open.ts";
import { parseConnectionMessage } from "../../ssh/messages/message.ts";
import { ForwardAddresses } from "./forward-addresses.ts";
import { fileStart, nameOf, packet } from "./pcapng.ts";
import type { Source } from "./source.ts";
import { timeOf } from "./time-of-day.ts";
import { TcpConversation, type Side } from "./tcp-conversation.ts";

/** Connections at once; sshd has room for 16,384 channels. */
const MOST_LIVE = 16_384;

interface Forward {
  readonly openedBy: Origin;
  readonly tcp: TcpConversation;
}

/**
 * The connections that were forwarded through the session, each as a TCP connection: those that the attacker had the sandbox make
 * (direct-tcpip) and those that came to a port that it listened on for the attacker (forwarded-tcpip). Rejects with `not-found` when
 * there was none.
 */
export async function* pcap(source: Source, channel: number | undefined): AsyncGenerator<Buffer> {
  const { startedAt, session } = source.opened;
  const start = BigInt(timeOf(startedAt, 0n)) * 1000n;
  const addresses = new ForwardAddresses();
  const live = new Map<number, Forward>();
  let some = false;
  for await (const entry of source.entries()) {
    if (entry.type !== "packet" || (channel !== undefined && entry.channel !== channel)) continue;
    const time = start + entry.at;
    const message = parseConnectionMessage(entry.payload);
    if (message.kind === "channel-open") {
      const { open } = message;
      const isForward = open.kind === "direct-tcpip" || open.kind === "forwarded-tcpip";
      if (!isForward || entry.channel === 0 || live.size >= MOST_LIVE) continue;
      if (!some)
        yield fileStart(
          `Connections forwarded in session ${escapeText(session)}. Made up from what passed through them.`,
        );
      some = true;
      const { client, server, named } = addresses.ends(open.to, open.origin);
      if (named !== undefined) yield nameOf(named.address, named.name);
      const tcp = new TcpConversation({ client, server });
      live.set(entry.channel, { openedBy: entry.from, tcp });
      for (const bytes of tcp.ask()) yield packet(time, bytes, describe(entry, message));
      continue;
    }
    const forward = live.get(entry.channel);
    if (forward === undefined) continue;
    const side: Side = entry.from === forward.openedBy ? "client" : "server";
    for (const bytes of packetsOf(forward.tcp, side, message)) yield packet(time, bytes);
    if (forward.tcp.over) live.delete(entry.channel);
  }
  if (!some && !source.signal.aborted)
    throw new MitsubakoError("not-found", "No connection was forwarded in this session.", {
      remedy: "`mitsubako show SESSION` tells what there was.",
    });
}

function packetsOf(
  tcp: TcpConversation,
  side: Side,
  message: ReturnType<typeof parseConnectionMessage>,
): Buffer[] {
  switch (message.kind) {
    case "channel-open-confirmation":
      return tcp.accept();
    case "channel-open-failure":
      return tcp.refuse();
    case "channel-data":
      return tcp.data(side, message.data);
    case "channel-eof":
      return tcp.finish(side);
    case "channel-close":
      return tcp.close(side);
    default:
      return [];
  }
}

/** What the packets cannot say: all of it as it was said. */
function describe({ channel }: PacketEntry, { channelType, open }: ChannelOpen): string {
  if (open.kind !== "direct-tcpip" && open.kind !== "forwarded-tcpip") return "";
  const place = ({ host, port }: typeof open.to) => `${showable(host).slice(0, 300)} port ${port}`;
  return `channel ${channel}, ${showable(channelType)} to ${place(open.to)}, said to come from ${place(open.origin)}`;
}
