//! Rows of a segment: how records are written to it and read back. It must not know queues and questions.

use std::collections::{BTreeMap, HashMap};

use hearback_core::telemetry::{SpanId, SpanKind, SpanStatus, TraceId};
use hearback_core::wording::template_id;
use hearback_core::{ExternalText, LogRecord, LogSeverity, ServiceName, SpanRecord};
use jiff::{SignedDuration, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::intake::{LogRow, Rows, SpanRow};
use crate::segment::{Extent, to_ns};

/// Writers and wordings of which the numbers are remembered.
const MOST_REMEMBERED: usize = 20_000;

/// The severities, in the order of their numbers in a segment.
pub(crate) const SEVERITIES: [LogSeverity; 6] = [
    LogSeverity::Trace,
    LogSeverity::Debug,
    LogSeverity::Info,
    LogSeverity::Warn,
    LogSeverity::Error,
    LogSeverity::Fatal,
];

/// The numbers of writers and wordings in the segment that is written to.
#[derive(Default)]
pub(crate) struct Numbers {
    writers: HashMap<(ServiceName, String), i64>,
    templates: HashMap<(ServiceName, LogSeverity, String), i64>,
}

impl Numbers {
    /// Forgets all: after a rollback they may name rows that are not there.
    pub fn clear(&mut self) {
        self.writers.clear();
        self.templates.clear();
    }

    fn writer(
        &mut self,
        connection: &Connection,
        service: &ServiceName,
        version: Option<&String>,
    ) -> rusqlite::Result<i64> {
        let key = (service.clone(), version.cloned().unwrap_or_default());
        if let Some(number) = self.writers.get(&key) {
            return Ok(*number);
        }
        let number = number_of(
            connection,
            "INSERT INTO writer (service, version) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id",
            (service.as_str(), &key.1),
            "SELECT id FROM writer WHERE service = ? AND version = ?",
            (service.as_str(), &key.1),
        )?;
        remember(&mut self.writers, key, number);
        Ok(number)
    }

    fn template(&mut self, connection: &Connection, row: &mut LogRow) -> rusqlite::Result<i64> {
        let LogRecord { service, severity, .. } = &row.record;
        let key = (service.clone(), *severity, std::mem::take(&mut row.wording));
        if let Some(number) = self.templates.get(&key) {
            row.wording = key.2;
            return Ok(*number);
        }
        let digest = template_id(service, *severity, &key.2).to_string();
        let number = number_of(
            connection,
            "INSERT INTO template (digest, service, severity, text) VALUES (?, ?, ?, ?) \
             ON CONFLICT DO NOTHING RETURNING id",
            (&digest, service.as_str(), *severity as i64, &key.2),
            "SELECT id FROM template WHERE digest = ?",
            (&digest,),
        )?;
        row.wording.clone_from(&key.2);
        remember(&mut self.templates, key, number);
        Ok(number)
    }
}

fn remember<K: std::hash::Hash + Eq>(numbers: &mut HashMap<K, i64>, key: K, number: i64) {
    if numbers.len() >= MOST_REMEMBERED {
        numbers.clear();
    }
    numbers.insert(key, number);
}

fn number_of(
    connection: &Connection,
    insert: &str,
    values: impl rusqlite::Params,
    select: &str,
    key: impl rusqlite::Params,
) -> rusqlite::Result<i64> {
    let made = connection.prepare_cached(insert)?.query_row(values, |row| row.get(0)).optional()?;
    match made {
        Some(number) => Ok(number),
        None => connection.prepare_cached(select)?.query_row(key, |row| row.get(0)),
    }
}

/// Writes rows inside the transaction that is open, and takes them into `extent`.
pub(crate) fn insert(
    connection: &Connection,
    numbers: &mut Numbers,
    rows: &mut Rows,
    extent: &mut Extent,
) -> rusqlite::Result<()> {
    match rows {
        Rows::Logs(rows) => rows.iter_mut().try_for_each(|row| insert_log(connection, numbers, row, extent)),
        Rows::Spans(rows) => rows.iter().try_for_each(|row| insert_span(connection, numbers, row, extent)),
    }
}

fn insert_log(
    connection: &Connection,
    numbers: &mut Numbers,
    row: &mut LogRow,
    extent: &mut Extent,
) -> rusqlite::Result<()> {
    let writer = numbers.writer(connection, &row.record.service, row.record.version.as_ref())?;
    let template = numbers.template(connection, row)?;
    let record = &row.record;
    let at = to_ns(record.at);
    connection
        .prepare_cached(
            "INSERT INTO log (at, writer, severity, template, trace, span, body, attributes) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute((
            at,
            writer,
            record.severity as i64,
            template,
            record.trace.as_ref().map(TraceId::as_bytes),
            record.span.as_ref().map(SpanId::as_bytes),
            record.body.as_untrusted(),
            &row.attributes,
        ))?;
    extent.add_log(at);
    Ok(())
}

