-- The entry's JSON is the truth: what is hashed is what is stored. The columns beside it only find rows.
-- `evidence` is the snapshot that an entry of kind evidence_gathered names.
CREATE TABLE entry (
    incident TEXT NOT NULL,
    seq BIGINT NOT NULL,
    evidence TEXT,
    json TEXT NOT NULL,
    PRIMARY KEY (incident, seq)
);
CREATE INDEX entry_by_evidence ON entry (evidence) WHERE evidence IS NOT NULL;

CREATE TABLE snapshot (
    id TEXT NOT NULL PRIMARY KEY,
    json TEXT NOT NULL
);

-- Times in columns are microseconds since 1970; the JSON holds them exactly.
CREATE TABLE logged_change (
    id TEXT NOT NULL PRIMARY KEY,
    effective_us BIGINT NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX logged_change_by_effect ON logged_change (effective_us);

-- `fingerprint` is the digest of the alert's own: any length, any characters.
CREATE TABLE inbox_alert (
    fingerprint TEXT NOT NULL,
    known_us BIGINT NOT NULL,
    incident TEXT,
    resolved_at TEXT,
    json TEXT NOT NULL
);
CREATE UNIQUE INDEX inbox_alert_open ON inbox_alert (fingerprint) WHERE resolved_at IS NULL;
CREATE INDEX inbox_alert_by_time ON inbox_alert (known_us);
