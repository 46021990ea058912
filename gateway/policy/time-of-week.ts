/** Whether a moment lies in the hours that a profile names. */
import type { Profile } from "../model/policy.ts";

type Hours = NonNullable<Profile["match"]["time"]>;
type Day = NonNullable<Hours["days"]>[number];

const WEEK: readonly Day[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/**
 * `at` in milliseconds since 1970. Hours over midnight belong to the day on which they begin. The clock on the wall counts: an hour that
 * is there twice in autumn is within both times.
 */
export function compileHours({ from, to, days = WEEK, zone }: Hours): (at: number) => boolean {
  const clock = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const [begins, ends] = [minutesOf(from ?? "00:00"), minutesOf(to ?? "00:00")];
  const isOvernight = from !== undefined && ends <= begins;
  return (at) => {
    const parts = new Map(clock.formatToParts(at).map(({ type, value }) => [type, value]));
    const today = WEEK.findIndex((day) => day === parts.get("weekday")?.toLowerCase());
    const now = Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
    const is = (day: number) => days.includes(WEEK[(day + 7) % 7] as Day);
    if (from === undefined) return is(today);
    if (!isOvernight) return is(today) && now >= begins && now < ends;
    return (is(today) && now >= begins) || (is(today - 1) && now < ends);
  };
}

function minutesOf(clock: string): number {
  const [hours = "0", minutes = "0"] = clock.split(":");
  return Number(hours) * 60 + Number(minutes);
}
