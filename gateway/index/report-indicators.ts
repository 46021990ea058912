import { INDICATOR_KINDS } from "../evidence/indicators/indicator.ts";
import { selectIndicators, type IndicatorRow } from "./indicators.ts";
import type { ReportWindow } from "./report-window.ts";
import type { Ask } from "./sql.ts";

/** Those that were seen last, of which the most spread are told. */
const MOST_LOOKED_AT = 5000;

/** Indicators of this time, what most sources told first. */
export function indicatorsIn(ask: Ask, { since, until }: ReportWindow, top: number): IndicatorRow[] {
  return selectIndicators(ask, { kinds: INDICATOR_KINDS, since, until, limit: MOST_LOOKED_AT })
    .sort((one, other) => other.sources - one.sources || other.sessions - one.sessions)
    .slice(0, top);
}
