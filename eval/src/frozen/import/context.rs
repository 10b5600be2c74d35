//! What changed: commits with their lines, deploys, flags, and whatever list of things with times stands beside them. It
//! must not know which of them did it.

use hearback_core::change::{
    Author, Diff, DiffLine, FileDiff, Landed, Lines, Nature, PathChange, Paths, RepoPath, Revert, Review,
    Rollout, Side,
};
use hearback_core::redaction::redact;
use hearback_core::{Change, ChangeId, ChangeKind, ExternalText, ServiceName, SourceName};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{BadFolder, clean, no_time, objects, shown, time};
use crate::frozen::sha::may_be_same;

/// The repository that frozen commits are of: a folder does not name it.
const REPOSITORY: &str = "frozen";
/// Where what is rolled out goes if it does not say so: a folder is of production.
const PRODUCTION: &str = "production";

struct Reading<'a> {
    name: &'a str,
    number: usize,
    object: &'a Map<String, Value>,
}

impl Reading<'_> {
    fn bad(&self, why: &str) -> BadFolder {
        BadFolder::new(self.name, None, format!("item {}: {why}", self.number))
    }

    fn text(&self, keys: &[&str]) -> &str {
        keys.iter().find_map(|key| self.object.get(*key)?.as_str()).unwrap_or_default()
    }

    fn at(&self) -> Result<Timestamp, BadFolder> {
        let keys = ["timestamp", "time", "at", "date"];
        let key = keys.into_iter().find(|key| self.object.get(*key).is_some_and(Value::is_string));
        let written = self.text(&keys);
        time(written).ok_or_else(|| self.bad(&no_time(written, key.unwrap_or("timestamp"))))
    }

    fn change(&self, id: String, kind: ChangeKind, at: Timestamp) -> Result<Change, BadFolder> {
        let author = self.text(&["author", "actor", "user", "by"]);
        let nature = match author.ends_with("[bot]") || author.ends_with("-bot") || author.ends_with(" bot") {
            true => Nature::Bot,
            false => Nature::Person,
        };
        Ok(Change {
            id: ChangeId::new(id).map_err(|error| self.bad(&error.to_string()))?,
            kind,
            source: SourceName::new(format!("{kind}s")).map_err(|error| self.bad(&error.to_string()))?,
            services: super::service(self.text(&["service"])).into_iter().collect(),
            environment: None,
            delivers: Vec::new(),
            rollout: None,
            committed_at: at,
            effective_at: at,
            landed: Landed::Yes,
            author: Author { name: clean(author), email: None, nature },
            title: ExternalText::default(),
            body: ExternalText::default(),
            paths: Paths::Known(Vec::new()),
            revert: Revert::default(),
            review: Review::Unknown,
            link: None,
        })
    }
}

