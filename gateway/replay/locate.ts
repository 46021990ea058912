/** From a session's id, or the beginning of one that is unique, to the path of its recording. Rejects with `not-found`. */
export type FindRecording = (session: string) => Promise<string>;

/** What a command was given may also be a path: with a slash in it, or with the ending of a recording. */
export function locate(argument: string, find: FindRecording): Promise<string> {
  return argument.includes("/") || argument.endsWith(".mbr") ? Promise.resolve(argument) : find(argument);
}
