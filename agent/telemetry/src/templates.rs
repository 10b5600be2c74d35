//! How often each wording was written. Counted in the index of wordings, so that no record is read but the first of
//! each wording that is shown. It must not know how wordings are made.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::hash::Digest;
use hearback_core::ports::LogQuery;
use hearback_core::telemetry::{LogTemplate, Minute, TemplateId};
use hearback_core::{ExternalText, SourceName};
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension};

use crate::intake::weight_of_log;
use crate::logs::{concerns, severity_phrase};
use crate::rows::{load_log, read_service, read_severity};
use crate::search::{MOST_WANTED, Place, Search, describe, is_wanted};
use crate::segment::bounds;

/// Wordings that are counted; text that is all different must not fill the memory.
const MOST_COUNTED: usize = 200_000;

/// A wording as it is counted over the segments.
struct Tally {
    count: u64,
    first: Place,
    last_at: i64,
    by_minute: BTreeMap<i64, u64>,
}

impl Tally {
    fn minutes(&self) -> Vec<Minute> {
        let minute = |(at, count): (&i64, &u64)| Some(Minute(Timestamp::from_second(at * 60).ok()?, *count));
        self.by_minute.iter().filter_map(minute).collect()
    }
}

/// What one segment says of one wording.
struct Seen {
    count: u64,
    by_minute: Vec<(i64, u64)>,
    first_at: i64,
    first_id: i64,
    last_at: i64,
}

/// The wordings of a question, the most frequent first.
pub(crate) fn count(search: &mut Search, query: &LogQuery, source: SourceName) -> Fetched<LogTemplate> {
    let mut tallies: HashMap<Digest, Tally> = HashMap::new();
    let mut uncounted = 0u64;
    search.find(concerns(query), |segment, connection| {
        each_wording(connection, query, |digest, seen| {
            let first = Place { key: seen.first_at, segment: Reverse(segment), id: seen.first_id };
            if !tallies.contains_key(&digest) && tallies.len() >= MOST_COUNTED {
                uncounted += seen.count;
                return;
            }
            let tally = tallies.entry(digest).or_insert(Tally {
                count: 0,
                first,
                last_at: seen.last_at,
                by_minute: BTreeMap::new(),
            });
            for (minute, count) in seen.by_minute {
                *tally.by_minute.entry(minute).or_default() += count;
            }
            tally.count += seen.count;
            tally.first = tally.first.min(first);
            tally.last_at = tally.last_at.max(seen.last_at);
        })
    });
    if uncounted > 0 {
        search.missing.push(format!(
            "more than {MOST_COUNTED} wordings: {uncounted} log records of others were not counted"
        ));
    }
    let (records, wordings) = (tallies.values().map(|tally| tally.count).sum::<u64>(), tallies.len());
    let mut most: Vec<(Digest, Tally)> = tallies.into_iter().collect();
    // Of equals the one that came up first, then by digest: the same question gives the same answer.
    most.sort_by_key(|(digest, tally)| (Reverse(tally.count), tally.first.key, *digest));
    most.truncate(query.limit.min(MOST_WANTED));
    let places: Vec<Place> = most.iter().map(|(_, tally)| tally.first).collect();
    let by_digest: HashMap<Digest, Tally> = most.into_iter().collect();
    let items = search.load(
        &places,
        |connection, id| load_template(connection, id, &by_digest),
        |template| weight_of_log(&template.first),
    );
    let searched = format!(
        "{records} log records{} in {wordings} wordings{}",
        severity_phrase(query.severity),
        describe(&query.services, &query.window)
    );
    let missing = std::mem::take(&mut search.missing);
    Fetched { items, coverage: Coverage { source, searched, missing } }
}

