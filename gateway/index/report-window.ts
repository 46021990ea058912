/** Sessions that started between these times, both included; microseconds since 1970. */
export interface ReportWindow {
  readonly since: number;
  readonly until: number;
}
