-- Small papers beside the incidents: tokens, deliveries that were worked off, notices, what was found out for an alert
-- that waits. `kind` says which; `key` is the digest of its name: any length, any characters.
CREATE TABLE paper (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX paper_by_time ON paper (kind, at_us);
