import { toByteString, type ByteString } from "../model/bytes.ts";
import type { Origin } from "../model/entries.ts";
import type { ChannelRequest } from "../ssh/messages/channel-request.ts";
import type { ConnectionMessage } from "../ssh/messages/message.ts";
import { isSftpServer, isShell } from "./exec-kind.ts";
import type { Observed } from "./observation.ts";
import { ScpFiles } from "./scp-files.ts";
import { SftpFiles } from "./sftp-files.ts";
import { PlainLines, ShellLines, type ShellLine } from "./shell-lines.ts";

/** One channel: what it was used for, and what can be read in its bytes. */
export class ChannelObserver {
  readonly #channel: number;
  readonly #type: ByteString;
  readonly #forward: { readonly host: ByteString; readonly port: number } | undefined;
  #columns: number | undefined;
  #contents: Contents = { kind: "opaque" };
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
    forward?: { readonly host: ByteString; readonly port: number },
  ) {
    this.#channel = channel;
    this.#type = type;
    this.#forward = forward;
  }

  message(from: Origin, message: ConnectionMessage): readonly Observed[] {
    switch (message.kind) {
      case "channel-data":
        return this.#data(from, message.data);
      case "channel-extended-data":
        if (from === "upstream") this.#sent += message.data.length;
        // A shell writes its prompt to stderr where there is no terminal; what a terminal shows is never extended data.
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
      case "terminal":
        return this.#lines(from === "downstream" ? contents.lines.input(data) : contents.lines.output(data));
      case "plain":
        return from === "downstream" ? this.#lines(contents.lines.input(data)) : NONE;
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
    switch (contents.kind) {
      case "opaque":
        return NONE;
      case "terminal":
      case "plain":
        return this.#lines(contents.lines.end());
      case "sftp":
      case "scp":
        return this.#inChannel(contents.files.end());
      default:
        return contents satisfies never;
    }
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
        if (this.#contents.kind === "terminal") this.#contents.lines.resize(columns);
        return [{ kind: "terminal", change: "resized", channel, columns, rows }];
      }
      case "env":
        return [{ kind: "variable", channel, name: request.variable, value: request.value }];
      case "shell":
        this.#contents = this.#shell();
        return NONE;
      case "exec":
        this.#contents = this.#program(request.command);
        return [{ kind: "command", way: "exec", channel, text: request.command, exact: true }];
      case "subsystem":
        if (request.subsystem === "sftp") this.#contents = { kind: "sftp", files: new SftpFiles() };
        return [{ kind: "subsystem", channel, name: request.subsystem }];
      default:
        return NONE;
    }
  }

  #shell(): Contents {
    return this.#columns === undefined
      ? { kind: "plain", lines: new PlainLines() }
      : { kind: "terminal", lines: new ShellLines(this.#columns) };
  }

  /** What an exec request's own input is: a shell's lines, a file transfer, or something of the program's. */
  #program(command: string): Contents {
    if (isShell(command)) return this.#shell();
    if (isSftpServer(command)) return { kind: "sftp", files: new SftpFiles() };
    const files = ScpFiles.of(command);
    return files === undefined ? { kind: "opaque" } : { kind: "scp", files };
  }

  #serverRequest({ request }: ChannelRequest): readonly Observed[] {
    if (request.kind === "exit-status") this.#exitStatus = request.status;
    else if (request.kind === "exit-signal") this.#exitSignal = request.signal;
    return NONE;
  }

  #lines(lines: readonly ShellLine[]): readonly Observed[] {
    return lines.map(({ kind, text, exact }) =>
      kind === "command"
        ? { kind, way: "shell", channel: this.#channel, text: text as ByteString, exact }
        : { kind, channel: this.#channel, text: text as ByteString },
    );
  }

  #inChannel<T extends object>(observed: readonly T[]): (T & { channel: number })[] {
    return observed.map((one) => ({ ...one, channel: this.#channel }));
  }
}

type Contents =
  | { readonly kind: "opaque" }
  | { readonly kind: "terminal"; readonly lines: ShellLines }
  | { readonly kind: "plain"; readonly lines: PlainLines }
  | { readonly kind: "sftp"; readonly files: SftpFiles }
  | { readonly kind: "scp"; readonly files: ScpFiles };

const NONE: readonly Observed[] = [];
const MOST_FORWARD_MESSAGES = 32;
const MOST_FORWARD_DATA = 4096;
