/** Encoded terminal modes of a pty request (RFC 4254 section 8). */
export interface TerminalMode {
  readonly opcode: number;
  /** As in termios(3), for example "VINTR" or "ECHO"; absent for an opcode that RFC 4254 does not name. */
  readonly name?: string;
  readonly value: number;
}

/** The modes up to TTY_OP_END, an opcode of 160 and above (undefined by the RFC), or the first that is cut. */
export function parseTerminalModes(bytes: Buffer): readonly TerminalMode[] {
  const modes: TerminalMode[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5) {
    const opcode = bytes.readUInt8(at);
    if (opcode === 0 || opcode >= 160) break;
    const name = NAMES.get(opcode);
    modes.push({ opcode, ...(name === undefined ? {} : { name }), value: bytes.readUInt32BE(at + 1) });
  }
  return modes;
}

function numbered(first: number, names: string): [number, string][] {
  return names.split(" ").map((name, index) => [first + index, name]);
}

const NAMES = new Map([
  ...numbered(
    1,
    "VINTR VQUIT VERASE VKILL VEOF VEOL VEOL2 VSTART VSTOP VSUSP VDSUSP VREPRINT VWERASE VLNEXT VFLUSH VSWTCH VSTATUS VDISCARD",
  ),
  ...numbered(
    30,
    "IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL IUTF8", // IUTF8: RFC 8160
  ),
  ...numbered(50, "ISIG ICANON XCASE ECHO ECHOE ECHOK ECHONL NOFLSH TOSTOP IEXTEN ECHOCTL ECHOKE PENDIN"),
  ...numbered(70, "OPOST OLCUC ONLCR OCRNL ONOCR ONLRET"),
  ...numbered(90, "CS7 CS8 PARENB PARODD"),
  ...numbered(128, "TTY_OP_ISPEED TTY_OP_OSPEED"),
]);
