//! The ports: roles that the outside plays. Connectors and stores implement them; the engine knows no others.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::access::Token;
use crate::action::{Action, IdempotencyKey, Outcome, Receipt};
use crate::approval::ApprovedAction;
use crate::change::{Change, Diff, RepoPath};
use crate::entry::{Broken, Draft, Entry, Head};
use crate::evidence::{Document, Evidence, Fetched, Known};
use crate::expertise::{LineQuery, NearLines, OnCall, Owned, Work, WorkQuery};
use crate::freeze::Freeze;
use crate::happening::Alert;
use crate::hash::Digest;
use crate::ids::{ChangeId, EvidenceId, IncidentId, ServiceName, SourceName, Target};
use crate::signal::Series;
use crate::target::{NotFree, Step, TargetState};
use crate::telemetry::{LogRecord, LogSeverity, LogTemplate, SpanRecord, TemplateId, TraceId};
use crate::text::ExternalText;
use crate::time::Window;

/// Which changes are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeQuery {
    /// Changes committed inside this window. Its end is the as-of: nothing later may show in any field.
    pub window: Window,
    /// How long the source may take; what it has by then it returns, with the rest named as missing.
    pub budget: SignedDuration,
}

/// A source could not answer at all. A source that saw a part returns it with coverage instead.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// What was asked for is not there, or is not what it should be. The user can mend it.
    #[error("{0}")]
    NotUsable(String),
    /// The source did not answer in time.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    TimedOut(SignedDuration),
    /// The source failed; trying again may help.
    #[error("{0}")]
    Failed(String),
}

/// Something that knows changes.
#[async_trait]
pub trait ChangeSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// The changes of a window, in no particular order.
    async fn changes(&self, query: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError>;

    /// What these changes did to their files, for those this source knows; capped. The default knows none.
    async fn diffs(&self, changes: &[ChangeId], budget: SignedDuration) -> Result<Vec<Diff>, ConnectorError> {
        let _ = (changes, budget);
        Ok(Vec::new())
    }
}

/// Which series are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesQuery {
    /// The services whose golden signals are wanted.
    pub services: Vec<ServiceName>,
    /// The time they cover.
    pub window: Window,
    /// What must be covered. A source that can't give the whole window in fine steps begins later, but not later than
    /// this, before it takes longer steps.
    pub needed_from: Timestamp,
    /// How long the source may take.
    pub budget: SignedDuration,
}

/// Something that measures services.
#[async_trait]
pub trait SignalSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// The golden signals of services over a window. A signal that is not measured is no series and no error.
    async fn series(&self, query: &SeriesQuery) -> Result<Fetched<Series>, ConnectorError>;
}

/// Which log records are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Written inside this window.
    pub window: Window,
    /// Written by one of these; empty for all.
    pub services: Vec<ServiceName>,
    /// At least this bad.
    pub severity: LogSeverity,
    /// Of this trace only.
    pub trace: Option<TraceId>,
    /// Of this wording only.
    pub template: Option<TemplateId>,
    /// At most so many; the newest of them.
    pub limit: usize,
    /// How long the source may take.
    pub budget: SignedDuration,
}

/// Something that keeps log records.
#[async_trait]
pub trait LogSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// Log records, by time.
    async fn logs(&self, query: &LogQuery) -> Result<Fetched<LogRecord>, ConnectorError>;

    /// The wordings of log records, the most frequent first.
    async fn templates(&self, query: &LogQuery) -> Result<Fetched<LogTemplate>, ConnectorError>;
}

/// Which spans come first when there are more than wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanOrder {
    /// The longest.
    Slowest,
    /// The latest.
    Newest,
}

/// Which spans are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanQuery {
    /// Begun inside this window.
    pub window: Window,
    /// Of one of these; empty for all.
    pub services: Vec<ServiceName>,
    /// Of this trace only.
    pub trace: Option<TraceId>,
    /// Only those that ended with an error.
    pub failed: bool,
    /// Which first.
    pub order: SpanOrder,
    /// At most so many.
    pub limit: usize,
    /// How long the source may take.
    pub budget: SignedDuration,
}

/// Which traces are wanted whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracesQuery {
    /// The traces.
    pub traces: Vec<TraceId>,
    /// Their spans began inside this window.
    pub window: Window,
    /// At most so many spans of each, the longest of them.
    pub spans_each: usize,
    /// How long the source may take.
    pub budget: SignedDuration,
}

