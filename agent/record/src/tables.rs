//! What the tables mean: every statement of this crate, and how a row becomes a value. Both databases share it.
//! It must not know which of them it talks to.

use std::collections::HashMap;

use hearback_core::entry::{Body, Broken, Entry, Head};
use hearback_core::evidence::{Evidence, Known};
use hearback_core::happening::Alert;
use hearback_core::ports::{InboxAlert, Notice, RecordError, Recorded};
use hearback_core::sealing::{Place, Sealing};
use hearback_core::time::Window;
use hearback_core::{Change, Digest, EvidenceId, IncidentId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::session::{Cell, Fault, Row, Session};

const INSERT_ENTRY: &str = "INSERT INTO entry (incident, seq, evidence, json) VALUES ($1, $2, $3, $4)";
const REPLACE_ENTRY: &str = "UPDATE entry SET evidence = NULL, json = $1 WHERE incident = $2 AND seq = $3";
const ONE_ENTRY: &str = "SELECT incident, seq, json FROM entry WHERE incident = $1 AND seq = $2";
const LAST_ENTRY: &str =
    "SELECT incident, seq, json FROM entry WHERE incident = $1 ORDER BY seq DESC LIMIT 1";
const ENTRIES_AFTER: &str =
    "SELECT incident, seq, json FROM entry WHERE incident = $1 AND seq > $2 ORDER BY seq LIMIT $3";
const FIRST_AND_LAST: &str = "SELECT e.incident, e.seq, e.json \
     FROM (SELECT incident, min(seq) AS first, max(seq) AS last FROM entry GROUP BY incident) AS ends \
     JOIN entry AS e ON e.incident = ends.incident AND e.seq IN (ends.first, ends.last) \
     ORDER BY e.incident, e.seq";
const OTHERS_NAMING: &str =
    "SELECT count(*) FROM entry WHERE evidence = $1 AND NOT (incident = $2 AND seq = $3)";
const INSERT_SNAPSHOT: &str = "INSERT INTO snapshot (id, json) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const DELETE_SNAPSHOT: &str = "DELETE FROM snapshot WHERE id = $1";
const ONE_SNAPSHOT: &str = "SELECT json FROM snapshot WHERE id = $1";
const INSERT_CHANGE: &str =
    "INSERT INTO logged_change (id, effective_us, json) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const CHANGES_BEFORE: &str = "SELECT json, effective_us, id FROM logged_change \
     WHERE effective_us >= $1 AND (effective_us, id) < ($2, $3) ORDER BY effective_us DESC, id DESC LIMIT $4";
const INSERT_ALERT: &str =
    "INSERT INTO inbox_alert (fingerprint, known_us, json) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const LAST_ALERT: &str = "SELECT json FROM inbox_alert WHERE fingerprint = $1 ORDER BY known_us DESC LIMIT 1";
const OPEN_ALERT: &str = "SELECT json FROM inbox_alert WHERE fingerprint = $1 AND resolved_at IS NULL";
const RESOLVE_ALERT: &str =
    "UPDATE inbox_alert SET resolved_at = $1 WHERE fingerprint = $2 AND resolved_at IS NULL";
const CLAIM_ALERT: &str = "UPDATE inbox_alert SET incident = $1 \
     WHERE fingerprint = $2 AND resolved_at IS NULL AND incident IS NULL";
const INSERT_PAPER: &str =
    "INSERT INTO paper (kind, key, at_us, json) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const REPLACE_PAPER: &str = "UPDATE paper SET json = $1 WHERE kind = $2 AND key = $3";
const ONE_PAPER: &str = "SELECT json FROM paper WHERE kind = $1 AND key = $2";
const PAPERS: &str = "SELECT json FROM paper WHERE kind = $1 ORDER BY at_us, key";
const DROP_PAPER: &str = "DELETE FROM paper WHERE kind = $1 AND key = $2";
const OLD_PAPERS: &str = "DELETE FROM paper WHERE kind = $1 AND at_us < $2";
const ALERTS_BETWEEN: &str =
    "SELECT json, incident, resolved_at FROM inbox_alert WHERE known_us BETWEEN $1 AND $2";

/// The kind of entry that names a snapshot.
const GATHERED: &str = "evidence_gathered";
/// The kind of the entries that name how far an investigation has come.
const INVESTIGATING: &str = "investigating";

/// The tables inside one transaction of the writer. Entries are held back and inserted together.
pub(crate) struct Ledger<'s> {
    session: &'s mut dyn Session,
    heads: HashMap<IncidentId, Option<Head>>,
    held_back: Vec<Vec<Cell>>,
}

