//! The incident that is replayed: its sources, its entries, and what is asked of it.

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::change::{
    Author, Diff, DiffLine, FileDiff, Landed, Lines, Nature, Paths, Revert, Review, Says, Side,
};
use hearback_core::entry::Actor;
use hearback_core::expertise::{LineQuery, NearLines, OnCall, Work, WorkQuery, Written};
use hearback_core::freeze::Freeze;
use hearback_core::happening::Question;
use hearback_core::ports::{
    ChangeQuery, ChangeSource, ConnectorError, FreezeSource, LineHistory, LogQuery, LogSource, OnCallSource,
    SeriesQuery, SignalSource, SpanOrder, SpanQuery, TraceSource, TracesQuery, WorkSource,
};
use hearback_core::signal::Point;
use hearback_core::telemetry::{LogTemplate, SpanKind, SpanStatus, TemplateId};
use hearback_core::{
    Answer, Catalog, Change, ChangeId, ChangeKind, Coverage, Digest, Draft, Entry, Fetched, Happening,
    Incident, IncidentId, LogRecord, LogSeverity, PathChange, Series, Severity, SignalKind, SourceName,
    SpanRecord, Window,
};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::analysts::culprit::rules::CulpritRules;
use hearback_engine::analysts::experts::rules::ExpertRules;
use hearback_engine::asking;
use hearback_engine::driver::{self, Context, Sources};
use hearback_engine::expertise::{ExpertSettings, PeopleSources};
use hearback_engine::ranker::Ranker;
use hearback_engine::recorded::Recorded;
use hearback_engine::replay::{Ask, Replay, ReplayError, Settings, replay};
use hearback_engine::signals::Signals;
use jiff::{SignedDuration, Timestamp};

pub fn at(time: &str) -> Timestamp {
    format!("2026-11-23T{time}Z").parse().unwrap()
}

pub fn commit(name: &str, time: &str, title: &str, path: &str) -> Change {
    let path =
        PathChange { path: path.into(), lines: Lines::Counted { added: 5, deleted: 2 }, moved_from: None };
    Change {
        id: id(name),
        kind: ChangeKind::Commit,
        source: SourceName::new("git:shop").unwrap(),
        services: vec![],
        environment: None,
        delivers: vec![],
        rollout: None,
        committed_at: at(time),
        effective_at: at(time),
        landed: Landed::Yes,
        author: Author { name: "Ana Ruiz".into(), email: None, nature: Nature::Person },
        title: title.into(),
        body: "".into(),
        paths: Paths::Known(vec![path]),
        revert: Revert::default(),
        review: Review::default(),
        link: None,
    }
}

pub fn id(name: &str) -> ChangeId {
    ChangeId::commit("shop", &format!("{name:0<40}")).unwrap()
}

pub fn culprit() -> Change {
    commit("c", "13:30:00", "Round the totals of the cart once", "web/cart.js")
}

/// A world in which everything can be read, as of any time.
pub struct World {
    pub name: SourceName,
    pub changes: Vec<Change>,
}

pub fn world() -> World {
    let mut changes = vec![culprit(), commit("s", "13:50:00", "Search by colour", "search/query.go")];
    for n in 0..12 {
        let (name, time) = (format!("b{n:x}"), format!("{:02}:10:00", n + 1));
        changes.push(commit(&name, &time, &format!("Tidy part {n}"), &format!("modules/part{n}/x.go")));
    }
    World { name: SourceName::new("git:shop").unwrap(), changes }
}

pub fn fetched<T>(
    source: &SourceName,
    items: Vec<T>,
    missing: &[&str],
) -> Result<Fetched<T>, ConnectorError> {
    let missing = missing.iter().map(|why| (*why).to_owned()).collect();
    let searched = format!("{} things", items.len());
    Ok(Fetched { items, coverage: Coverage { source: source.clone(), searched, missing } })
}

