/** Does not care whether its warden lives. */
process.on("disconnect", () => undefined);
process.on("SIGTERM", () => undefined);
process.send?.("ready");
setInterval(() => undefined, 60_000);
