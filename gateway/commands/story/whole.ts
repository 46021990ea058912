import type { LateFactRead } from "../../evidence/late-facts.ts";
import type { Indicator } from "../../evidence/indicators/indicator.ts";
import type { RecordingRead } from "../../evidence/read.ts";
import type { FoundRecording } from "../../index/find-recording.ts";
import type { Change } from "../../model/capture.ts";
import type { SandboxId, SessionId } from "../../model/ids.ts";

/** All that is known of one session. */
export interface SessionWhole extends RecordingRead {
  readonly recording: FoundRecording;
  /** Of the sandbox it was in; absent while that was not captured. */
  readonly stayed?: Stayed;
  /** What its sandbox tried on the network when it was over, as far as that is known by now. */
  readonly unattended: readonly LateFactRead[];
  /** What it told, and what was left in its sandbox, that can be looked for elsewhere. */
  readonly indicators: readonly Indicator[];
}

/** What changed in a sandbox while a session was in it. */
export interface Stayed {
  readonly sandbox: SandboxId;
  readonly takenAt: string;
  /** Sessions that had been in the sandbox by then. */
  readonly sessions: readonly SessionId[];
  readonly changes: readonly Change[];
  /** The list of changes was cut at the policy's bound. */
  readonly cut: boolean;
}

/** How a story is told. */
export interface Telling {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Everything that is known; else a screenful. */
  readonly full: boolean;
  /** Share of what a chapter would tell on a screen, where the others have much to tell, too; 1 where it is not said. */
  readonly share?: number;
}

/** A part of the story: its heading, and lines below it. None: it has nothing to tell. */
export type Chapter = (session: SessionWhole, telling: Telling) => readonly string[];
