import { toByteString, type ByteString } from "../model/bytes.ts";
import type { Origin } from "../model/entries.ts";
import type { ChannelRequest } from "../ssh/messages/channel-request.ts";
import type { ConnectionMessage } from "../ssh/messages/message.ts";
import { isSftpServer, isShell } from "./exec-kind.ts";
import type { Command, Observed } from "./observation.ts";
import { ScpFiles } from "./scp-files.ts";
import { SftpFiles } from "./sftp-files.ts";
import { ShellChannel } from "./shell-channel.ts";
import type { ShellTold } from "./shell-commands.ts";
import type { GrowingFiles } from "./growing-files.ts";

/** One channel: what it was used for, and what can be read in its bytes. */
export class ChannelObserver {
  readonly #channel: number;
  readonly #type: ByteString;
  readonly #forward: { readonly host: ByteString; readonly port: number } | undefined;
  #columns: number | undefined;
  #contents: Contents = { kind: "opaque" };
  readonly #dropped: GrowingFiles;
  #shell: ShellChannel | undefined;
  #at = 0n;
  #sent = 0;
  #received = 0;
  #forwardMessages = 0;
  #exitStatus: number | undefined;
  #exitSignal: ByteString | undefined;
  #closedBy: Origin | undefined;
  /** Both sides have closed it, or the other side refused to open it. */
  over = false;

  constructor(
    channel: number,
    type: ByteString,
    dropped: GrowingFiles,
    forward?: { readonly host: ByteString; readonly port: number },
  ) {
    this.#dropped = dropped;
    this.#channel = channel;
    this.#type = type;
    this.#forward = forward;
  }

  /** @param at nanoseconds since the session's start. */
  message(from: Origin, message: ConnectionMessage, at: bigint): readonly Observed[] {
    this.#at = at;
    switch (message.kind) {
      case "channel-data":
        return this.#data(from, message.data);
      case "channel-extended-data":
        if (from !== "upstream") return NONE;
        this.#sent += message.data.length;
        // A shell writes its prompt to stderr where there is no terminal; what a terminal shows is never extended data.
        this.#shell?.errors(message.data);
        return NONE;
      case "channel-request":
        return from === "downstream" ? this.#request(message) : this.#serverRequest(message);
      case "channel-open-failure":
        return this.#close();
      case "channel-close":
        if (this.#closedBy === undefined || this.#closedBy === from) {
          this.#closedBy = from;
          return NONE;
        }
        return this.#close();
      case "channel-eof":
        if (from === "downstream") this.#shell?.inputEnds(true, this.#at);
        return this.#told();
      case "channel-open-confirmation":
      case "channel-window-adjust":
      case "channel-success":
      case "channel-failure":
      case "channel-open":
      case "global-request":
      case "request-success":
      case "request-failure":
        return NONE;
      default:
        message satisfies never;
        return NONE;
    }
  }

  end(): readonly Observed[] {
    return this.over ? NONE : this.#close();
  }

  #close(): Observed[] {
    this.over = true;
    return [
      ...this.#guarded(() => this.#contentsEnd()),
      {
        kind: "channel-closed",
        channel: this.#channel,
        type: this.#type,
        received: this.#received,
        sent: this.#sent,
        ...(this.#exitStatus === undefined ? {} : { exitStatus: this.#exitStatus }),
        ...(this.#exitSignal === undefined ? {} : { exitSignal: this.#exitSignal }),
      },
    ];
  }

  #data(from: Origin, data: Buffer): readonly Observed[] {
    if (from === "downstream") this.#received += data.length;
    else this.#sent += data.length;
    if (this.#forward !== undefined && from === "downstream") return this.#forwardData(data, this.#forward);
    if (this.#contents.kind === "opaque") return NONE;
    return this.#guarded(() => this.#contentsData(from, data));
  }

  #contentsData(from: Origin, data: Buffer): readonly Observed[] {
    const contents = this.#contents;
    switch (contents.kind) {
      case "opaque":
        return NONE;
      case "shell":
        if (from === "downstream") this.#shell?.input(data, this.#at);
        else this.#shell?.output(data, this.#at);
        return this.#told();
      case "sftp":
        return this.#inChannel(
          from === "downstream" ? contents.files.client(data) : contents.files.server(data),
        );
      case "scp":
        return from === contents.files.sender ? this.#inChannel(contents.files.push(data)) : NONE;
      default:
        return contents satisfies never;
    }
  }