/// Something that keeps traces.
#[async_trait]
pub trait TraceSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// Spans in the order wanted.
    async fn spans(&self, query: &SpanQuery) -> Result<Fetched<SpanRecord>, ConnectorError>;

    /// The spans of these traces, whoever made them, trace by trace.
    async fn traces(&self, query: &TracesQuery) -> Result<Fetched<SpanRecord>, ConnectorError>;
}

/// Something that keeps documents: pages about others, such as a provider's status, as they were at a time.
#[async_trait]
pub trait DocumentSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// The documents that were there inside the window.
    async fn documents(
        &self,
        window: Window,
        budget: SignedDuration,
    ) -> Result<Fetched<Document>, ConnectorError>;
}

/// Telemetry could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// There is more than can be written down just now; the sender should try again.
    #[error("more telemetry than can be written down; try again in a moment")]
    Busy,
    /// The store is away or full.
    #[error("telemetry can't be written down: {0}")]
    Store(String),
}

/// Takes what services send of themselves. What is acknowledged survives `kill -9`; what is older than the retention,
/// or more than fits, goes.
#[async_trait]
pub trait TelemetrySink: Send + Sync {
    /// Takes log records.
    async fn take_logs(&self, logs: Vec<LogRecord>) -> Result<(), IntakeError>;

    /// Takes spans.
    async fn take_spans(&self, spans: Vec<SpanRecord>) -> Result<(), IntakeError>;
}

/// Something that knows change freezes.
#[async_trait]
pub trait FreezeSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// The freezes that overlap a window.
    async fn freezes(&self, window: Window) -> Result<Fetched<Freeze>, ConnectorError>;
}

/// Something that knows what people did.
#[async_trait]
pub trait WorkSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// What was done inside a window, in no particular order.
    async fn works(&self, query: &WorkQuery) -> Result<Fetched<Work>, ConnectorError>;
}

/// Something that knows who wrote which lines.
#[async_trait]
pub trait LineHistory: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// Who wrote the lines that changes replaced or stand next to, place by place. A change that it does not know, that is
    /// not visible yet or that touched no line that was there before is in no item.
    async fn lines_near(&self, query: &LineQuery) -> Result<Fetched<NearLines>, ConnectorError>;
}

/// Something that knows who owns files.
#[async_trait]
pub trait OwnerSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// Who owned these files at `as_of`. A file that nobody owns is in no item.
    async fn owners(
        &self,
        paths: &[RepoPath],
        as_of: Timestamp,
        budget: SignedDuration,
    ) -> Result<Fetched<Owned>, ConnectorError>;
}

/// Something that knows who is on call.
#[async_trait]
pub trait OnCallSource: Send + Sync {
    /// Its name, as it stands in answers.
    fn name(&self) -> &SourceName;

    /// Who is on call at a moment.
    async fn on_call(&self, at: Timestamp, budget: SignedDuration)
    -> Result<Fetched<OnCall>, ConnectorError>;
}

/// What an append expects of the chain it extends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any head: put the entries after whatever is there.
    Any,
    /// This head, or none (`None`: the incident must not exist yet). Anything else is a [`RecordError::Conflict`].
    Head(Option<Head>),
}

/// The record could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The incident has no entries.
    #[error("there is no incident {0}; `hearback incident list` shows those there are")]
    NoSuchIncident(IncidentId),
    /// The incident has no such entry.
    #[error("incident {0} has no entry {1}")]
    NoSuchEntry(IncidentId, u64),
    /// Somebody else extended the chain first.
    #[error("incident {incident} changed meanwhile; read it again")]
    Conflict {
        /// The incident.
        incident: IncidentId,
        /// Its head now.
        head: Option<Head>,
    },
    /// A chain does not verify.
    #[error("{0}")]
    Broken(#[from] Broken),
    /// There is no room left. Nothing of the request was written.
    #[error("the disk of the record is full; nothing was written: free space and try again")]
    Full,
    /// The data can't be taken: a malformed line, an incident that exists already.
    #[error("{0}")]
    Refused(String),
    /// The store is away or failed.
    #[error("the record store failed: {0}")]
    Store(String),
}

/// Whether an idempotent write wrote anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was not there before.
    New,
    /// It was there already; nothing was written.
    AlreadyThere,
}