fn each(
    name: &str,
    text: &str,
    mut read: impl FnMut(Reading<'_>) -> Result<(), BadFolder>,
) -> Result<(), BadFolder> {
    (1..)
        .zip(objects(name, text)?)
        .try_for_each(|(number, object)| read(Reading { name, number, object: &object }))
}

/// Commits, and what they did to their files.
pub(super) fn commits(
    name: &str,
    text: &str,
    changes: &mut Vec<Change>,
    diffs: &mut Vec<Diff>,
) -> Result<(), BadFolder> {
    each(name, text, |item| {
        let sha = item.text(&["sha", "commit_sha", "commit"]);
        let mut change = item.change(format!("git:{REPOSITORY}:{sha}"), ChangeKind::Commit, item.at()?)?;
        let message = item.text(&["message", "title"]);
        let (title, body) = message.split_once('\n').unwrap_or((message, ""));
        (change.title, change.body) = (clean(title), clean(body.trim()));
        let files = item.object.get("files_changed").or(item.object.get("files")).and_then(Value::as_array);
        let files: Vec<String> =
            files.into_iter().flatten().filter_map(Value::as_str).map(|file| redact(file).0.into()).collect();
        let diff = item.text(&["diff", "patch"]);
        if !diff.is_empty() {
            let files = parse_diff(diff, &files);
            diffs.push(Diff { change: change.id.clone(), files, left_out: None });
        }
        let path = |file: &String| PathChange {
            path: RepoPath::from(file.as_str()),
            lines: Lines::Unknown,
            moved_from: None,
        };
        change.paths = Paths::Known(files.iter().map(path).collect());
        changes.push(change);
        Ok(())
    })
}

/// The changed lines of a diff that a person or a program wrote: `@@ FILE @@`, `@@ -1,2 +3,4 @@`, `--- a/FILE`. What no
/// header says belongs to the first file. A line whose number no header says has number 0.
fn parse_diff(diff: &str, files: &[String]) -> Vec<FileDiff> {
    let first = files.first().map_or("unknown", String::as_str);
    let mut found: Vec<FileDiff> = Vec::new();
    let mut file = first.to_owned();
    let (mut old, mut new) = (None::<u32>, None::<u32>);
    let mut in_key = false;
    for line in diff.lines() {
        let named = line
            .strip_prefix("+++ ")
            .map(|path| path.trim().trim_start_matches("b/"))
            .or_else(|| line.strip_prefix("--- ").map(|path| path.trim().trim_start_matches("a/")));
        if let Some(path) = named {
            if path != "/dev/null" {
                file = redact(path).0.into_owned();
            }
            in_key = false;
            continue;
        }
        if let Some(header) = line.strip_prefix("@@") {
            if let Some(named) = files.iter().find(|named| header.contains(named.as_str())) {
                in_key &= *named == file;
                named.clone_into(&mut file);
            }
            (old, new) = numbers(header);
            continue;
        }
        let (side, text) = match line.split_at_checked(1) {
            Some(("+", text)) => (Side::Added, text),
            Some(("-", text)) => (Side::Removed, text),
            _ => {
                redacted_line(line, &mut in_key);
                (old, new) = (old.map(next), new.map(next));
                continue;
            }
        };
        let place = if side == Side::Added { &mut new } else { &mut old };
        let number = place.unwrap_or_default();
        *place = place.map(next);
        let text = redacted_line(text, &mut in_key);
        let line = DiffLine { side, line: number, text };
        match found.iter_mut().find(|known| known.path.as_str() == file) {
            Some(known) => known.lines.push(line),
            None => found.push(FileDiff { path: RepoPath::from(file.as_str()), lines: vec![line] }),
        }
    }
    found
}

/// A line without its secrets. A private key stands over many lines, and each of them is one: `in_key` says whether the
/// lines before have begun one and not ended it. The lines stay as many as they are, or their numbers would be others.
fn redacted_line(text: &str, in_key: &mut bool) -> ExternalText {
    const BEHIND: &str = "\n.";
    let begun = if *in_key { "-----BEGIN PRIVATE KEY-----\n" } else { "" };
    let whole = format!("{begun}{text}{BEHIND}");
    let redacted = redact(&whole).0;
    // A key that has not ended takes all that is behind it.
    let ended = redacted.strip_suffix(BEHIND);
    *in_key = ended.is_none();
    ExternalText::from(ended.unwrap_or(&redacted))
}

fn next(line: u32) -> u32 {
    line.saturating_add(1)
}

/// `-12,7 +12,8` of a hunk's header.
fn numbers(header: &str) -> (Option<u32>, Option<u32>) {
    let number = |sign: char| {
        let word = header.split_ascii_whitespace().find_map(|word| word.strip_prefix(sign))?;
        word.split(',').next()?.parse::<u32>().ok().filter(|line| *line > 0)
    };
    (number('-'), number('+'))
}

/// Deploys: which commit of which service, in which version.
pub(super) fn deploys(name: &str, text: &str, changes: &mut Vec<Change>) -> Result<(), BadFolder> {
    each(name, text, |item| {
        let at = item.at()?;
        let (service, version) = (item.text(&["service"]), item.text(&["version"]));
        let sha = item.text(&["commit_sha", "sha", "commit"]);
        let id = format!("deploy:{service}:{version}:{at}");
        let mut change = item.change(id, ChangeKind::Deploy, at)?;
        let what = if version.is_empty() { sha.get(..10).unwrap_or(sha) } else { version };
        change.title = clean(&format!("{service} {what}"));
        let environment = item.text(&["environment", "env"]).trim();
        let environment = if environment.is_empty() { PRODUCTION } else { environment };
        change.environment = Some(environment.to_owned());
        change.rollout = Some(Rollout { version: what.to_owned(), before: None });
        if !sha.is_empty() {
            let commit = ChangeId::commit(REPOSITORY, sha).map_err(|error| item.bad(&error.to_string()))?;
            change.delivers = vec![commit];
        }
        changes.push(change);
        Ok(())
    })
}

/// The one commit that a deploy means whose sha is written in full here and cut there; none if there are more.
fn meant<'a>(head: &ChangeId, commits: &'a [(ChangeId, Timestamp)]) -> Option<&'a ChangeId> {
    let written = head.sha()?;
    if let Some((exact, _)) = commits.iter().find(|(commit, _)| commit == head) {
        return Some(exact);
    }
    let is_it = |commit: &&ChangeId| commit.sha().is_some_and(|sha| may_be_same(sha, written));
    let mut found = commits.iter().map(|(commit, _)| commit).filter(is_it);
    found.next().filter(|_| found.next().is_none())
}