  #contentsEnd(): readonly Observed[] {
    const contents = this.#contents;
    this.#contents = { kind: "opaque" };
    const moved = "files" in contents ? this.#inChannel(contents.files.end()) : NONE;
    this.#shell?.end(this.#exitStatus, this.#at);
    return [...moved, ...this.#told()];
  }

  /** What strangers send in a channel may be anything; what cannot be read is not looked at any further. */
  #guarded(read: () => readonly Observed[]): readonly Observed[] {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#contents = { kind: "opaque" };
      return NONE;
    }
  }

  #forwardData(
    data: Buffer,
    forward: { readonly host: ByteString; readonly port: number },
  ): readonly Observed[] {
    if (this.#forwardMessages++ >= MOST_FORWARD_MESSAGES) return NONE;
    return [
      {
        kind: "forward-data",
        channel: this.#channel,
        ...forward,
        data: toByteString(data.subarray(0, MOST_FORWARD_DATA)),
        size: data.length,
      },
    ];
  }

  #request({ request }: ChannelRequest): readonly Observed[] {
    const channel = this.#channel;
    switch (request.kind) {
      case "pty-req": {
        const { columns, rows } = request.size;
        this.#columns = columns;
        return [{ kind: "terminal", change: "opened", channel, columns, rows, term: request.term }];
      }
      case "window-change": {
        const { columns, rows } = request.size;
        this.#shell?.resize(columns);
        return [{ kind: "terminal", change: "resized", channel, columns, rows }];
      }
      case "env":
        return [{ kind: "variable", channel, name: request.variable, value: request.value }];
      case "shell":
        this.#shellBegins(undefined, this.#shellInput());
        return NONE;
      case "exec":
        this.#program(request.command);
        return this.#told("exec");
      case "subsystem":
        if (request.subsystem === "sftp") this.#contents = { kind: "sftp", files: new SftpFiles() };
        return [{ kind: "subsystem", channel, name: request.subsystem }];
      default:
        return NONE;
    }
  }

  #shellInput(): "lines" | { readonly columns: number } {
    return this.#columns === undefined ? "lines" : { columns: this.#columns };
  }

  #shellBegins(command: string | undefined, input: ConstructorParameters<typeof ShellChannel>[3]): void {
    this.#shell = new ShellChannel(this.#channel, this.#dropped, command, input, this.#at);
    this.#contents = { kind: "shell" };
  }

  /** What an exec request's own input is: a shell's lines, a file transfer, or something of the program's. */
  #program(command: string): void {
    const input = this.#columns === undefined ? "command" : "command on a terminal";
    this.#shellBegins(command, isShell(command) ? this.#shellInput() : input);
    if (isSftpServer(command)) this.#contents = { kind: "sftp", files: new SftpFiles() };
    const files = ScpFiles.of(command);
    if (files !== undefined) this.#contents = { kind: "scp", files };
  }

  #serverRequest({ request }: ChannelRequest): readonly Observed[] {
    if (request.kind === "exit-status") this.#exitStatus = request.status;
    else if (request.kind === "exit-signal") this.#exitSignal = request.signal;
    return NONE;
  }

  #told(way: Command["way"] = "shell"): readonly Observed[] {
    return (this.#shell?.take() ?? []).flatMap((told) => observedOf(told, this.#channel, way, this.#at));
  }

  #inChannel<T extends object>(observed: readonly T[]): (T & { channel: number })[] {
    return observed.map((one) => ({ ...one, channel: this.#channel }));
  }
}

type Contents =
  | { readonly kind: "opaque" }
  | { readonly kind: "shell" }
  | { readonly kind: "sftp"; readonly files: SftpFiles }
  | { readonly kind: "scp"; readonly files: ScpFiles };

function observedOf(told: ShellTold, channel: number, way: Command["way"], at: bigint): Observed[] {
  const text = told.text as ByteString;
  switch (told.kind) {
    case "command": {
      const { kind, number, exact, startedAt, directory } = told;
      return [
        {
          kind,
          way,
          channel,
          number,
          text,
          exact,
          ...(startedAt === at ? {} : { startedAt }),
          ...(directory === undefined ? {} : { directory: directory as ByteString }),
        },
      ];
    }
    case "command-ended":
      return [{ ...told, channel, text }];
    case "typed":
      return text === ""
        ? []
        : [
            {
              ...{ kind: told.kind, channel, text },
              ...(told.hidden ? { hidden: true } : {}),
              ...(told.enteredAt === at ? {} : { startedAt: told.enteredAt }),
            },
          ];
    default:
      return told satisfies never;
  }
}

const NONE: readonly Observed[] = [];
const MOST_FORWARD_MESSAGES = 32;
const MOST_FORWARD_DATA = 4096;
