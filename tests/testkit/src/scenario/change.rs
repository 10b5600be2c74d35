//! Changes of a story: one short function a kind, then what is worth saying about it.

use hearback_core::Digest;
use hearback_core::change::{Change, ChangeKind, Landed, Lines, PathChange, Paths, Revert, Review, Says};
use hearback_core::ids::{ChangeId, ServiceName, SourceName};
use hearback_core::text::ExternalText;
use jiff::{SignedDuration, Timestamp};

use super::Clock;
use super::person::Person;

/// How soon a source tells of what it holds.
#[derive(Debug, Clone, Copy)]
enum Tells {
    /// It sends word, some seconds later.
    AfterSeconds(i64),
    /// It is asked every so many minutes, on the full ones.
    EveryMinutes(i64),
}

/// A change in the making.
#[derive(Debug, Clone)]
pub struct ChangeSpec {
    kind: ChangeKind,
    source: String,
    /// The system's own id; a commit's is made from its words.
    own_id: String,
    services: Vec<String>,
    environment: Option<&'static str>,
    delivers: Vec<ChangeId>,
    written: Option<String>,
    effective: Option<String>,
    by: Option<Person>,
    title: String,
    body: String,
    paths: Vec<PathChange>,
    revert: Revert,
    tells: Tells,
}

fn spec(kind: ChangeKind, source: impl Into<String>, own_id: &str, title: &str) -> ChangeSpec {
    ChangeSpec {
        kind,
        source: source.into(),
        own_id: own_id.into(),
        services: Vec::new(),
        environment: Some("production"),
        delivers: Vec::new(),
        written: None,
        effective: None,
        by: None,
        title: title.into(),
        body: String::new(),
        paths: Vec::new(),
        revert: Revert::default(),
        tells: Tells::AfterSeconds(5),
    }
}

/// A commit to `repository`. Git is asked every five minutes; a commit belongs to no environment.
pub fn commit(repository: &str, title: &str) -> ChangeSpec {
    let mut commit = spec(ChangeKind::Commit, format!("git:{repository}"), "", title);
    commit.environment = None;
    commit.tells = Tells::EveryMinutes(5);
    commit
}

/// A release of `service`.
pub fn deploy(service: &str, release: &str, title: &str) -> ChangeSpec {
    spec(ChangeKind::Deploy, "deploys:pipeline", &format!("{service}:{release}"), title).of(service)
}

/// A feature flag of `service` is set.
pub fn flag(service: &str, own_id: &str, title: &str) -> ChangeSpec {
    spec(ChangeKind::Flag, "flags:shop", own_id, title).of(service)
}

/// A configuration value of `service` is set.
pub fn config(service: &str, own_id: &str, title: &str) -> ChangeSpec {
    spec(ChangeKind::Config, "config:settings", own_id, title).of(service)
}

/// Something under the services changes.
pub fn infra(own_id: &str, title: &str) -> ChangeSpec {
    spec(ChangeKind::Infra, "infra:platform", own_id, title)
}

/// A schema or its data moves.
pub fn migration(database: &str, own_id: &str, title: &str) -> ChangeSpec {
    spec(ChangeKind::Migration, format!("migrations:{database}"), own_id, title)
}

/// A certificate is issued, rotated or expires.
pub fn certificate(own_id: &str, title: &str) -> ChangeSpec {
    let mut certificate = spec(ChangeKind::Certificate, "certificates:edge", own_id, title);
    certificate.tells = Tells::EveryMinutes(15);
    certificate
}

/// A scheduled job runs or is scheduled anew.
pub fn schedule(own_id: &str, title: &str) -> ChangeSpec {
    spec(ChangeKind::Schedule, "schedule:jobs", own_id, title)
}

impl ChangeSpec {
    /// When it was written; it takes effect at once unless [`ChangeSpec::in_effect`] says later.
    pub fn at(mut self, written: &str) -> Self {
        self.written = Some(written.into());
        self
    }