/// Says of each deploy what else it brought: the commits since the one that the service's last deploy there was of, by time.
/// Of a first deploy it is not known what ran before, so all earlier ones may have come with it.
pub(super) fn deliver(changes: &mut [Change]) {
    let commits: Vec<(ChangeId, Timestamp)> = {
        let of_kind = changes.iter().filter(|change| change.kind == ChangeKind::Commit);
        let mut commits: Vec<_> = of_kind.map(|change| (change.id.clone(), change.committed_at)).collect();
        commits.sort_by_key(|(id, at)| (std::cmp::Reverse(*at), id.clone()));
        commits
    };
    let written = |id: &ChangeId| commits.iter().find(|(commit, _)| commit == id).map(|(_, at)| *at);
    let mut deploys: Vec<&mut Change> =
        changes.iter_mut().filter(|change| change.kind == ChangeKind::Deploy).collect();
    deploys.sort_by_key(|deploy| deploy.effective_at);
    let mut last: Vec<((ServiceName, Option<String>), Timestamp, String)> = Vec::new();
    for deploy in deploys {
        let Some(head) = deploy.delivers.first_mut() else { continue };
        if let Some(commit) = meant(head, &commits) {
            commit.clone_into(head);
        }
        let head = head.clone();
        let Some(service) = deploy.services.first().cloned() else { continue };
        let place = (service, deploy.environment.clone());
        let Some(until) = written(&head) else { continue };
        let known = last.iter().position(|(of, ..)| *of == place).map(|known| last.remove(known));
        let since = known.as_ref().map(|(_, at, _)| *at);
        let brought = commits
            .iter()
            .filter(|(id, at)| *id != head && *at <= until && since.is_none_or(|since| *at > since));
        deploy.delivers.extend(brought.map(|(id, _)| id.clone()));
        if let Some(rollout) = &mut deploy.rollout {
            rollout.before = known.map(|(.., version)| version);
            last.push((place, until, rollout.version.clone()));
        }
    }
}

/// Flags that were switched.
pub(super) fn flags(name: &str, text: &str, changes: &mut Vec<Change>) -> Result<(), BadFolder> {
    each(name, text, |item| {
        let at = item.at()?;
        let flag = item.text(&["flag", "name", "key"]);
        let mut change = item.change(format!("flag:{flag}:{at}"), ChangeKind::Flag, at)?;
        change.title = clean(&format!("{flag} {}", item.text(&["change", "value", "state"])));
        changes.push(change);
        Ok(())
    })
}

