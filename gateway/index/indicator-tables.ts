import { INDICATOR_KINDS } from "../evidence/indicators/indicator.ts";

const KINDS = INDICATOR_KINDS.map((kind) => `'${kind}'`).join(", ");

/**
 * Part of the schema. Indicators are texts like others: `mentions` says which session told one, `findings` which capture did so first.
 * What is here says it again for each change of a capture, so that a later capture can take the place of one that is gone.
 */
export const INDICATOR_TABLES = `
CREATE TABLE file_indicators (
  capture TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  text INTEGER NOT NULL,
  PRIMARY KEY (capture, ordinal, text)
) STRICT, WITHOUT ROWID;

-- For whoever asks by hand. Of a session's sandbox, that session is named whose end caused the capture.
CREATE VIEW indicators (session, kind, value, seen_us) AS
  SELECT mentions.session, texts.kind, texts.text, mentions.started_us + mentions.at_ns / 1000
    FROM texts JOIN mentions ON mentions.text = texts.id WHERE texts.kind IN (${KINDS})
  UNION ALL
  SELECT findings.cause, texts.kind, texts.text, findings.taken_us
    FROM texts JOIN findings ON findings.text = texts.id WHERE texts.kind IN (${KINDS});
`;