/// A span that is there already is the same span sent again; the first stays.
fn insert_span(
    connection: &Connection,
    numbers: &mut Numbers,
    row: &SpanRow,
    extent: &mut Extent,
) -> rusqlite::Result<()> {
    let record = &row.record;
    let writer = numbers.writer(connection, &record.service, record.version.as_ref())?;
    let started_at = to_ns(record.started_at);
    let duration_ns = record.duration.as_nanos().clamp(0, i64::MAX.into()) as i64;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO span (trace, span, parent, writer, name, kind, started_at, duration_ns, status, failed, \
             message, attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute((
            record.trace.as_bytes(),
            record.span.as_bytes(),
            record.parent.as_ref().map(SpanId::as_bytes),
            writer,
            record.name.as_untrusted(),
            record.kind as i64,
            started_at,
            duration_ns,
            record.status as i64,
            record.status == SpanStatus::Error,
            record.message.as_untrusted(),
            &row.attributes,
        ))?;
    if inserted > 0 {
        extent.add_span(started_at);
    }
    Ok(())
}

/// Keeps what the segment holds beside it, inside the transaction that is open.
pub(crate) fn update_extent(connection: &Connection, extent: &Extent) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE extent SET logs = ?, first_log_at = ?, last_log_at = ?, spans = ?, first_span_at = ?, \
             last_span_at = ?, last_arrival_ms = ?",
        )?
        .execute((
            extent.logs as i64,
            extent.first_log_at,
            extent.last_log_at,
            extent.spans as i64,
            extent.first_span_at,
            extent.last_span_at,
            extent.last_arrival.as_millisecond(),
        ))
        .map(drop)
}

/// The log record with this number.
pub(crate) fn load_log(connection: &Connection, id: i64) -> rusqlite::Result<LogRecord> {
    let sql = "SELECT at, service, version, severity, trace, span, body, attributes \
               FROM log JOIN writer ON writer.id = log.writer WHERE log.id = ?";
    connection.prepare_cached(sql)?.query_row([id], |row| {
        Ok(LogRecord {
            at: read_time(row, 0)?,
            service: read_service(row, 1)?,
            version: read_version(row, 2)?,
            severity: read_severity(row, 3)?,
            trace: row.get::<_, Option<Vec<u8>>>(4)?.and_then(|bytes| TraceId::from_bytes(&bytes)),
            span: row.get::<_, Option<Vec<u8>>>(5)?.and_then(|bytes| SpanId::from_bytes(&bytes)),
            body: ExternalText::new(row.get::<_, String>(6)?),
            attributes: read_attributes(row, 7)?,
        })
    })
}

/// The span with this number.
pub(crate) fn load_span(connection: &Connection, id: i64) -> rusqlite::Result<SpanRecord> {
    let sql = "SELECT trace, span, parent, service, version, name, kind, started_at, duration_ns, status, message, \
               attributes FROM span JOIN writer ON writer.id = span.writer WHERE span.id = ?";
    connection.prepare_cached(sql)?.query_row([id], |row| {
        let span = |column: usize| -> rusqlite::Result<Option<SpanId>> {
            Ok(row.get::<_, Option<Vec<u8>>>(column)?.and_then(|bytes| SpanId::from_bytes(&bytes)))
        };
        let trace = TraceId::from_bytes(&row.get::<_, Vec<u8>>(0)?);
        let kinds =
            [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
        let statuses = [SpanStatus::Unset, SpanStatus::Ok, SpanStatus::Error];
        Ok(SpanRecord {
            trace: trace.ok_or_else(|| unreadable(0, "no trace id"))?,
            span: span(1)?.ok_or_else(|| unreadable(1, "no span id"))?,
            parent: span(2)?,
            service: read_service(row, 3)?,
            version: read_version(row, 4)?,
            name: ExternalText::new(row.get::<_, String>(5)?),
            kind: read_choice(row, 6, &kinds)?,
            started_at: read_time(row, 7)?,
            duration: SignedDuration::from_nanos(row.get(8)?),
            status: read_choice(row, 9, &statuses)?,
            message: ExternalText::new(row.get::<_, String>(10)?),
            attributes: read_attributes(row, 11)?,
        })
    })
}

/// A value that we never write: the file is damaged.
fn unreadable(column: usize, why: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, why.into())
}

pub(crate) fn read_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let ns: i64 = row.get(column)?;
    Timestamp::from_nanosecond(ns.into()).map_err(|_| unreadable(column, "no time"))
}

pub(crate) fn read_service(row: &Row<'_>, column: usize) -> rusqlite::Result<ServiceName> {
    ServiceName::new(row.get::<_, String>(column)?).map_err(|_| unreadable(column, "no service"))
}

pub(crate) fn read_severity(row: &Row<'_>, column: usize) -> rusqlite::Result<LogSeverity> {
    read_choice(row, column, &SEVERITIES)
}

fn read_choice<T: Copy>(row: &Row<'_>, column: usize, choices: &[T]) -> rusqlite::Result<T> {
    let number: i64 = row.get(column)?;
    let choice = usize::try_from(number).ok().and_then(|number| choices.get(number));
    choice.copied().ok_or_else(|| unreadable(column, "no such choice"))
}

fn read_version(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(Some(row.get::<_, String>(column)?).filter(|version| !version.is_empty()))
}

fn read_attributes(row: &Row<'_>, column: usize) -> rusqlite::Result<BTreeMap<String, ExternalText>> {
    match row.get::<_, Option<String>>(column)? {
        Some(json) => serde_json::from_str(&json).map_err(|_| unreadable(column, "no attributes")),
        None => Ok(BTreeMap::new()),
    }
}
