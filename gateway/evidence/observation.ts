import type { ByteString } from "../model/bytes.ts";
import type {
  AttemptMethod,
  ClientVersion,
  KeyExchange,
  SandboxLeased,
  SessionEnded,
  SessionOpened,
} from "../model/entries.ts";
import type { SandboxFact } from "../model/sandbox-facts.ts";

/**
 * What happened in a session, read out of its entries. Each cites the entry that told it: its ordinal in the recording, from 0,
 * and its time. Strings of strangers are ByteStrings.
 */
export type Observation = Observed & {
  readonly entry: number;
  /** Nanoseconds since the session's start. */
  readonly at: bigint;
};

export type Observed =
  | SessionOpened
  | ClientVersion
  | KeyExchange
  | Offered
  | Tried
  | SandboxLeased
  | LoggedInObserved
  | ChannelOpened
  | ChannelClosed
  | Command
  | CommandEnded
  | Typed
  | Terminal
  | Variable
  | Subsystem
  | (Transferred & InChannel)
  | (FileOperation & InChannel)
  | Dropped
  | ForwardAsked
  | ForwardData
  | ListenAsked
  | Unreadable
  | SandboxFact
  | SessionEnded;

export interface InChannel {
  readonly channel: number;
}

/** A public key was shown: asked about, or used. Said once for each key and user. */
export interface Offered {
  readonly kind: "key-offered";
  readonly user: ByteString;
  readonly algorithm: ByteString;
  /** Wire form, base64. */
  readonly blob: string;
  readonly fingerprintMd5: string;
  readonly fingerprintSha256: string;
}

/** An attempt with its answer. */
export interface Tried {
  readonly kind: "tried";
  readonly number: number;
  readonly user: ByteString;
  readonly method: AttemptMethod;
  readonly methodName?: ByteString;
  readonly password?: ByteString;
  readonly newPassword?: ByteString;
  /** There was a password, which retention has dropped since. */
  readonly passwordDropped?: true;
  readonly key?: Omit<Offered, "kind" | "user">;
  /** Absent: the session ended before an answer. */
  readonly outcome?: "accepted" | "refused" | "key-acceptable";
  readonly by?: "policy" | "sandbox" | "protocol";
  readonly rule?: string;
  readonly profile?: string;
}

export interface LoggedInObserved {
  readonly kind: "logged-in";
  readonly user: ByteString;
  readonly method: AttemptMethod;
}

export interface ChannelOpened extends InChannel {
  readonly kind: "channel-opened";
  /** `session`, `direct-tcpip`, ... */
  readonly type: ByteString;
  readonly by: "downstream" | "upstream";
}

export interface ChannelClosed extends InChannel {
  readonly kind: "channel-closed";
  readonly type: ByteString;
  /** Bytes of data messages, both streams. */
  readonly received: number;
  readonly sent: number;
  readonly exitStatus?: number;
  readonly exitSignal?: ByteString;
}

export interface Command extends InChannel {
  readonly kind: "command";
  /** exec: a request's own text. shell: a line entered in a shell. */
  readonly way: "exec" | "shell";
  readonly text: ByteString;
  /** Counted from 1 in its channel. */
  readonly number: number;
  /** False where `shell-lines.ts` says approximate. Always true for exec. */
  readonly exact: boolean;
  /** When its first line was entered, in nanoseconds since the session's start, where that was before `at`. */
  readonly startedAt?: bigint;
  /** The working directory in which it was given, `~` for the home; absent where it is not known. */
  readonly directory?: ByteString;
}

/**
 * A command is over: its shell waits for the next one, or its channel ended with its status. A second one of the same command adds an
 * exit status that became known later (by `echo $?`, or at the shell's own end).
 */
export interface CommandEnded extends InChannel {
  readonly kind: "command-ended";
  /** Of the command, with its text. */
  readonly number: number;
  readonly text: ByteString;
  /** When its first line was entered, in nanoseconds since the session's start; `at` less this is how long it took. */
  readonly startedAt: bigint;
  /** Absent where it is not known. */
  readonly exitStatus?: number;
}