/// The incident record: append-only chains of entries, and the snapshots they name.
///
/// An acknowledged append is durable: it survives `kill -9` and loss of power. Two writers never fork a chain.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// Appends `drafts` in order as one unit: all or none.
    async fn append(
        &self,
        incident: &IncidentId,
        expect: Expect,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Entry>, RecordError>;

    /// Entries with `seq > after`, in order, at most `limit`. An unknown incident has none.
    async fn read(&self, incident: &IncidentId, after: u64, limit: usize) -> Result<Vec<Entry>, RecordError>;

    /// The last entry's place.
    async fn head(&self, incident: &IncidentId) -> Result<Option<Head>, RecordError>;

    /// All incidents with their heads, oldest first (by the recording of their first entry).
    async fn incidents(&self) -> Result<Vec<(IncidentId, Head)>, RecordError>;

    /// Removes the body of an entry and leaves a tombstone. A snapshot that no other entry names goes with it.
    /// Recording that it was done ([`crate::Happening::Redacted`]) is part of the same unit.
    async fn redact(
        &self,
        incident: &IncidentId,
        seq: u64,
        why: &ExternalText,
        redaction: Draft,
    ) -> Result<Entry, RecordError>;

    /// Takes a whole record as it was exported. The chain must verify; the incident must not exist.
    async fn import(&self, entries: Vec<Entry>, snapshots: Vec<Evidence>) -> Result<Head, RecordError>;

    /// Keeps a snapshot.
    async fn keep(&self, snapshot: &Evidence) -> Result<Recorded, RecordError>;

    /// A snapshot, if it is kept.
    async fn snapshot(&self, id: EvidenceId) -> Result<Option<Evidence>, RecordError>;
}

/// The organisation-wide, append-only log of changes that come before any incident.
#[async_trait]
pub trait ChangeLog: Send + Sync {
    /// Takes a change; a second one with the same id is already there.
    async fn log_change(&self, change: &Known<Change>) -> Result<Recorded, RecordError>;

    /// Changes known by the end of `window` that took effect inside it, by time of effect: the latest `most` of them.
    async fn logged_changes(&self, window: &Window, most: usize) -> Result<Vec<Known<Change>>, RecordError>;
}

/// An alert as it waits for, or went to, an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxAlert {
    /// The alert and when it was known.
    pub alert: Known<Alert>,
    /// The incident it joined.
    pub incident: Option<IncidentId>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
}

/// The inbox of alerts that no incident has taken yet.
#[async_trait]
pub trait AlertInbox: Send + Sync {
    /// Takes an alert; one whose fingerprint is still unresolved is already there.
    async fn receive_alert(&self, alert: &Known<Alert>) -> Result<Recorded, RecordError>;

    /// Marks the unresolved alert with this fingerprint as over. False if there is none.
    async fn resolve_alert(&self, fingerprint: &str, at: Timestamp) -> Result<bool, RecordError>;

    /// Moves an unclaimed, unresolved alert to an incident; exactly one caller wins.
    async fn claim_alert(&self, fingerprint: &str, incident: &IncidentId) -> Result<bool, RecordError>;

    /// Alerts known inside the window, by time.
    async fn alerts(&self, window: &Window) -> Result<Vec<InboxAlert>, RecordError>;

    /// Keeps what was found out for a waiting alert, for the incident that will take it. What was kept for it before
    /// is replaced.
    async fn prepare(&self, alert: &Known<Alert>, found: &[Draft]) -> Result<(), RecordError>;

    /// What was found out for an alert; none if nothing was.
    async fn prepared(&self, alert: &Known<Alert>) -> Result<Vec<Draft>, RecordError>;
}

/// The tokens that open the service.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Keeps a new token. [`RecordError::Refused`] if its id is taken.
    async fn add_token(&self, token: &Token) -> Result<(), RecordError>;

    /// The token with this id.
    async fn token(&self, id: &str) -> Result<Option<Token>, RecordError>;

    /// All tokens, by id.
    async fn tokens(&self) -> Result<Vec<Token>, RecordError>;

    /// Ends a token. False if there is none, or it was ended before.
    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool, RecordError>;
}

/// Which deliveries were worked off, so that a repeated one does nothing.
#[async_trait]
pub trait DeliveryLog: Send + Sync {
    /// Whether the delivery was worked off before.
    async fn was_delivered(&self, sender: &SourceName, delivery: &str) -> Result<bool, RecordError>;