impl<'s> Ledger<'s> {
    /// The tables of the transaction that `session` has open.
    pub fn new(session: &'s mut dyn Session) -> Self {
        Ledger { session, heads: HashMap::new(), held_back: Vec::new() }
    }

    /// The incident's last entry, those held back included.
    pub fn head(&mut self, incident: &IncidentId) -> Result<Option<Head>, Fault> {
        if let Some(head) = self.heads.get(incident) {
            return Ok(*head);
        }
        let head = head(self.session, incident)?;
        self.heads.insert(incident.clone(), head);
        Ok(head)
    }

    /// Gives entries of `incident` their places after its head.
    pub fn append(&mut self, incident: &IncidentId, entries: &[Sealing]) -> Result<Vec<Place>, Fault> {
        let mut head = self.head(incident)?;
        let mut places = Vec::with_capacity(entries.len());
        for entry in entries {
            let place = entry.place_after(head).map_err(|error| Fault::Failed(error.to_string()))?;
            let evidence = evidence_cell(entry.kind(), entry.body());
            self.hold_back(incident, place.head().seq, evidence, entry.json_at(&place));
            head = Some(place.head());
            places.push(place);
        }
        self.set_head(incident, head);
        Ok(places)
    }

    /// Adds entries of one incident that are sealed already, the last of them its new head.
    pub fn add(&mut self, entries: &[Entry]) -> Result<(), Fault> {
        for entry in entries {
            let evidence = evidence_cell(&entry.kind, &entry.body);
            self.hold_back(&entry.incident, entry.seq, evidence, to_json(entry)?.0);
        }
        if let Some(last) = entries.last() {
            self.set_head(&last.incident, Some(last.head()));
        }
        Ok(())
    }

    fn hold_back(&mut self, incident: &IncidentId, seq: u64, evidence: Cell, json: String) {
        self.held_back.push(vec![incident.as_str().into(), seq.into(), evidence, Cell::Text(json)]);
    }

    fn set_head(&mut self, incident: &IncidentId, head: Option<Head>) {
        match self.heads.get_mut(incident) {
            Some(known) => *known = head,
            None => drop(self.heads.insert(incident.clone(), head)),
        }
    }

    /// Writes what was held back. To be called before the commit.
    pub fn flush(&mut self) -> Result<(), Fault> {
        let rows = std::mem::take(&mut self.held_back);
        if rows.is_empty() { Ok(()) } else { self.session.execute_all(INSERT_ENTRY, &rows) }
    }

    /// The entry at `seq`, if there is one.
    pub fn entry(&mut self, incident: &IncidentId, seq: u64) -> Result<Option<Entry>, Fault> {
        self.flush()?;
        let rows = self.session.query(ONE_ENTRY, &[incident.as_str().into(), seq.into()])?;
        rows.first().map(read_entry).transpose()
    }

    /// Puts `entry`, whose body is a tombstone now, where it stood.
    pub fn replace(&mut self, entry: &Entry) -> Result<(), Fault> {
        let place = [to_json(entry)?.into(), entry.incident.as_str().into(), entry.seq.into()];
        self.session.execute(REPLACE_ENTRY, &place).map(drop)
    }

    /// Removes a snapshot unless an entry beside the one at `incident`, `seq` names it.
    pub fn forget_snapshot(&mut self, id: EvidenceId, incident: &IncidentId, seq: u64) -> Result<(), Fault> {
        self.flush()?;
        let place = [id.to_string().as_str().into(), incident.as_str().into(), seq.into()];
        let others = self.session.query(OTHERS_NAMING, &place)?;
        if others.first().is_some_and(|row| row.number(0) == 0) {
            self.session.execute(DELETE_SNAPSHOT, &[id.to_string().as_str().into()])?;
        }
        Ok(())
    }

    /// Keeps a snapshot.
    pub fn keep(&mut self, snapshot: &Evidence) -> Result<Recorded, Fault> {
        let row = [snapshot.id.to_string().as_str().into(), to_json(snapshot)?.into()];
        self.session.execute(INSERT_SNAPSHOT, &row).map(recorded)
    }