/** A line that a program in the terminal read, not the shell. */
export interface Typed extends InChannel {
  readonly kind: "typed";
  readonly text: ByteString;
  /** Nothing of it was echoed, as with a password. */
  readonly hidden?: true;
  /** When it was entered, where that differs from `at`, when it was seen who read it. In nanoseconds since the session's start. */
  readonly startedAt?: bigint;
}

export interface Terminal extends InChannel {
  readonly kind: "terminal";
  readonly change: "opened" | "resized";
  readonly columns: number;
  readonly rows: number;
  readonly term?: ByteString;
}

export interface Variable extends InChannel {
  readonly kind: "variable";
  readonly name: ByteString;
  readonly value: ByteString;
}

export interface Subsystem extends InChannel {
  readonly kind: "subsystem";
  readonly name: ByteString;
}

export interface Transferred {
  readonly kind: "transfer";
  readonly protocol: "sftp" | "scp";
  /** upload: into the sandbox. */
  readonly direction: "upload" | "download";
  /** As named by the attacker; one character per byte. */
  readonly path: string;
  /** Bytes; of what was seen, when not whole. */
  readonly size: number;
  readonly whole: boolean;
  /** Of the content, when it was seen whole and in order. */
  readonly sha256?: string;
}

/**
 * A file that shell commands wrote out of what stands in them (here-documents, echo, printf, decoders of base64 and hexadecimal), or
 * out of what their channel sent. Told when it is written anew, or at the session's end.
 */
export interface Dropped extends InChannel {
  readonly kind: "dropped";
  /** As said in the command; relative ones as they are. */
  readonly path: ByteString;
  /**
   * written: each command for it was seen to be run: by its exit status, by what was printed, or as the file itself was seen. typed: that
   * is not known of all of them. Where none was run there is no such fact.
   */
  readonly certainty: "written" | "typed";
  /** Of its beginning. copy: out of other such files. */
  readonly way: "echo" | "printf" | "here-document" | "standard input" | "copy";
  readonly decoded?: "base64" | "hex";
  /** When it began, in nanoseconds since the session's start. */
  readonly startedAt: bigint;
  readonly size: number;
  /** All of it is known, as far as the commands did what they say. */
  readonly whole: boolean;
  /** Of the content, when that is whole. */
  readonly sha256?: string;
  /** It was added to a file of which the beginning is not known. */
  readonly appended?: true;
  /** Entries that wrote to it; the first 256. */
  readonly pieces: readonly number[];
}

export interface FileOperation {
  readonly kind: "file-operation";
  readonly operation: "remove" | "rename" | "mkdir" | "rmdir" | "symlink" | "hardlink" | "setstat";
  readonly path: string;
  readonly to?: string;
  /** Whether the server said that it is done. */
  readonly done: boolean;
}

/** A connection that was to be made from the sandbox (`ssh -L`, `-D`, `-W`). */
export interface ForwardAsked extends InChannel {
  readonly kind: "forward";
  readonly host: ByteString;
  readonly port: number;
  readonly originatorHost: ByteString;
  readonly originatorPort: number;
}

export interface ForwardData extends InChannel {
  readonly kind: "forward-data";
  readonly host: ByteString;
  readonly port: number;
  /** At most the first 4 KiB of one message, of the first 32 messages of a channel. */
  readonly data: ByteString;
  readonly size: number;
}

/** A port that was to listen in the sandbox for the attacker (`ssh -R`). */
export interface ListenAsked {
  readonly kind: "listen";
  readonly host: ByteString;
  readonly port: number;
}

/** A message of the attacker's that is not what its type says. */
export interface Unreadable {
  readonly kind: "unreadable";
  readonly messageNumber: number;
  readonly length: number;
  /** First bytes. */
  readonly data: ByteString;
}
