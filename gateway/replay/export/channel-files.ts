import { isSftpServer, isShell } from "../../evidence/exec-kind.ts";
import { ScpFiles } from "../../evidence/scp-files.ts";
import { SftpFiles } from "../../evidence/sftp-files.ts";
import { ShellChannel } from "../../evidence/shell-channel.ts";
import type { GrowingFiles } from "../../evidence/growing-files.ts";
import type { OpenContents } from "../../evidence/contents.ts";
import type { Origin } from "../../model/entries.ts";
import type { ConnectionMessage } from "../../ssh/messages/message.ts";
import type { RequestDetail } from "../../ssh/messages/channel-request.ts";
import type { FileStore } from "./file-store.ts";

/** Some clients ask for all of a file before they read the first answer. */
const MOST_ASKED = 16_384;

type Contents =
  | { readonly kind: "opaque" }
  | { readonly kind: "shell"; readonly shell: ShellChannel }
  | { readonly kind: "sftp"; readonly files: SftpFiles }
  | { readonly kind: "scp"; readonly files: ScpFiles };

/** Files that came and went through one channel. */
export class ChannelFiles {
  readonly #channel: number;
  readonly #store: FileStore;
  readonly #growing: GrowingFiles;
  #columns: number | undefined;
  #contents: Contents = { kind: "opaque" };
  #at = 0n;
  #timeOfDay = "";
  #exitStatus: number | undefined;
  #closedBy: Origin | undefined;
  over = false;

  constructor(channel: number, store: FileStore, growing: GrowingFiles) {
    this.#channel = channel;
    this.#store = store;
    this.#growing = growing;
  }

  /** @param at nanoseconds since the session's start, and the time of day. */
  message(from: Origin, message: ConnectionMessage, at: bigint, timeOfDay: string): void {
    this.#at = at;
    this.#timeOfDay = timeOfDay;
    switch (message.kind) {
      case "channel-data":
        this.#guarded(() => {
          this.#data(from, message.data);
        });
        break;
      case "channel-extended-data":
        if (from === "upstream" && this.#contents.kind === "shell") this.#contents.shell.errors(message.data);
        break;
      case "channel-request":
        if (from === "downstream") this.#request(message.request);
        else if (message.request.kind === "exit-status") this.#exitStatus = message.request.status;
        break;
      case "channel-eof":
        if (from === "downstream" && this.#contents.kind === "shell")
          this.#contents.shell.inputEnds(true, this.#at);
        break;
      case "channel-close":
        if (this.#closedBy !== undefined && this.#closedBy !== from) this.end();
        this.#closedBy = from;
        break;
      case "channel-open-failure":
        this.end();
        break;
      default:
    }
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    const contents = this.#contents;
    if (contents.kind === "shell") contents.shell.end(this.#exitStatus, this.#at);
    else if (contents.kind !== "opaque") contents.files.end();
  }

  #data(from: Origin, data: Buffer): void {
    const contents = this.#contents;
    const isInput = from === "downstream";
    switch (contents.kind) {
      case "opaque":
        break;
      case "shell":
        if (isInput) contents.shell.input(data, this.#at);
        else contents.shell.output(data, this.#at);
        contents.shell.take();
        break;
      case "sftp":
        if (isInput) contents.files.client(data);
        else contents.files.server(data);
        break;
      case "scp":
        if (from === contents.files.sender) contents.files.push(data);
        break;
      default:
        contents satisfies never;
    }
  }

  #request(request: RequestDetail): void {
    switch (request.kind) {
      case "pty-req":
        this.#columns = request.size.columns;
        break;
      case "window-change":
        if (this.#contents.kind === "shell") this.#contents.shell.resize(request.size.columns);
        break;
      case "shell":
        this.#contents = this.#shell(undefined, true);
        break;
      case "exec":
        this.#contents = this.#program(request.command);
        break;
      case "subsystem":
        if (request.subsystem === "sftp") this.#contents = this.#sftp();
        break;
      default:
    }
  }

  #shell(command: string | undefined, readsLines: boolean): Contents {
    const lines = this.#columns === undefined ? "lines" : { columns: this.#columns };
    const other = this.#columns === undefined ? "command" : "command on a terminal";
    const input = readsLines ? lines : other;
    return {
      kind: "shell",
      shell: new ShellChannel(this.#channel, this.#growing, command, input, this.#at),
    };
  }

  #program(command: string): Contents {
    if (isSftpServer(command)) return this.#sftp();
    const files = ScpFiles.of(command, this.#transferred);
    return files === undefined ? this.#shell(command, isShell(command)) : { kind: "scp", files };
  }

  #sftp(): Contents {
    return { kind: "sftp", files: new SftpFiles({ contents: this.#transferred, mostAsked: MOST_ASKED }) };
  }

  readonly #transferred: OpenContents = ({ protocol, path }) =>
    this.#store.add({ way: protocol, path, channel: this.#channel, at: this.#timeOfDay });

  /** What strangers send may be anything; what cannot be read is not looked at any further. */
  #guarded(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#contents = { kind: "opaque" };
    }
  }
}