    /// Marks a delivery as worked off. Marks older than `forget_before` may go.
    async fn mark_delivered(
        &self,
        sender: &SourceName,
        delivery: &str,
        at: Timestamp,
        forget_before: Timestamp,
    ) -> Result<Recorded, RecordError>;
}

/// Something to be told to people outside an incident, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about; a second notice with the same key is the same notice.
    pub key: String,
    /// When it was written.
    pub at: Timestamp,
    /// One plain sentence.
    pub text: ExternalText,
    /// When it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
}

/// What is to be told, kept until it was.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Keeps a notice, unless one with its key was kept before.
    async fn queue_notice(&self, notice: &Notice) -> Result<Recorded, RecordError>;

    /// Those that were not told yet, oldest first, at most `limit`.
    async fn untold_notices(&self, limit: usize) -> Result<Vec<Notice>, RecordError>;

    /// Marks one as told. False if there is none.
    async fn mark_told(&self, key: &str, at: Timestamp) -> Result<bool, RecordError>;
}

/// What is known of the targets of actions. All copilots of one record share it.
#[async_trait]
pub trait TargetLedger: Send + Sync {
    /// Makes a step, as one unit: of two at once, one is first. Refused steps change nothing.
    async fn step_target(
        &self,
        target: &Target,
        step: &Step,
        now: Timestamp,
    ) -> Result<Result<TargetState, NotFree>, RecordError>;

    /// What is known of a target.
    async fn target(&self, target: &Target) -> Result<TargetState, RecordError>;
}

/// What would come of undoing a commit on a branch, tried in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevertTrial {
    /// The repository, as it is called here.
    pub repository: String,
    /// The full sha of the commit.
    pub commit: String,
    /// The branch it was tried on.
    pub branch: String,
    /// What the files that the commit touches hold there: [`crate::action::RevertCommit::expected`].
    pub expected: Digest,
    /// The files that would change, at most a hundred.
    pub files: Vec<RepoPath>,
    /// How many there are.
    pub file_count: usize,
    /// Whether it undoes cleanly.
    pub fit: RevertFit,
    /// The later commits on the branch that touch one of the files, newest first, at most twenty.
    pub later: Vec<ChangeId>,
    /// How many there are.
    pub later_count: usize,
}

/// Whether a commit undoes cleanly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevertFit {
    /// It does.
    Clean,
    /// Nothing is left to undo: it was undone already.
    NothingLeft,
    /// These files conflict, at most a hundred.
    Conflicts(Vec<RepoPath>),
}

/// Something that can try to undo a commit without writing anything.
#[async_trait]
pub trait RevertPreview: Send + Sync {
    /// Tries it on the branch that runs in production. None if the commit is not of this repository.
    ///
    /// # Errors
    /// It could not be tried: a merge, a commit that is not on the branch, a clone that is not whole.
    async fn try_revert(
        &self,
        change: &ChangeId,
        budget: SignedDuration,
    ) -> Result<Option<RevertTrial>, ConnectorError>;
}

/// What an executor would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// In a few plain sentences.
    pub says: Vec<String>,
    /// Why it would not, if it would not.
    pub refuses: Option<String>,
}

/// What is found of an action whose end nobody heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// It was done.
    Done(Receipt),
    /// Nothing of it was found, in one sentence. It may still have been under way.
    NotFound(String),
}

/// Something that does actions. It writes only when it is handed an [`ApprovedAction`], and only once for each.
#[async_trait]
pub trait ActionExecutor: Send + Sync {
    /// Whether this action is of its kind and its system.
    fn supports(&self, action: &Action) -> bool;

    /// Says what it would do; writes nothing.
    async fn rehearse(&self, action: &Action, budget: SignedDuration) -> Result<Rehearsal, ConnectorError>;

    /// Does it: looks at the target once more, and writes. `at` stands in what it writes, so that the same action is the
    /// same bytes.
    async fn execute(&self, approved: ApprovedAction, at: Timestamp, budget: SignedDuration) -> Outcome;

    /// Looks whether an action with this key was done.
    async fn look(
        &self,
        action: &Action,
        key: &IdempotencyKey,
        budget: SignedDuration,
    ) -> Result<Trace, ConnectorError>;
}