/// Any other list of things with times: settings, migrations, machines, certificates, jobs, told by the name of its file.
/// False if it is no such list; then it is a document.
pub(super) fn others(name: &str, text: &str, changes: &mut Vec<Change>) -> bool {
    let Ok(items) = objects(name, text) else { return false };
    let stem = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let kinds = [
        ("config", ChangeKind::Config),
        ("setting", ChangeKind::Config),
        ("migration", ChangeKind::Migration),
        ("schema", ChangeKind::Migration),
        ("infra", ChangeKind::Infra),
        ("terraform", ChangeKind::Infra),
        ("cert", ChangeKind::Certificate),
        ("schedule", ChangeKind::Schedule),
        ("job", ChangeKind::Schedule),
        ("cron", ChangeKind::Schedule),
    ];
    let Some((_, kind)) = kinds.iter().find(|(part, _)| stem.contains(part)) else { return false };
    let mut found = Vec::new();
    for (number, object) in (1..).zip(&items) {
        let item = Reading { name, number, object };
        let Ok(at) = item.at() else { return false };
        let Ok(mut change) = item.change(format!("{kind}:{stem}:{number}:{at}"), *kind, at) else {
            return false;
        };
        let told = object
            .iter()
            .filter(|(key, _)| !["timestamp", "time", "at", "date", "service"].contains(&key.as_str()));
        let told: Vec<String> = told.map(|(key, value)| format!("{key} {}", shown(value))).collect();
        change.title = clean(&told.join(", "));
        found.push(change);
    }
    changes.extend(found);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diffs_of_many_forms_are_read_line_by_line() {
        let check = |diff: &str, files: &[&str], expect: &[(&str, u32, &str)]| {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            let parsed = parse_diff(diff, &files);
            let told: Vec<(String, u32, String)> = parsed
                .iter()
                .flat_map(|file| file.lines.iter().map(move |line| (file, line)))
                .map(|(file, line)| {
                    let sign = if line.side == Side::Added { "+" } else { "-" };
                    (file.path.as_str().to_owned(), line.line, format!("{sign}{}", line.text.as_untrusted()))
                })
                .collect();
            let told: Vec<(&str, u32, &str)> =
                told.iter().map(|(a, n, b)| (a.as_str(), *n, b.as_str())).collect();
            assert_eq!(told, expect, "{diff}");
        };
        check("@@ a.go @@\n-x\n+y", &["a.go"], &[("a.go", 0, "-x"), ("a.go", 0, "+y")]);
        check(
            "--- a/b.py\n+++ b/b.py\n@@ -3,2 +3,2 @@ def f():\n a\n-b\n+c",
            &["b.py"],
            &[("b.py", 4, "-b"), ("b.py", 4, "+c")],
        );
        check("--- /dev/null\n+++ b/new.rs\n@@ -0,0 +1,1 @@\n+x", &["new.rs"], &[("new.rs", 1, "+x")]);
        check("@@ a.go: f\n+1\n@@ b.go: g\n+2", &["a.go", "b.go"], &[("a.go", 0, "+1"), ("b.go", 0, "+2")]);
        check("+x", &["only.c"], &[("only.c", 0, "+x")]);
        check(
            "@@ -4294967295 +4294967295 @@\n-x\n-y\n+z",
            &["a"],
            &[("a", u32::MAX, "-x"), ("a", u32::MAX, "-y"), ("a", u32::MAX, "+z")],
        );
        let gone = "[redacted: private key]";
        check(
            "@@ -1,2 +1,6 @@\n a\n+k = \"-----BEGIN PRIVATE KEY-----\n+MIIEvQIBADAN\n+-----END PRIVATE KEY-----\"\n b\n+c",
            &["a"],
            &[
                ("a", 2, &format!("+k = \"{gone}")),
                ("a", 3, &format!("+{gone}")),
                ("a", 4, &format!("+{gone}\"")),
                ("a", 6, "+c"),
            ],
        );
        check(
            "@@ a @@\n------BEGIN RSA PRIVATE KEY-----\n-MIIEvQIBADAN\n@@ b @@\n+x",
            &["a", "b"],
            &[("a", 0, &format!("-{gone}")), ("a", 0, &format!("-{gone}")), ("b", 0, "+x")],
        );
    }

    #[test]
    fn a_deploy_brings_what_was_committed_since_the_last_one_of_its_service() {
        let mut changes = Vec::new();
        let commits_json = r#"[{"sha":"a1","timestamp":"2026-01-01T00:01:00Z","message":"a"},
            {"sha":"b2","timestamp":"2026-01-01T00:02:00Z","message":"b"},
            {"sha":"c3","timestamp":"2026-01-01T00:03:00Z","message":"c"}]"#;
        commits("commits.json", commits_json, &mut changes, &mut Vec::new()).unwrap();
        let deploys_json = r#"[{"timestamp":"2026-01-01T01:00:00Z","service":"s","commit_sha":"c3","version":"v3"},
            {"timestamp":"2026-01-01T00:30:00Z","service":"s","commit_sha":"a1","version":"v1"}]"#;
        deploys("deploys.json", deploys_json, &mut changes).unwrap();
        deliver(&mut changes);
        let told: Vec<(Option<&str>, Vec<&str>)> = changes[3..]
            .iter()
            .map(|deploy| {
                let before = deploy.rollout.as_ref().unwrap().before.as_deref();
                (before, deploy.delivers.iter().filter_map(ChangeId::sha).collect())
            })
            .collect();
        assert_eq!(told, [(Some("v1"), vec!["c3", "b2"]), (None, vec!["a1"])]);
    }

    #[test]
    fn a_deploy_finds_its_commit_by_the_beginning_of_its_sha_if_it_is_the_only_one() {
        let full = ["aaaaaaa1".repeat(5), "aaaaaaa2".repeat(5)];
        let commit = |sha: &String| (ChangeId::commit(REPOSITORY, sha).unwrap(), Timestamp::UNIX_EPOCH);
        let commits: Vec<_> = full.iter().map(commit).collect();
        let check = |sha: &str, expect: Option<&String>| {
            let found = meant(&ChangeId::commit(REPOSITORY, sha).unwrap(), &commits).and_then(ChangeId::sha);
            assert_eq!(found, expect.map(String::as_str), "{sha}");
        };
        check("AAAAAAA2", Some(&full[1]));
        check(&full[0], Some(&full[0]));
        check("aaaaaaa", None);
        check("aaaa", None);
        let mut changes = Vec::new();
        let commit = format!(r#"[{{"sha":"{}","timestamp":"2026-01-01T00:01:00Z"}}]"#, full[0]);
        super::commits("commits.json", &commit, &mut changes, &mut Vec::new()).unwrap();
        let rolled =
            r#"[{"timestamp":"2026-01-01T01:00:00Z","service":"s","sha":"aaaaaaa1","env":"staging"}]"#;
        deploys("deploys.json", rolled, &mut changes).unwrap();
        deliver(&mut changes);
        assert_eq!(changes[1].delivers, [changes[0].id.clone()]);
        assert_eq!(changes[1].environment.as_deref(), Some("staging"));
    }

    #[test]
    fn lists_of_other_changes_are_told_by_the_name_of_their_file() {
        let mut changes = Vec::new();
        let list = r#"[{"timestamp":"2026-01-01T00:01:00Z","service":"s","key":"pool.size","to":5}]"#;
        assert!(others("context/configs.json", list, &mut changes));
        assert_eq!(
            (changes[0].kind, changes[0].title.as_untrusted()),
            (ChangeKind::Config, "key pool.size, to 5")
        );
        assert!(!others("context/notes.json", list, &mut changes));
        assert!(!others("context/configs.json", r#"[{"key":"x"}]"#, &mut changes));
    }
}
