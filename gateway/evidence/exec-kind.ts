/** An exec request for a shell: what is sent to it are commands. */
export function isShell(command: string): boolean {
  return /^\s*(?:exec\s+)?(?:\/\S*\/)?(?:ba|da|z|k|a)?sh(?:\s+-[lis]+)*\s*$/.test(command);
}

/** An exec request for what the subsystem `sftp` would start. */
export function isSftpServer(command: string): boolean {
  return /^\s*\/?(?:\S*\/)?sftp-server(?:\s|$)/.test(command);
}

/** A command line that runs a program with terminals of its own in the terminal. */
export function opensTerminals(command: string): boolean {
  return /(?:^|[;&|]\s*)(?:\S*\/)?(?:tmux|screen|byobu|dtach|abduco|zellij)(?:\s|$)/.test(command);
}
