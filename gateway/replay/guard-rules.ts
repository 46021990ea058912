/**
 * Which controls may reach the operator's terminal. Names as in ECMA-48, DEC's VT500 manual and xterm's ctlseqs.
 * Everything that is not named here does not pass.
 */

/** What is sent instead of a sequence, mostly itself, and what it leaves behind that must be undone at the end. */
export interface Passed {
  readonly text: string;
  readonly leaves?: readonly Left[];
}

/** `undo` undefined: what `what` left behind is gone again. */
interface Left {
  readonly what: string;
  readonly undo: string | undefined;
}

/**
 * NUL, BEL, BS, HT, LF, VT, FF, CR, SO, SI, DEL. Not ENQ, to which terminals answer; not CAN, with which a ZMODEM transfer
 * begins in terminals that take part in one; none of the rest, for which no use is known.
 */
export function passableControl(byte: number): boolean {
  return byte === 0x00 || (byte >= 0x07 && byte <= 0x0f) || byte === 0x7f;
}

/** @param sequence what follows ESC: intermediate bytes and the final one. */
export function passableEscape(sequence: string): Passed | undefined {
  const text = `\x1b${sequence}`;
  if (sequence === "H") return { text, leaves: [TAB_STOPS] }; // HTS
  // DECSC, DECRC, IND, NEL, RI, DECBI, DECFI, SS2, SS3; line sizes and DECALN.
  if (/^(?:[78DEM69NO]|#[34568])$/.test(sequence)) return { text };
  // A character set into G0 to G3, and the locking shifts.
  if (/^[()*+\-./][ -/]?[0-~]$/.test(sequence) || /^[no|}~]$/.test(sequence))
    return { text, leaves: [CHARACTER_SETS] };
  // RIS also empties what the operator could scroll back to: a reset and a clear that leave that alone.
  if (sequence === "c") return { text: "\x1b[!p\x1b[H\x1b[2J" };
  return undefined;
}

/**
 * @param body parameter and intermediate bytes between CSI and the final byte.
 */
export function passableCsi(body: string, final: string): Passed | undefined {
  const text = `\x1b[${body}${final}`;
  const parts = /^([<=>?]?)([0-9;:]*)([ -/]*)$/.exec(body);
  if (parts === null) return undefined;
  const [, prefix = "", parameters = "", intermediates = ""] = parts;
  switch (prefix + intermediates + final) {
    case "@": // ICH
    case "A": // CUU
    case "B": // CUD
    case "C": // CUF
    case "D": // CUB
    case "E": // CNL
    case "F": // CPL
    case "G": // CHA
    case "H": // CUP
    case "I": // CHT
    case "K": // EL
    case "L": // IL
    case "M": // DL
    case "P": // DCH
    case "S": // SU
    case "X": // ECH
    case "Z": // CBT
    case "`": // HPA
    case "a": // HPR
    case "d": // VPA
    case "e": // VPR
    case "f": // HVP
    case "u": // SCORC
    case "s": // SCOSC, or DECSLRM, which acts only in mode 69
    case "?K": // DECSEL
    case '"q': // DECSCA
    case "!p": // DECSTR
      return { text };
    case "J": // ED
    case "?J": // DECSED; 3 would empty what the operator can scroll back to
      return numbers(parameters).includes(3) ? undefined : { text };
    case "T": // SD; with five parameters it makes a terminal wait for the mouse
      return /[;:]/.test(parameters) ? undefined : { text };
    case "g": // TBC
      return { text, leaves: [TAB_STOPS] };
    case "b": // REP; some terminals do as many as they are told
      return (numbers(parameters)[0] ?? 1) > 10_000 ? undefined : { text };
    case "m": // SGR
      return {
        text,
        leaves: [{ what: "rendition", undo: /^[0;]*$/.test(parameters) ? undefined : "\x1b[m" }],
      };
    case "r": // DECSTBM
      return { text, leaves: [{ what: "margins", undo: parameters === "" ? undefined : RESET_MARGINS }] };
    case " q": // DECSCUSR
      return { text, leaves: [{ what: "cursor's shape", undo: "\x1b[0 q" }] };
    case "h": // SM
    case "l": // RM
      return passableModes("", parameters, final, ANSI_MODES);
    case "?h": // DECSET
    case "?l": // DECRST
      return passableModes("?", parameters, final, PRIVATE_MODES);
    default:
      return undefined;
  }
}

/** Without moving the cursor, which DECSTBM would send home. */
const RESET_MARGINS = "\x1b7\x1b[r\x1b8";
/** DECST8C: one each eight columns. */
const TAB_STOPS: Left = { what: "tab stops", undo: "\x1b[?5W" };
const CHARACTER_SETS: Left = { what: "character sets", undo: "\x0f\x1b(B\x1b)B\x1b*B\x1b+B" };

/** IRM and LNM. Not KAM, which locks the keyboard, nor SRM, which turns its echo on. */
const ANSI_MODES: ReadonlyMap<number, "h" | "l"> = new Map([
  [4, "l"],
  [20, "l"],
]);

/**
 * Modes that change what is seen, and how they should be at the end. Those that change what a terminal sends (keys, mouse,
 * focus, pasting, reports) or its size are not here.
 */
const PRIVATE_MODES: ReadonlyMap<number, "h" | "l"> = new Map([
  [5, "l"], // DECSCNM, reverse video
  [6, "l"], // DECOM, origin
  [7, "h"], // DECAWM, wrap at the margin
  [12, "l"], // cursor blinks
  [25, "h"], // DECTCEM, cursor is shown
  [45, "l"], // wrap backwards
  [47, "l"], // the other screen
  [69, "l"], // DECLRMM, side margins
  [1047, "l"],
  [1048, "l"],
  [1049, "l"],
  [2026, "l"], // hold drawing back until it is finished
]);

function passableModes(
  prefix: string,
  parameters: string,
  final: string,
  modes: ReadonlyMap<number, "h" | "l">,
): Passed | undefined {
  const passing = numbers(parameters).filter((mode) => modes.has(mode));
  if (passing.length === 0) return undefined;
  const leaves = passing.flatMap((mode): Left[] => {
    const usual = modes.get(mode);
    // 1048 saves and restores the cursor: there is nothing to undo.
    if (usual === undefined || mode === 1048) return [];
    return [
      { what: `mode ${prefix}${mode}`, undo: final === usual ? undefined : `\x1b[${prefix}${mode}${usual}` },
    ];
  });
  return { text: `\x1b[${prefix}${passing.join(";")}${final}`, leaves };
}

function numbers(parameters: string): number[] {
  return parameters.split(";").map((parameter) => (parameter === "" ? 0 : Number.parseInt(parameter, 10)));
}
