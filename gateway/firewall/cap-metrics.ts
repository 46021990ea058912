import type { CapReading } from "./caps.ts";

/**
 * Readings in Prometheus' text format, for its node exporter's textfile collector and the like
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Addresses are our own, so no label needs escaping.
 */
export function capMetrics(readings: readonly (CapReading & { readonly slot: number })[]): string {
  const lines = (name: string, value: (reading: CapReading) => number) =>
    readings
      .map(
        (reading) =>
          `${name}{slot="${reading.slot}",address="${reading.address}",direction="${reading.direction}"} ${value(reading)}\n`,
      )
      .join("");
  return `# HELP mitsubako_cap_limit_bytes Byte cap of a sandbox.
# TYPE mitsubako_cap_limit_bytes gauge
${lines("mitsubako_cap_limit_bytes", ({ limit }) => limit)}# HELP mitsubako_cap_used_bytes Bytes that a sandbox has used of its cap.
# TYPE mitsubako_cap_used_bytes gauge
${lines("mitsubako_cap_used_bytes", ({ used }) => used)}# HELP mitsubako_cap_spent Whether one of the sandbox's caps is used up.
# TYPE mitsubako_cap_spent gauge
${lines("mitsubako_cap_spent", ({ spent }) => (spent ? 1 : 0))}`;
}