#[async_trait]
impl ChangeSource for World {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        let mut items = self.changes.clone();
        items.retain(|change| query.window.contains(change.committed_at));
        for change in &mut items {
            change.revert.reverted_by.retain(|revert| revert.at < query.window.until);
        }
        fetched(&self.name, items, &["history is cut by a shallow clone"])
    }

    async fn diffs(&self, wanted: &[ChangeId], _: SignedDuration) -> Result<Vec<Diff>, ConnectorError> {
        let line = |text: &str| DiffLine { side: Side::Added, line: 2, text: text.into() };
        let diff = |change: &ChangeId| Diff {
            change: change.clone(),
            files: vec![FileDiff { path: "web/cart.js".into(), lines: vec![line("sumTotals(items.lines)")] }],
            left_out: None,
        };
        // Time was up before it came to this one.
        Ok(wanted.iter().filter(|change| **change != id("late")).map(diff).collect())
    }
}

#[async_trait]
impl SignalSource for World {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn series(&self, query: &SeriesQuery) -> Result<Fetched<Series>, ConnectorError> {
        let step = SignedDuration::from_mins(if query.needed_from <= query.window.from { 60 } else { 1 });
        let mut points = Vec::new();
        let mut moment = query.window.from;
        while moment <= query.window.until {
            let noise = f64::from((moment.as_second() / 60 % 7) as i32) / 100.0;
            let value = if moment >= at("13:42:00") { 18.0 } else { 0.2 } + noise;
            points.push(Point { at: moment, value });
            moment += step;
        }
        let series = |service: &hearback_core::ServiceName| Series {
            service: service.clone(),
            kind: SignalKind::Errors,
            query: "sum(rate(errors))".into(),
            labels: Default::default(),
            step,
            points: points.clone(),
            link: None,
        };
        fetched(&self.name, query.services.iter().map(series).collect(), &[])
    }
}

#[async_trait]
impl LogSource for World {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn logs(&self, _: &LogQuery) -> Result<Fetched<LogRecord>, ConnectorError> {
        fetched(&self.name, vec![], &[])
    }

    async fn templates(&self, query: &LogQuery) -> Result<Fetched<LogTemplate>, ConnectorError> {
        let first = LogRecord {
            at: at("13:42:10"),
            service: "cart".parse().unwrap(),
            version: None,
            severity: LogSeverity::Error,
            body: "TypeError in sumTotals".into(),
            attributes: Default::default(),
            trace: None,
            span: None,
        };
        let template = LogTemplate {
            id: TemplateId(Digest::of(b"t")),
            service: first.service.clone(),
            severity: LogSeverity::Error,
            text: first.body.clone(),
            count: 412,
            minutes: Vec::new(),
            last_at: query.window.until - SignedDuration::from_secs(1),
            first,
        };
        fetched(&self.name, vec![template], &[])
    }
}

/// The spans of this world.
pub fn spans() -> Vec<SpanRecord> {
    let hex = |text: &str, width: usize| format!("{text:0>width$}");
    (1..9)
        .map(|n| SpanRecord {
            trace: hearback_core::telemetry::TraceId::from_hex(&hex(&n.to_string(), 32)).unwrap(),
            span: hearback_core::telemetry::SpanId::from_hex(&hex(&n.to_string(), 16)).unwrap(),
            parent: None,
            service: "cart".parse().unwrap(),
            version: None,
            name: "GET /cart".into(),
            kind: SpanKind::Server,
            started_at: at("13:45:00") + SignedDuration::from_secs(n),
            duration: SignedDuration::from_millis(400 * (n % 3)),
            status: if n % 2 == 0 { SpanStatus::Error } else { SpanStatus::Ok },
            message: "boom".into(),
            attributes: Default::default(),
        })
        .collect()
}

#[async_trait]
impl TraceSource for World {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn traces(&self, query: &TracesQuery) -> Result<Fetched<SpanRecord>, ConnectorError> {
        let mut spans = spans();
        spans.retain(|span| query.traces.contains(&span.trace));
        fetched(&self.name, spans, &[])
    }

