//! What was changed around a made-up incident: commits, deploys and flags, the one that did it among many that did not. It
//! must not know what is logged or measured.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::draw::Draw;
use super::recipe::RedHerring;
use super::script::{Author, ChangeText, Kind, Reach, Rollout, Script, Scripts};
use super::world::{World, minutes};
use crate::resample::Dice;

const ROBOTS: [&str; 2] = ["renovate[bot]", "dependabot[bot]"];

/// Changes of every kind, in no order.
pub(super) struct History<'a> {
    world: &'a World,
    scripts: &'a Scripts,
    dice: Dice,
    commits: Vec<(Timestamp, Value)>,
    deploys: Vec<Deploy>,
    flags: Vec<(Timestamp, Value)>,
    /// The commits of deploys that did nothing and came when it began.
    pub decoys: Vec<String>,
    /// How versions are written.
    versions: usize,
}

/// A deploy.
pub(super) struct Deploy {
    pub at: Timestamp,
    pub service: usize,
    sha: String,
    pub version: String,
}

impl<'a> History<'a> {
    pub(super) fn new(world: &'a World, scripts: &'a Scripts, mut dice: Dice) -> History<'a> {
        let versions = dice.below(4);
        let (commits, deploys, flags, decoys) = Default::default();
        History { world, scripts, dice, commits, deploys, flags, decoys, versions }
    }

    /// What did it: a commit and its deploys, a flag, or nothing. Its id as the truth has it.
    pub(super) fn tell_culprit(&mut self, script: &Script) -> String {
        let (world, faulty) = (self.world, self.world.faulty());
        if script.flag.is_some() {
            let flag = world.words.get("flag").cloned().unwrap_or_default();
            let actor = self.dice.one(&world.people);
            self.flag(world.changed, &flag, faulty, "off->on", &actor);
            return format!("flag:{flag}");
        }
        let Some(change) = &script.change else { return "none".to_owned() };
        let committed = world.changed - minutes(self.dice.between(9, 55));
        let sha = self.commit(committed, change, faulty, None);
        let reached: Vec<usize> = match script.reach {
            Reach::One => vec![faulty],
            Reach::Several => world.broken.clone(),
        };
        for (index, service) in reached.into_iter().enumerate() {
            let at = world.changed + minutes(2 * index as i64);
            let config = if script.rollout == Rollout::Config { Some("config") } else { None };
            self.deploy(at, service, &sha, config);
        }
        sha
    }

    /// What looks guilty and is not.
    pub(super) fn tell_herring(&mut self, herring: RedHerring, had_change: bool) {
        let (world, faulty) = (self.world, self.world.faulty());
        let neighbour = self.neighbour();
        // Minutes before it began; after the culprit where there is one, or between onset and alert.
        let near = world.onset - SignedDuration::from_secs(self.dice.between(40, 420));
        let later = if had_change && near <= world.changed {
            world.changed.max(world.onset) + SignedDuration::from_secs(self.dice.between(30, 200))
        } else {
            near
        };
        match herring {
            RedHerring::LaterDeploy => self.harmless(Kind::Later, faulty, later),
            RedHerring::NeighbourDeploy => self.harmless(Kind::Neighbour, neighbour, near),
            RedHerring::BotBump => self.harmless(Kind::Bump, faulty, later),
            RedHerring::MatchingWords => {
                let Some(text) = self.text(Kind::Logging) else { return };
                let at = near - minutes(self.dice.between(4, 18));
                let sha = self.commit(at, &text, neighbour, None);
                // Documents are not deployed.
                if text.diff.is_some() {
                    self.deploy(near, neighbour, &sha, None);
                    self.decoys.push(sha);
                }
            }
            RedHerring::RevertReland => {
                let Some(text) = self.text(Kind::Reland) else { return };
                let first = self.commit(world.onset - minutes(200), &text, faulty, None);
                let title = world.fill(&text.title, faulty, &mut |_| String::new());
                let revert = format!("Revert \"{title}\"\n\nThis reverts commit {first}.");
                let back = self.commit(world.onset - minutes(160), &text, faulty, Some(&revert));
                self.deploy(world.onset - minutes(150), faulty, &back, None);
                let again =
                    format!("Reland \"{title}\"\n\nThe listing test no longer depends on the order of rows.");
                let sha = self.commit(later - minutes(12), &text, faulty, Some(&again));
                self.deploy(later, faulty, &sha, None);
                self.decoys.push(sha);
            }
            RedHerring::FlagFlip => {
                let names = ["compact_list", "new-footer", "beta_export", "sampled_profiling"];
                let scope = world.services.get(neighbour).map_or("", |service| service.scope.as_str());
                let flag = format!("{}_{}", scope.replace('-', "_"), self.dice.one(&names));
                let (actor, change) =
                    (self.dice.one(&world.people), self.dice.one(&["off->on", "on->off", "10%->25%"]));
                self.flag(near, &flag, neighbour, change, &actor);
            }
            RedHerring::WarningSurge | RedHerring::SlowGrowth | RedHerring::PlannedRestart => {}
        }
    }

    /// What goes on in any week.
    pub(super) fn tell_background(&mut self) {
        let world = self.world;
        let texts: Vec<ChangeText> =
            self.scripts.background.commit.iter().filter(|text| text.kind == Kind::Any).cloned().collect();
        let texts = self.dice.mixed(texts);
        let end = world.start + minutes(world.minutes);
        let count = self.dice.between(11, 16) as usize;
        for (index, text) in texts.into_iter().take(count).enumerate() {
            let hours = end.duration_since(world.onset).as_secs() + 5 * 3_600;
            let at = end - SignedDuration::from_secs(self.dice.between(60, hours));
            let service = self.dice.below(world.services.len());
            let sha = self.commit(at, &text, service, None);
            // What touches no service's code is not deployed.
            let is_code = text.diff.is_some() && text.files.iter().any(|file| file.starts_with("«dir»"));
            if is_code && index % 2 == 0 && at < world.onset - minutes(100) {
                let later = at + minutes(self.dice.between(12, 40));
                self.deploy(later, service, &sha, None);
            }
        }
        let service = self.dice.below(world.services.len());
        let scope = world.services.get(service).map_or("", |service| service.scope.as_str());
        let actor = self.dice.one(&world.people);
        let at = world.onset - minutes(self.dice.between(110, 260));
        self.flag(at, &format!("{scope}-weekly-mail"), service, "off->on", &actor);
    }

    /// Deploys in the order of time.
    pub(super) fn deploys(&self) -> &[Deploy] {
        &self.deploys
    }

    /// The three files.
    pub(super) fn files(mut self) -> [(String, String); 3] {
        self.commits.sort_by_key(|(at, _)| *at);
        self.flags.sort_by_key(|(at, _)| *at);
        self.deploys.sort_by_key(|deploy| deploy.at);
        let deploys = self.deploys.iter().map(|deploy| {
            json!({
                "timestamp": deploy.at.to_string(),
                "service": self.world.name(deploy.service),
                "commit_sha": deploy.sha,
                "version": deploy.version,
            })
        });
        let array = |values: Vec<Value>| format!("{:#}\n", Value::Array(values));
        let values = |dated: &[(Timestamp, Value)]| dated.iter().map(|(_, value)| value.clone()).collect();
        [
            ("context/commits.json".to_owned(), array(values(&self.commits))),
            ("context/deploys.json".to_owned(), array(deploys.collect())),
            ("context/flags.json".to_owned(), array(values(&self.flags))),
        ]
    }

    /// Someone who calls the failing service, or who has nothing to do with it.
    fn neighbour(&mut self) -> usize {
        let world = self.world;
        let callers: Vec<usize> =
            world.calls.iter().filter(|(_, to)| *to == world.faulty()).map(|(from, _)| *from).collect();
        if callers.is_empty() || self.dice.happens(0.4) { world.bystander() } else { self.dice.one(&callers) }
    }

    fn harmless(&mut self, kind: Kind, service: usize, at: Timestamp) {
        let Some(text) = self.text(kind) else { return };
        let committed = at - minutes(self.dice.between(5, 30));
        let sha = self.commit(committed, &text, service, None);
        self.deploy(at, service, &sha, None);
        self.decoys.push(sha);
    }

    fn text(&mut self, kind: Kind) -> Option<ChangeText> {
        let texts: Vec<&ChangeText> =
            self.scripts.background.commit.iter().filter(|text| text.kind == kind).collect();
        texts.get(self.dice.below(texts.len())).map(|text| (*text).clone())
    }

    fn commit(&mut self, at: Timestamp, text: &ChangeText, service: usize, message: Option<&str>) -> String {
        let (world, sha) = (self.world, self.dice.hex(40));
        let fill = |text: &str| world.fill(text, service, &mut |word| format!("«{word}»"));
        let is_robot = text.author == Author::Bot || text.kind == Kind::Bump;
        let author = if is_robot { self.dice.one(&ROBOTS).to_owned() } else { self.dice.one(&world.people) };
        let files: Vec<String> = text.files.iter().map(|file| fill(file)).collect();
        let diff = text.diff.as_ref().map(|diff| fill(diff));
        let commit = json!({
            "sha": sha,
            "author": author,
            "timestamp": at.to_string(),
            "message": message.map_or_else(|| fill(&text.title), str::to_owned),
            "files_changed": files,
            "diff": diff,
        });
        self.commits.push((at, commit));
        sha
    }

    fn deploy(&mut self, at: Timestamp, service: usize, sha: &str, kind: Option<&str>) {
        let day = at.strftime("%Y.%m.%d-%H%M").to_string();
        let version = match (kind, self.versions) {
            (Some(kind), _) => format!("{kind}-{}", sha.get(..8).unwrap_or(sha)),
            (None, 0) => format!("v{day}"),
            (None, 1) => format!(
                "{}.{}.{}",
                self.dice.between(1, 9),
                self.dice.between(0, 60),
                self.dice.between(0, 9)
            ),
            (None, 2) => format!("build-{}", self.dice.between(2_000, 9_999)),
            (None, _) => sha.get(..10).unwrap_or(sha).to_owned(),
        };
        self.deploys.push(Deploy { at, service, sha: sha.to_owned(), version });
    }

    fn flag(&mut self, at: Timestamp, flag: &str, service: usize, change: &str, actor: &str) {
        let value = json!({
            "timestamp": at.to_string(),
            "flag": flag,
            "service": self.world.name(service),
            "change": change,
            "actor": actor,
        });
        self.flags.push((at, value));
    }
}
