import type { ByteString } from "../model/bytes.ts";
import type { ReportWindow } from "./report-window.ts";
import { sql, type Ask } from "./sql.ts";

/** A file that nobody had had before. */
export interface NewArtifact {
  readonly sha256: string;
  /** One of its paths. */
  readonly path: ByteString;
  /** Bytes. */
  readonly size: number;
  /** Microseconds since 1970. */
  readonly first: number;
  /** Of those that had it in this time. */
  readonly sources: number;
  /** One of them. */
  readonly session: string;
}

/** Files that were brought, run, deleted or captured in this time and never before, each content once, what most sources had first. */
export function newArtifactsIn(ask: Ask, { since, until }: ReportWindow, top: number): NewArtifact[] {
  const artifacts: NewArtifact[] = [];
  for (const row of ask(
    sql`SELECT sha256, min(path) AS path, max(size) AS size, min(at) AS first, count(DISTINCT source) AS sources, min(session) AS session
      FROM (
        SELECT files.sha256, files.path, files.size, captures.taken_us AS at, captures.source, captures.session
        FROM captures CROSS JOIN files ON files.capture = captures.id
        WHERE captures.taken_us BETWEEN ${since} AND ${until} AND files.sha256 IS NOT NULL AND files.grown IS NULL
        UNION ALL
        SELECT transfers.sha256, transfers.path, transfers.size, sessions.started_us, sessions.source_address, sessions.id
        FROM sessions CROSS JOIN transfers ON transfers.session = sessions.id
        WHERE sessions.started_us BETWEEN ${since} AND ${until} AND transfers.sha256 IS NOT NULL AND transfers.direction = 'upload'
        UNION ALL
        SELECT witnessed.sha256, witnessed.path, witnessed.size, witnessed.at_us, sessions.source_address, sessions.id
        FROM witnessed INDEXED BY witnessed_at CROSS JOIN sessions ON sessions.id = witnessed.session
        WHERE witnessed.at_us BETWEEN ${since} AND ${until} AND witnessed.sha256 IS NOT NULL)
      WHERE size > 0 GROUP BY sha256 ORDER BY sources DESC, first, sha256`,
  )) {
    const sha256 = String(row["sha256"]);
    if (wasThereBefore(ask, sha256, since)) continue;
    artifacts.push({
      sha256,
      path: String(row["path"]) as ByteString,
      size: Number(row["size"]),
      first: Number(row["first"]),
      sources: Number(row["sources"]),
      session: String(row["session"]),
    });
    if (artifacts.length === top) break;
  }
  return artifacts;
}

function wasThereBefore(ask: Ask, sha256: string, since: number): boolean {
  const [before] = ask(
    sql`SELECT 1 FROM files CROSS JOIN captures ON captures.id = files.capture
        WHERE files.sha256 = ${sha256} AND captures.taken_us < ${since}
      UNION ALL SELECT 1 FROM transfers CROSS JOIN sessions ON sessions.id = transfers.session
        WHERE transfers.sha256 = ${sha256} AND transfers.direction = 'upload' AND sessions.started_us < ${since}
      UNION ALL SELECT 1 FROM witnessed WHERE witnessed.sha256 = ${sha256} AND witnessed.at_us < ${since} LIMIT 1`,
  );
  return before !== undefined;
}
