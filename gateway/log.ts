import { pino, type Logger } from "pino";
import pretty from "pino-pretty";

/** Logs go to standard error: readable on a terminal, JSON lines otherwise. MITSUBAKO_LOG sets the level. */
export function openLog(): Logger {
  const level = process.env["MITSUBAKO_LOG"] ?? "info";
  const options = { name: "mitsubako", level };
  return process.stderr.isTTY
    ? pino(
        options,
        pretty({
          destination: 2,
          colorize: true,
          ignore: "pid,hostname,name",
          translateTime: "SYS:HH:MM:ss",
        }),
      )
    : pino(options, pino.destination(2));
}