    /// Logs a change.
    pub fn log_change(&mut self, change: &Known<Change>) -> Result<Recorded, Fault> {
        let effective = Cell::Int(change.value.effective_at.as_microsecond());
        let row = [change.value.id.as_str().into(), effective, to_json(change)?.into()];
        self.session.execute(INSERT_CHANGE, &row).map(recorded)
    }

    /// Takes an alert under `fingerprint`, which is the one its sender uses.
    pub fn receive_alert(&mut self, fingerprint: &str, alert: &Known<Alert>) -> Result<Recorded, Fault> {
        // A late notification of a firing that is over already is no new one.
        let last = self.session.query(LAST_ALERT, &[key(fingerprint)])?;
        if let Some(row) = last.first() {
            let last: Known<Alert> = from_json(row.text(0), "an alert")?;
            if last.value.started_at >= alert.value.started_at {
                return Ok(Recorded::AlreadyThere);
            }
        }
        let known = Cell::Int(alert.known_at.as_microsecond());
        self.session.execute(INSERT_ALERT, &[key(fingerprint), known, to_json(alert)?.into()]).map(recorded)
    }

    /// Marks the open alert as over, if there is one.
    pub fn resolve_alert(&mut self, fingerprint: &str, at: Timestamp) -> Result<bool, Fault> {
        // A late notification of an earlier end does not end what fires now.
        let open = self.session.query(OPEN_ALERT, &[key(fingerprint)])?;
        if let Some(row) = open.first() {
            let open: Known<Alert> = from_json(row.text(0), "an alert")?;
            if at < open.value.started_at {
                return Ok(false);
            }
        }
        let values = [at.to_string().as_str().into(), key(fingerprint)];
        self.session.execute(RESOLVE_ALERT, &values).map(|rows| rows > 0)
    }

    /// Puts a paper on the desk, unless one of its kind and name lies there.
    pub fn put_paper(
        &mut self,
        kind: PaperKind,
        name: &str,
        at: Timestamp,
        json: &str,
    ) -> Result<Recorded, Fault> {
        let row = [kind.name(), key(name), Cell::Int(at.as_microsecond()), json.into()];
        self.session.execute(INSERT_PAPER, &row).map(recorded)
    }

    /// Writes a paper anew. False if there is none.
    pub fn replace_paper(&mut self, kind: PaperKind, name: &str, json: &str) -> Result<bool, Fault> {
        self.session.execute(REPLACE_PAPER, &[json.into(), kind.name(), key(name)]).map(|rows| rows > 0)
    }

    /// The paper of this kind and name.
    pub fn paper<T: DeserializeOwned>(&mut self, kind: PaperKind, name: &str) -> Result<Option<T>, Fault> {
        paper(self.session, kind, name)
    }

    /// Takes papers away that are older than `before`.
    pub fn drop_papers(&mut self, kind: PaperKind, before: Timestamp) -> Result<(), Fault> {
        self.session.execute(OLD_PAPERS, &[kind.name(), Cell::Int(before.as_microsecond())]).map(drop)
    }

    /// Moves a notice to those that were told.
    pub fn mark_told(&mut self, name: &str, at: Timestamp) -> Result<bool, Fault> {
        let Some(mut notice) = self.paper::<Notice>(PaperKind::Notice, name)? else { return Ok(false) };
        notice.told_at = Some(at);
        self.put_paper(PaperKind::Told, name, notice.at, &to_json(&notice)?.0)?;
        self.session.execute(DROP_PAPER, &[PaperKind::Notice.name(), key(name)]).map(|rows| rows > 0)
    }

    /// Gives the open alert to an incident, if none has it.
    pub fn claim_alert(&mut self, fingerprint: &str, incident: &IncidentId) -> Result<bool, Fault> {
        let values = [incident.as_str().into(), key(fingerprint)];
        self.session.execute(CLAIM_ALERT, &values).map(|rows| rows > 0)
    }
}

/// A kind of paper on the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaperKind {
    Token,
    Delivery,
    /// A notice that is to be told.
    Notice,
    /// A notice that was told: kept so that it is not told again.
    Told,
    /// What was found out for an alert that waits.
    Prepared,
    /// What is known of a target of actions.
    Target,
}

impl PaperKind {
    fn name(self) -> Cell {
        Cell::from(match self {
            PaperKind::Token => "token",
            PaperKind::Delivery => "delivery",
            PaperKind::Notice => "notice",
            PaperKind::Told => "told",
            PaperKind::Prepared => "prepared",
            PaperKind::Target => "target",
        })
    }
}

