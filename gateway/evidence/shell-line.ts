/** What can be read in a terminal's stream, in its order. */
export type ShellLine =
  | {
      /** A line entered where something stood that looks like a prompt; one character per byte. */
      readonly kind: "entered";
      readonly text: string;
      /** What the keys and the echo agree on. False: read from the screen, or guessed. */
      readonly exact: boolean;
      /** What stood before it, as far as known. */
      readonly prompt: string;
      /** In a terminal within the terminal (tmux, screen), whose prompts are not seen. */
      readonly within?: true;
    }
  | {
      /** A program read it, or nobody. */
      readonly kind: "typed";
      readonly text: string;
      /** Nothing of it was echoed. */
      readonly hidden: boolean;
      /** Nanoseconds since the session's start: it is told when it is seen who read it. */
      readonly enteredAt: bigint;
    }
  /** A prompt stands there: what ran before has ended. Told again when more of it came. */
  | { readonly kind: "prompt"; readonly text: string }
  /** A line of output that is over: only those that a shell says itself are of interest. */
  | { readonly kind: "output"; readonly text: string }
  /** The line was given up at the prompt. */
  | { readonly kind: "interrupted" };