    async fn spans(&self, query: &SpanQuery) -> Result<Fetched<SpanRecord>, ConnectorError> {
        let mut spans = spans();
        spans.retain(|span| query.window.contains(span.started_at));
        if query.failed {
            spans.retain(|span| span.status == SpanStatus::Error);
        }
        match query.order {
            SpanOrder::Slowest => spans.sort_by_key(|span| std::cmp::Reverse(span.duration)),
            SpanOrder::Newest => spans.sort_by_key(|span| std::cmp::Reverse(span.started_at)),
        }
        fetched(&self.name, spans, &[])
    }
}

#[async_trait]
impl FreezeSource for World {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn freezes(&self, window: Window) -> Result<Fetched<Freeze>, ConnectorError> {
        let freeze = Freeze { name: "weekend".into(), window, services: vec![], environments: vec![] };
        fetched(&self.name, vec![freeze], &[])
    }
}

#[async_trait]
impl WorkSource for World {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn works(&self, query: &WorkQuery) -> Result<Fetched<Work>, ConnectorError> {
        let works = world().changes.into_iter().filter(|change| query.window.contains(change.committed_at));
        let by = |name: &str| Author { name: name.into(), email: None, nature: Nature::Person };
        let work = |change: Change| Work {
            author: by(if change.id == id("s") { "Ben Ode" } else { "Ana Ruiz" }),
            at: change.committed_at,
            change: change.id,
            alias: None,
            clock: Some(SignedDuration::from_hours(-5)),
            landed_by: None,
            title: change.title,
            body: change.body,
            paths: change.paths.as_slice().iter().map(|path| path.path.clone()).collect(),
            says: Says::Nothing,
            reverts: Vec::new(),
        };
        fetched(&self.name, works.map(work).collect(), &[])
    }
}

#[async_trait]
impl LineHistory for World {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn lines_near(&self, query: &LineQuery) -> Result<Fetched<NearLines>, ConnectorError> {
        let changes = world().changes.into_iter().filter(|change| query.changes.contains(&change.id));
        let place = |change: Change| {
            let path = change.paths.as_slice().first()?.path.clone();
            let written = Written {
                change: id("0"),
                at: change.committed_at - SignedDuration::from_hours(48),
                author: Author { name: "Ana Ruiz".into(), email: None, nature: Nature::Person },
                alias: None,
                lines: 5,
            };
            let (changed_at, change) = (change.committed_at, change.id);
            Some(NearLines { change, changed_at, path, first: 1, lines: 7, written: vec![written] })
        };
        fetched(&self.name, changes.filter_map(place).collect(), &["lines of a partial clone"])
    }
}

#[async_trait]
impl OnCallSource for World {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn on_call(&self, at: Timestamp, _: SignedDuration) -> Result<Fetched<OnCall>, ConnectorError> {
        let window = Window { from: at, until: at + SignedDuration::from_hours(1) };
        let duty = OnCall { person: "Ben Ode".into(), window, services: Vec::new() };
        fetched(&self.name, vec![duty], &[])
    }
}

/// A source that is away.
pub struct Away(SourceName);

#[async_trait]
impl ChangeSource for Away {
    fn name(&self) -> &SourceName {
        &self.0
    }

    async fn changes(&self, _: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        Err(ConnectorError::Failed("the server answered 503".into()))
    }
}

/// Everything that a live question is asked of.
pub fn everything(world: World) -> Sources {
    let named = |name: &str| Arc::new(World { name: name.parse().unwrap(), changes: vec![] });
    Sources {
        changes: vec![Arc::new(Away("github:shop".parse().unwrap())), Arc::new(world)],
        signals: vec![named("prometheus:shop")],
        logs: vec![named("telemetry")],
        traces: vec![named("telemetry")],
        freezes: vec![named("calendar:shop")],
        others: Vec::new(),
        people: PeopleSources {
            works: vec![named("git:shop")],
            lines: vec![named("git:shop")],
            on_call: vec![named("on_call")],
            ..PeopleSources::default()
        },
        documents: Vec::new(),
        memories: Vec::new(),
        services: Vec::new(),
    }
}

