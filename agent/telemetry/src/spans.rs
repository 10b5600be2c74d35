//! Which spans answer a question: the slowest or the latest. They are found in the indexes, and only those that are
//! wanted are read whole. It must not know how segments are opened.

use std::cmp::Reverse;
use std::collections::HashSet;

use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::ports::{SpanOrder, SpanQuery, TracesQuery};
use hearback_core::{SourceName, SpanRecord};
use rusqlite::Connection;

use crate::intake::weight_of_span;
use crate::rows::load_span;
use crate::search::{Best, MOST_WANTED, Place, Search, describe, writers};
use crate::segment::{Extent, bounds};

/// The spans of a question, in its order.
pub(crate) fn find(search: &mut Search, query: &SpanQuery, source: SourceName) -> Fetched<SpanRecord> {
    let limit = query.limit.min(MOST_WANTED);
    // A span that was sent again after its segment was closed is there twice: some more are found than are wanted.
    let wanted = limit + limit / 4 + 16;
    let mut best = Best::new(wanted);
    let (from, until) = bounds(&query.window);
    let concerns =
        |extent: &Extent| extent.spans > 0 && extent.first_span_at < until && extent.last_span_at >= from;
    search.find(concerns, |segment, connection| {
        each_place(connection, query, wanted, &mut best, |id, key| Place {
            key,
            segment: Reverse(segment),
            id,
        })
    });
    let mut items = search.load(&best.into_sorted(), load_span, weight_of_span);
    let mut seen = HashSet::new();
    items.retain(|span| seen.insert((span.trace, span.span)));
    let which = match query.order {
        _ if items.len() <= limit => "",
        SpanOrder::Slowest => "the slowest ",
        SpanOrder::Newest => "the newest ",
    };
    items.truncate(limit);
    let failed = if query.failed { " with an error" } else { "" };
    let searched =
        format!("{which}{} spans{failed}{}", items.len(), describe(&query.services, &query.window));
    let missing = std::mem::take(&mut search.missing);
    Fetched { items, coverage: Coverage { source, searched, missing } }
}

/// The spans of whole traces, trace by trace.
pub(crate) fn find_traces(
    search: &mut Search,
    query: &TracesQuery,
    source: SourceName,
) -> Fetched<SpanRecord> {
    let (mut items, mut missing) = (Vec::new(), Vec::new());
    for trace in &query.traces {
        let of_one = SpanQuery {
            window: query.window,
            services: Vec::new(),
            trace: Some(*trace),
            failed: false,
            order: SpanOrder::Slowest,
            limit: query.spans_each,
            budget: query.budget,
        };
        let Fetched { items: spans, coverage } = find(search, &of_one, source.clone());
        items.extend(spans);
        missing.extend(coverage.missing);
    }
    missing.dedup();
    let searched = format!("{} spans of {} whole traces", items.len(), query.traces.len());
    Fetched { items, coverage: Coverage { source, searched, missing } }
}

/// Adds the places of one segment that are among the best.
fn each_place(
    connection: &Connection,
    query: &SpanQuery,
    wanted: usize,
    best: &mut Best,
    place: impl Fn(i64, i64) -> Place,
) -> rusqlite::Result<()> {
    let (from, until) = bounds(&query.window);
    let sql = match (query.trace, query.order) {
        (Some(_), SpanOrder::Slowest) => {
            "SELECT id, duration_ns FROM span WHERE trace = ?1 AND +writer = ?2 AND +failed = ?3 \
             AND started_at >= ?4 AND started_at < ?5 ORDER BY duration_ns DESC, id DESC LIMIT ?6"
        }
        (Some(_), SpanOrder::Newest) => {
            "SELECT id, started_at FROM span WHERE trace = ?1 AND +writer = ?2 AND +failed = ?3 \
             AND started_at >= ?4 AND started_at < ?5 ORDER BY started_at DESC, id DESC LIMIT ?6"
        }
        (None, SpanOrder::Slowest) => {
            "SELECT id, duration_ns FROM span WHERE ?1 IS NULL AND writer = ?2 AND failed = ?3 \
             AND started_at >= ?4 AND started_at < ?5 ORDER BY duration_ns DESC, id DESC LIMIT ?6"
        }
        (None, SpanOrder::Newest) => {
            "SELECT id, started_at FROM span WHERE ?1 IS NULL AND writer = ?2 AND failed = ?3 \
             AND started_at >= ?4 AND started_at < ?5 ORDER BY started_at DESC, id DESC LIMIT ?6"
        }
    };
    let mut statement = connection.prepare_cached(sql)?;
    let trace = query.trace.map(|trace| trace.as_bytes().to_vec());
    let outcomes: &[bool] = if query.failed { &[true] } else { &[true, false] };
    for writer in writers(connection, &query.services)? {
        for failed in outcomes {
            let mut rows = statement.query((&trace, writer, failed, from, until, wanted as i64))?;
            while let Some(row) = rows.next()? {
                best.add(place(row.get(0)?, row.get(1)?));
            }
        }
    }
    Ok(())
}