/// The paper of this kind and name.
pub(crate) fn paper<T: DeserializeOwned>(
    session: &mut dyn Session,
    kind: PaperKind,
    name: &str,
) -> Result<Option<T>, Fault> {
    let rows = session.query(ONE_PAPER, &[kind.name(), key(name)])?;
    rows.first().map(|row| from_json(row.text(0), "a paper on the desk")).transpose()
}

/// All papers of a kind, oldest first.
pub(crate) fn papers<T: DeserializeOwned>(
    session: &mut dyn Session,
    kind: PaperKind,
) -> Result<Vec<T>, Fault> {
    let rows = session.query(PAPERS, &[kind.name()])?;
    rows.iter().map(|row| from_json(row.text(0), "a paper on the desk")).collect()
}

/// The incident's last entry.
pub(crate) fn head(session: &mut dyn Session, incident: &IncidentId) -> Result<Option<Head>, Fault> {
    let rows = session.query(LAST_ENTRY, &[incident.as_str().into()])?;
    Ok(rows.first().map(read_end).transpose()?.map(|end| end.head()))
}

/// Entries with `seq > after`, in order, at most `limit`.
pub(crate) fn entries_after(
    session: &mut dyn Session,
    incident: &IncidentId,
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>, Fault> {
    let values = [incident.as_str().into(), after.into(), (limit as u64).into()];
    session.query(ENTRIES_AFTER, &values)?.iter().map(read_entry).collect()
}

/// All incidents with their heads, oldest first.
pub(crate) fn incidents(session: &mut dyn Session) -> Result<Vec<(IncidentId, Head)>, Fault> {
    let mut incidents: Vec<(Timestamp, IncidentId, Head)> = Vec::new();
    for row in session.query(FIRST_AND_LAST, &[])? {
        // A row that was changed must not hide the other incidents: its place stands for it, with a hash that fits
        // nothing, so that whoever reads it finds it broken.
        let end = match read_end(&row) {
            Ok(end) => end,
            Err(fault) => {
                let incident = row.text(0).parse().map_err(|_| fault)?;
                End { incident, seq: row.number(1), recorded_at: Timestamp::MIN, hash: Digest::NONE }
            }
        };
        match incidents.last_mut() {
            Some((_, incident, head)) if *incident == end.incident => *head = end.head(),
            _ => incidents.push((end.recorded_at, end.incident.clone(), end.head())),
        }
    }
    incidents.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    Ok(incidents.into_iter().map(|(_, incident, head)| (incident, head)).collect())
}

/// A snapshot, if it is kept. One that was changed in the database is an error.
pub(crate) fn snapshot(session: &mut dyn Session, id: EvidenceId) -> Result<Option<Evidence>, Fault> {
    let rows = session.query(ONE_SNAPSHOT, &[id.to_string().as_str().into()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    match serde_json::from_str::<Evidence>(row.text(0)) {
        Ok(snapshot) if snapshot.id == id && snapshot.is_intact() => Ok(Some(snapshot)),
        _ => Err(Fault::Verdict(RecordError::Store(format!(
            "snapshot {} was changed: its content does not match its id",
            id.0.short()
        )))),
    }
}

/// Changes known by the end of `window` that took effect inside it, by time of effect: the latest `most` of them.
pub(crate) fn changes(
    session: &mut dyn Session,
    window: &Window,
    most: usize,
) -> Result<Vec<Known<Change>>, Fault> {
    let [from, until] = window_us(window);
    let mut changes = Vec::new();
    let mut place = [Cell::Int(until.saturating_add(1)), Cell::from("")];
    // A page may hold changes that were not known yet; those of the next page take their places.
    while changes.len() < most {
        let [at, id] = place;
        let page = session.query(CHANGES_BEFORE, &[Cell::Int(from), at, id, (most as u64).into()])?;
        for row in &page {
            let change: Known<Change> = from_json(row.text(0), "a logged change")?;
            if window.contains(change.value.effective_at) && change.known_at <= window.until {
                changes.push(change);
            }
        }
        match page.last().map(|row| row.0.as_slice()) {
            Some([_, at, id]) if page.len() == most => place = [at.clone(), id.clone()],
            _ => break,
        }
    }
    changes.sort_by(|a, b| (a.value.effective_at, &a.value.id).cmp(&(b.value.effective_at, &b.value.id)));
    let earlier = changes.len().saturating_sub(most);
    Ok(changes.split_off(earlier))
}

/// Alerts known inside `window`, by time.
pub(crate) fn alerts(session: &mut dyn Session, window: &Window) -> Result<Vec<InboxAlert>, Fault> {
    let mut alerts = Vec::new();
    for row in session.query(ALERTS_BETWEEN, &microseconds(window))? {
        let alert: Known<Alert> = from_json(row.text(0), "an alert")?;
        let unreadable = || changed("an alert");
        let incident = row.optional_text(1).map(str::parse).transpose().map_err(|_| unreadable())?;
        let resolved_at = row.optional_text(2).map(str::parse).transpose().map_err(|_| unreadable())?;
        if window.contains(alert.known_at) {
            alerts.push(InboxAlert { alert, incident, resolved_at });
        }
    }
    alerts.sort_by(|a, b| {
        (a.alert.known_at, &a.alert.value.fingerprint).cmp(&(b.alert.known_at, &b.alert.value.fingerprint))
    });
    Ok(alerts)
}

/// The snapshot an entry names.
pub(crate) fn named_evidence(entry: &Entry) -> Option<EvidenceId> {
    evidence_in(&entry.kind, &entry.body)
}

fn evidence_in(kind: &str, body: &Body) -> Option<EvidenceId> {
    match body {
        Body::Kept { json, .. } => {
            let field = match kind {
                GATHERED => "evidence",
                INVESTIGATING => "state",
                _ => return None,
            };
            json.get(field)?.as_str()?.parse().ok().map(EvidenceId)
        }
        _ => None,
    }
}

fn evidence_cell(kind: &str, body: &Body) -> Cell {
    evidence_in(kind, body).map_or(Cell::Null, |id| Cell::Text(id.to_string()))
}

/// An entry without its body, for the many places that need no more.
#[derive(Deserialize)]
struct End {
    incident: IncidentId,
    seq: u64,
    recorded_at: Timestamp,
    hash: Digest,
}

impl End {
    fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

fn read_end(row: &Row) -> Result<End, Fault> {
    let end: End = parse_row(row)?;
    in_its_place(row, &end.incident, end.seq)?;
    Ok(end)
}

fn read_entry(row: &Row) -> Result<Entry, Fault> {
    let entry: Entry = parse_row(row)?;
    in_its_place(row, &entry.incident, entry.seq)?;
    Ok(entry)
}

fn parse_row<T: DeserializeOwned>(row: &Row) -> Result<T, Fault> {
    let changed = |_| Fault::Verdict(Broken::Header { seq: row.number(1) }.into());
    serde_json::from_str(row.text(2)).map_err(changed)
}

/// The columns find an entry, its JSON is the entry: where they differ, somebody edited the database.
fn in_its_place(row: &Row, incident: &IncidentId, seq: u64) -> Result<(), Fault> {
    let expected = row.number(1);
    if seq != expected {
        return Err(Fault::Verdict(Broken::Sequence { expected, found: seq }.into()));
    }
    if incident.as_str() != row.text(0) {
        return Err(Fault::Verdict(Broken::Stranger { seq }.into()));
    }
    Ok(())
}

fn from_json<T: DeserializeOwned>(json: &str, what: &str) -> Result<T, Fault> {
    serde_json::from_str(json).map_err(|_| changed(what))
}

fn changed(what: &str) -> Fault {
    Fault::Verdict(RecordError::Store(format!("{what} can't be read: it was changed in the database")))
}

/// JSON text for a column.
struct Json(String);

impl From<Json> for Cell {
    fn from(json: Json) -> Self {
        Cell::Text(json.0)
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<Json, Fault> {
    serde_json::to_string(value).map(Json).map_err(|error| Fault::Failed(error.to_string()))
}

/// A window for a query, one microsecond too wide at its end; the exact times decide afterwards.
fn microseconds(window: &Window) -> [Cell; 2] {
    window_us(window).map(Cell::Int)
}

fn window_us(window: &Window) -> [i64; 2] {
    [window.from, window.until].map(|at| at.as_microsecond())
}

fn key(fingerprint: &str) -> Cell {
    Cell::Text(Digest::of(fingerprint.as_bytes()).to_string())
}

fn recorded(rows: u64) -> Recorded {
    if rows > 0 { Recorded::New } else { Recorded::AlreadyThere }
}