    /// When it took effect: the merge of a branch, the end of a rollout.
    pub fn in_effect(mut self, effective: &str) -> Self {
        self.effective = Some(effective.into());
        self
    }

    /// Who made it.
    pub fn by(mut self, who: Person) -> Self {
        self.by = Some(who);
        self
    }

    /// A service it concerns.
    pub fn of(mut self, service: &str) -> Self {
        self.services.push(service.into());
        self
    }

    /// What it says below its title.
    pub fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    /// A file it touched, with the lines added and deleted.
    pub fn touches(mut self, path: &str, added: u32, deleted: u32) -> Self {
        let lines = Lines::Counted { added, deleted };
        self.paths.push(PathChange { path: path.into(), lines, moved_from: None });
        self
    }

    /// A file it moved without changing it.
    pub fn moves(mut self, from: &str, to: &str) -> Self {
        let lines = Lines::Counted { added: 0, deleted: 0 };
        self.paths.push(PathChange { path: to.into(), lines, moved_from: Some(from.into()) });
        self
    }

    /// A file that is not text.
    pub fn touches_binary(mut self, path: &str) -> Self {
        self.paths.push(PathChange { path: path.into(), lines: Lines::Binary, moved_from: None });
        self
    }

    /// The commits a deploy or a merge brings.
    pub fn delivers(mut self, commits: &[&ChangeId]) -> Self {
        self.delivers.extend(commits.iter().map(|id| (*id).clone()));
        self
    }

    /// What it takes back.
    pub fn reverts(mut self, other: &ChangeId) -> Self {
        self.revert.reverts.push(other.clone());
        self.revert.says = Says::Reverts;
        self
    }

    /// What it lands again.
    pub fn relands(mut self, other: &ChangeId) -> Self {
        self.revert.relands.push(other.clone());
        self.revert.says = Says::Relands;
        self
    }

    /// The change, and when its source told of it.
    pub(super) fn into_change(mut self, clock: &Clock) -> (Change, Timestamp) {
        let committed_at = clock.at(&self.written.expect("a change needs at(…)"));
        let effective_at = self.effective.map_or(committed_at, |at| clock.at(&at));
        assert!(committed_at <= effective_at, "{}: in effect before it was written", self.title);
        let (id, link) = match self.source.strip_prefix("git:") {
            Some(repository) => {
                let words = [repository.as_bytes(), self.title.as_bytes()];
                let sha: String = Digest::of_parts(&words).to_string().chars().take(40).collect();
                let link = format!("https://code.shop.example/{repository}/commit/{sha}");
                (ChangeId::commit(repository, &sha), link)
            }
            None => {
                let id = format!("{}:{}", self.source, self.own_id);
                let link = format!("https://changes.shop.example/{}", id.replace(':', "/"));
                (ChangeId::new(id), link)
            }
        };
        self.paths.sort_by(|a, b| a.path.cmp(&b.path));
        let change = Change {
            id: id.expect("a change's id"),
            kind: self.kind,
            source: SourceName::new(self.source).expect("a source's name"),
            services: self.services.into_iter().map(|s| ServiceName::new(s).expect("a service")).collect(),
            environment: self.environment.map(str::to_owned),
            delivers: self.delivers,
            rollout: None,
            committed_at,
            effective_at,
            landed: Landed::Yes,
            author: self.by.expect("a change needs by(…)").author(),
            title: ExternalText::new(self.title),
            body: ExternalText::new(self.body),
            paths: Paths::Known(self.paths),
            revert: self.revert,
            review: Review::default(),
            link: Some(link),
        };
        (change, self.tells.after(effective_at))
    }
}

impl Tells {
    fn after(self, effective_at: Timestamp) -> Timestamp {
        match self {
            Tells::AfterSeconds(seconds) => effective_at + SignedDuration::from_secs(seconds),
            Tells::EveryMinutes(minutes) => {
                let period = 60 * minutes;
                let wait = period - effective_at.as_second().rem_euclid(period);
                effective_at + SignedDuration::from_secs(wait)
            }
        }
    }
}
