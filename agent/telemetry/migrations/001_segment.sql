-- One segment: what arrived in one slice of time. Times are nanoseconds since 1970 by the sender's clock.

-- Who wrote: a service in a version ('' if it says none).
CREATE TABLE writer (
    id INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    version TEXT NOT NULL,
    UNIQUE (service, version)
) STRICT;

-- The wordings of log records. The digest is that of service, severity and text.
CREATE TABLE template (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL,
    severity INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    writer INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    template INTEGER NOT NULL,
    trace BLOB,
    span BLOB,
    body TEXT NOT NULL,
    attributes TEXT
) STRICT;
CREATE INDEX log_by_writer ON log (writer, severity, at);
CREATE INDEX log_by_template ON log (template, at);
CREATE INDEX log_by_trace ON log (trace) WHERE trace IS NOT NULL;

CREATE TABLE span (
    id INTEGER PRIMARY KEY,
    trace BLOB NOT NULL,
    span BLOB NOT NULL,
    parent BLOB,
    writer INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    status INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    message TEXT NOT NULL,
    attributes TEXT,
    UNIQUE (trace, span)
) STRICT;
CREATE INDEX span_by_writer ON span (writer, failed, started_at, duration_ns);

-- What the segment holds, kept up to date by every commit: one row.
CREATE TABLE extent (
    logs INTEGER NOT NULL,
    first_log_at INTEGER NOT NULL,
    last_log_at INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    first_span_at INTEGER NOT NULL,
    last_span_at INTEGER NOT NULL,
    last_arrival_ms INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 1;
