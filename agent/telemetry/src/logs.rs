//! Which log records answer a question. They are found in the indexes, newest first, and only those that are wanted
//! are read whole. It must not know how segments are opened.

use std::cmp::Reverse;

use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::ports::LogQuery;
use hearback_core::{LogRecord, LogSeverity, SourceName};
use rusqlite::{Connection, OptionalExtension};

use crate::intake::weight_of_log;
use crate::rows::{SEVERITIES, load_log};
use crate::search::{Best, MOST_WANTED, Place, Search, describe, is_wanted, writers};
use crate::segment::{Extent, bounds};

/// The newest log records of a question, by time.
pub(crate) fn find(search: &mut Search, query: &LogQuery, source: SourceName) -> Fetched<LogRecord> {
    let wanted = query.limit.min(MOST_WANTED);
    let mut best = Best::new(wanted);
    search.find(concerns(query), |segment, connection| {
        each_place(connection, query, wanted, &mut best, |id, at| Place {
            key: at,
            segment: Reverse(segment),
            id,
        })
    });
    let places = best.into_sorted();
    let mut items = search.load(&places, load_log, weight_of_log);
    items.reverse();
    let which = if places.len() == wanted { "the newest " } else { "" };
    let searched = format!(
        "{which}{} log records{}{}",
        places.len(),
        severity_phrase(query.severity),
        describe(&query.services, &query.window)
    );
    let missing = std::mem::take(&mut search.missing);
    Fetched { items, coverage: Coverage { source, searched, missing } }
}

/// Whether a segment can hold log records of a question.
pub(crate) fn concerns(query: &LogQuery) -> impl Fn(&Extent) -> bool {
    let (from, until) = bounds(&query.window);
    move |extent| extent.logs > 0 && extent.first_log_at < until && extent.last_log_at >= from
}

pub(crate) fn severity_phrase(severity: LogSeverity) -> String {
    match severity {
        LogSeverity::Trace => String::new(),
        least => format!(" ({least} and worse)"),
    }
}

/// Adds the places of one segment that are among the best.
fn each_place(
    connection: &Connection,
    query: &LogQuery,
    wanted: usize,
    best: &mut Best,
    place: impl Fn(i64, i64) -> Place,
) -> rusqlite::Result<()> {
    let (from, until) = bounds(&query.window);
    let mut take = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            best.add(place(row.get(0)?, row.get(1)?));
        }
        Ok::<_, rusqlite::Error>(best.floor())
    };
    if let Some(trace) = query.trace {
        let writers = writers(connection, &query.services)?;
        let template = match query.template {
            Some(_) => wanted_template(connection, query)?,
            None => None,
        };
        if query.template.is_some() && template.is_none() {
            return Ok(());
        }
        let sql = "SELECT id, at FROM log WHERE trace = ? AND at >= ? AND at < ? AND +severity >= ? \
                   AND +writer = ? AND (? IS NULL OR template = ?)";
        for writer in writers {
            let severity = query.severity as i64;
            take(sql, &[&trace.as_bytes(), &from, &until, &severity, &writer, &template, &template])?;
        }
        return Ok(());
    }
    if query.template.is_some() {
        let Some(template) = wanted_template(connection, query)? else { return Ok(()) };
        let sql = "SELECT id, at FROM log WHERE template = ? AND at >= ? AND at < ? \
                   ORDER BY at DESC, id DESC LIMIT ?";
        take(sql, &[&template, &from, &until, &(wanted as i64)])?;
        return Ok(());
    }
    let sql = "SELECT id, at FROM log WHERE writer = ? AND severity = ? AND at >= ? AND at < ? \
               ORDER BY at DESC, id DESC LIMIT ?";
    let mut floor = from;
    for writer in writers(connection, &query.services)? {
        for severity in SEVERITIES.into_iter().filter(|severity| *severity >= query.severity) {
            let values: [&dyn rusqlite::ToSql; 5] =
                [&writer, &(severity as i64), &floor, &until, &(wanted as i64)];
            floor = take(sql, &values)?.max(from);
        }
    }
    Ok(())
}

/// The number of the wording that is asked for, if this segment has it and it fits the rest of the question.
pub(crate) fn wanted_template(connection: &Connection, query: &LogQuery) -> rusqlite::Result<Option<i64>> {
    let Some(template) = query.template else { return Ok(None) };
    let found: Option<(i64, String)> = connection
        .prepare_cached("SELECT id, service FROM template WHERE digest = ? AND severity >= ?")?
        .query_row((template.to_string(), query.severity as i64), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.filter(|(_, service)| is_wanted(service, &query.services)).map(|(id, _)| id))
}