fn each_wording(
    connection: &Connection,
    query: &LogQuery,
    mut each: impl FnMut(Digest, Seen),
) -> rusqlite::Result<()> {
    let (from, until) = bounds(&query.window);
    let in_trace = query.trace.map(|trace| trace.as_bytes().to_vec());
    let mut wordings =
        connection.prepare_cached("SELECT id, digest, service FROM template WHERE severity >= ?")?;
    let mut rows = wordings.query([query.severity as i64])?;
    while let Some(row) = rows.next()? {
        let digest: Digest = read_digest(row, 1)?;
        let (id, service): (i64, String) = (row.get(0)?, row.get(2)?);
        let is_asked = query.template.is_none_or(|wanted| wanted.0 == digest);
        if !is_asked || !is_wanted(&service, &query.services) {
            continue;
        }
        let seen = match &in_trace {
            Some(trace) => seen_in_trace(connection, id, trace, from, until)?,
            None => seen(connection, id, from, until)?,
        };
        if let Some(seen) = seen {
            each(digest, seen);
        }
    }
    Ok(())
}

fn seen(connection: &Connection, template: i64, from: i64, until: i64) -> rusqlite::Result<Option<Seen>> {
    let edge = |sql: &str| {
        connection
            .prepare_cached(sql)?
            .query_row((template, from, until), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()
    };
    let first =
        edge("SELECT at, id FROM log WHERE template = ? AND at >= ? AND at < ? ORDER BY at, id LIMIT 1")?;
    let Some((first_at, first_id)) = first else { return Ok(None) };
    let last = edge(
        "SELECT at, id FROM log WHERE template = ? AND at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT 1",
    )?;
    let mut by_minute = connection.prepare_cached(
        "SELECT at / 60000000000 AS minute, count(*) FROM log WHERE template = ? AND at >= ? AND at < ? \
         GROUP BY minute ORDER BY minute",
    )?;
    let by_minute = by_minute
        .query_map((template, from, until), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    let by_minute: Vec<(i64, u64)> = by_minute.collect::<rusqlite::Result<_>>()?;
    let count = by_minute.iter().map(|(_, count)| count).sum();
    let last_at = last.map_or(first_at, |(last_at, _)| last_at);
    Ok(Some(Seen { count, by_minute, first_at, first_id, last_at }))
}

fn seen_in_trace(
    connection: &Connection,
    template: i64,
    trace: &[u8],
    from: i64,
    until: i64,
) -> rusqlite::Result<Option<Seen>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, id FROM log WHERE trace = ? AND +template = ? AND at >= ? AND at < ? ORDER BY at, id",
    )?;
    let mut rows = statement.query((trace, template, from, until))?;
    let mut seen: Option<Seen> = None;
    while let Some(row) = rows.next()? {
        let (at, id) = (row.get(0)?, row.get(1)?);
        let seen = seen.get_or_insert(Seen {
            count: 0,
            by_minute: Vec::new(),
            first_at: at,
            first_id: id,
            last_at: at,
        });
        seen.count += 1;
        seen.last_at = at;
        let minute = at / 60_000_000_000;
        match seen.by_minute.last_mut() {
            Some((last, count)) if *last == minute => *count += 1,
            _ => seen.by_minute.push((minute, 1)),
        }
    }
    Ok(seen)
}

/// The wording of the log record with this number, with what was counted of it.
fn load_template(
    connection: &Connection,
    id: i64,
    tallies: &HashMap<Digest, Tally>,
) -> rusqlite::Result<LogTemplate> {
    let first = load_log(connection, id)?;
    let sql = "SELECT digest, template.service, template.severity, text \
               FROM log JOIN template ON template.id = log.template WHERE log.id = ?";
    connection.prepare_cached(sql)?.query_row([id], |row| {
        let digest = read_digest(row, 0)?;
        let tally = tallies.get(&digest).ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        Ok(LogTemplate {
            id: TemplateId(digest),
            service: read_service(row, 1)?,
            severity: read_severity(row, 2)?,
            text: ExternalText::new(row.get::<_, String>(3)?),
            count: tally.count,
            first: first.clone(),
            last_at: Timestamp::from_nanosecond(tally.last_at.into()).unwrap_or(first.at),
            minutes: tally.minutes(),
        })
    })
}

fn read_digest(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