pub fn only(world: World) -> Sources {
    Sources { changes: vec![Arc::new(world)], ..Sources::default() }
}

/// A record that is being written.
pub struct Book(pub Recorded);

impl Book {
    pub fn new() -> Self {
        let mut book =
            Book(Recorded { id: IncidentId::numbered(1), entries: vec![], snapshots: Default::default() });
        let declared = Happening::Declared {
            title: "Checkout 5xx".into(),
            severity: Severity::Sev1,
            services: vec!["cart".parse().unwrap()],
            impact_since: None,
        };
        book.happens("13:55:00", declared);
        book
    }

    pub fn write(&mut self, draft: &Draft) {
        let (id, head) = (&self.0.id, self.0.entries.last().map(Entry::head));
        let entry = Entry::seal(draft, id, head, [self.0.entries.len() as u8; 16]).unwrap();
        self.0.entries.push(entry);
    }

    pub fn happens(&mut self, time: &str, what: Happening) {
        let (at, by) = (at(time), Actor::hearback());
        self.write(&Draft { happened_at: at, known_at: at, recorded_at: at, by, what });
    }

    pub fn says(&mut self, time: &str, text: &str) {
        self.happens(time, Happening::note("cli", text));
    }

    /// Asks, and answers two seconds later.
    pub async fn asks(&mut self, time: &str, symptom: &str, sources: &Sources) -> Answer {
        self.asks_in(time, symptom, sources, true).await
    }

    pub async fn asks_in(&mut self, time: &str, symptom: &str, sources: &Sources, inside: bool) -> Answer {
        let question = question(time, symptom);
        let incident = Incident::as_of(self.0.id.clone(), &self.0.entries, at(time));
        let catalog = Catalog::default();
        let context = Context {
            calibration: None,
            ranker: &ranker(),
            signals: &signals(),
            culprit: &culprit_rules(),
            experts: &experts(),
            policy: &AuthorisationPolicy::default(),
            catalog: &catalog,
            gaps: &[],
            sources,
            incident: inside.then_some(&incident),
            budget: SignedDuration::from_secs(5),
        };
        let answered = driver::answer(context, &question).await.unwrap();
        let times = (at(time), at(time) + SignedDuration::from_secs(2));
        for draft in asking::drafts(question, Actor::Person("Ana".into()), times, &answered) {
            self.write(&draft);
        }
        self.0.snapshots.extend(answered.snapshots.iter().map(|snapshot| (snapshot.id, snapshot.clone())));
        answered.answer
    }

    pub async fn replays(&self, time: &str, ask: &Ask) -> Result<Replay, ReplayError> {
        let (ranker, signals, culprit) = (ranker(), signals(), culprit_rules());
        let policy = AuthorisationPolicy::default();
        let catalog = Catalog::default();
        let settings = Settings {
            ranker: &ranker,
            signals: &signals,
            culprit: &culprit,
            experts: &experts(),
            policy: &policy,
            catalog: &catalog,
            gaps: &[],
        };
        replay(&self.0, at(time), ask, settings).await
    }
}

pub fn question(time: &str, symptom: &str) -> Question {
    Question {
        text: "what changed?".into(),
        symptom: symptom.into(),
        services: vec![],
        window: Window::before(at(time), SignedDuration::from_hours(24)),
        onset: None,
        message: None,
        thread: None,
    }
}

pub fn ranker() -> Ranker {
    Ranker::parse(include_str!("../../../../config/ranker.toml")).unwrap()
}

pub fn culprit_rules() -> CulpritRules {
    CulpritRules::parse(include_str!("../../../../config/culprit.toml")).unwrap()
}

pub fn experts() -> ExpertSettings {
    let rules = ExpertRules::parse(include_str!("../../../../config/experts.toml")).unwrap();
    ExpertSettings { rules, ..ExpertSettings::default() }
}

pub fn signals() -> Signals {
    Signals::parse(include_str!("../../../../config/signals.toml")).unwrap()
}

pub const SYMPTOM: &str = "TypeError in sumTotals, cart.js";
