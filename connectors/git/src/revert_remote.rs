//! A remote, as the git program reaches it: which commits its branches stand at, fetching them into refs of our own,
//! and pushing one commit on a condition. It must not know what is pushed, or why.
//!
//! Git moves the refs that follow a remote whenever it fetches from it or pushes to it by name, and nothing tells it not
//! to. So it gets the same remote under another name, for one run, without what is configured to be fetched and pushed.

use std::time::Instant;

use git2::{Oid, Repository};

use crate::program::{NotStarted, On, Program, Ran, for_people};
use crate::revert_site::full_name;

/// The name of the remote in our runs.
const NAME: &str = "hearback-for-one-run";
/// What of a remote's configuration is left out: what it would do beyond what it is told to.
const LEFT_OUT: &[&str] = &[
    "fetch",
    "push",
    "mirror",
    "prune",
    "prunetags",
    "tagopt",
    "promisor",
    "partialclonefilter",
    "skipdefaultupdate",
    "skipfetchall",
    "followremotehead",
];

/// A remote of a repository.
pub(crate) struct Remote<'a> {
    pub(crate) program: &'a Program,
    pub(crate) on: On<'a>,
}

/// The configuration under which git knows a remote of the repository by our name for it.
pub(crate) fn settings(repository: &Repository, remote: &str) -> Result<Vec<(String, String)>, git2::Error> {
    let prefix = format!("remote.{remote}.");
    let mut settings = Vec::new();
    let config = repository.config()?;
    let mut entries = config.entries(Some("^remote[.]"))?;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let key =
            entry.name()?.strip_prefix(&prefix).filter(|key| !LEFT_OUT.contains(key) && !key.contains('.'));
        if let Some(key) = key {
            // A key without a value is a yes.
            let value = if entry.has_value() { entry.value()? } else { "true" };
            settings.push((format!("remote.{NAME}.{key}"), value.to_owned()));
        }
    }
    Ok(settings)
}

/// A remote could not be asked; nothing was changed there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It did not answer in time.
    #[error("the remote did not answer in time")]
    Late,
    /// It failed, or refused.
    #[error("{0}")]
    Failed(String),
}

impl From<NotStarted> for Trouble {
    fn from(error: NotStarted) -> Self {
        Trouble::Failed(error.to_string())
    }
}

impl Trouble {
    fn of(ran: &Ran) -> Self {
        if ran.is_late { Trouble::Late } else { Trouble::Failed(ran.complaint()) }
    }
}

/// A commit to push.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Push<'a> {
    pub(crate) commit: Oid,
    pub(crate) branch: &'a str,
    /// Where the branch must still stand; none if it must not be there.
    pub(crate) from: Option<Oid>,
}

/// What came of a push, as far as the program tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The server took it.
    Taken,
    /// It was refused, and nothing was changed.
    Refused(String),
    /// It can't be told.
    Unclear(String),
}

impl Remote<'_> {
    async fn run(&self, arguments: Vec<String>, until: Instant) -> Result<Ran, NotStarted> {
        self.program.run(&self.on, &arguments, until).await
    }

    /// Where branches stand; none for one that is not there.
    pub(crate) async fn heads(&self, branches: &[&str], until: Instant) -> Result<Vec<Option<Oid>>, Trouble> {
        let names: Vec<String> = branches.iter().map(|branch| full_name(branch)).collect();
        let mut arguments = vec!["ls-remote".into(), "--refs".into(), "--".into(), NAME.to_owned()];
        arguments.extend(names.iter().cloned());
        let ran = self.run(arguments, until).await?;
        if !ran.is_success() {
            return Err(Trouble::of(&ran));
        }
        let text = String::from_utf8_lossy(&ran.out);
        let stands_at = |name: &String| {
            let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
            let (sha, _) = lines.find(|(_, found)| found == name)?;
            Oid::from_str(sha).ok()
        };
        Ok(names.iter().map(stands_at).collect())
    }

    /// Fetches branches into refs of our own.
    pub(crate) async fn fetch(&self, branches: &[(&str, String)], until: Instant) -> Result<(), Trouble> {
        let mut arguments: Vec<String> = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--",
            NAME,
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.extend(branches.iter().map(|(branch, into)| format!("+{}:{into}", full_name(branch))));
        let ran = self.run(arguments, until).await?;
        if ran.is_success() { Ok(()) } else { Err(Trouble::of(&ran)) }
    }

    /// Goes through a push up to the point where something would change: whether the server lets us, and whether the
    /// branch stands where it should.
    pub(crate) async fn push_dry(&self, push: Push<'_>, until: Instant) -> Result<(), Trouble> {
        let ran = self.run(self.push_arguments(push, true), until).await?;
        match read_push(&ran, push) {
            _ if ran.is_late => Err(Trouble::Late),
            Pushed::Taken if ran.is_success() => Ok(()),
            Pushed::Refused(why) => Err(Trouble::Failed(why)),
            _ => Err(Trouble::Failed(ran.complaint())),
        }
    }

    /// Pushes.
    pub(crate) async fn push(&self, push: Push<'_>, until: Instant) -> Result<Pushed, NotStarted> {
        let ran = self.run(self.push_arguments(push, false), until).await?;
        Ok(read_push(&ran, push))
    }

    fn push_arguments(&self, push: Push<'_>, is_dry: bool) -> Vec<String> {
        let branch = full_name(push.branch);
        let from = push.from.map(|from| from.to_string()).unwrap_or_default();
        let mut arguments: Vec<String> = [
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--no-signed",
            "--recurse-submodules=no",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--force-with-lease={branch}:{from}"));
        if is_dry {
            arguments.push("--dry-run".to_owned());
        }
        arguments.extend(["--".to_owned(), NAME.to_owned(), format!("{}:{branch}", push.commit)]);
        arguments
    }
}

/// What the line about our ref says: a sign, `from:to`, and a summary, parted by tabs.
fn read_push(ran: &Ran, push: Push<'_>) -> Pushed {
    let text = String::from_utf8_lossy(&ran.out);
    let branch = full_name(push.branch);
    let line = text.lines().find_map(|line| {
        let mut fields = line.splitn(3, '\t');
        let (sign, refs, summary) = (fields.next()?, fields.next()?, fields.next()?);
        (refs.rsplit_once(':')?.1 == branch).then_some((sign, summary))
    });
    match line {
        Some((" " | "*" | "+" | "=", _)) => Pushed::Taken,
        // It can be that the server heard all and its answer was lost.
        Some(("!", summary)) if summary.starts_with("[remote failure]") => {
            Pushed::Unclear(for_people(summary))
        }
        Some(("!", summary)) => {
            let remote = ran.complaint();
            let said = remote.starts_with("remote:").then_some(remote.as_str());
            Pushed::Refused(for_people(
                &[Some(summary), said].into_iter().flatten().collect::<Vec<_>>().join("; "),
            ))
        }
        _ => Pushed::Unclear(ran.complaint()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_push_prints_is_read() {
        let commit = Oid::from_str("3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa").unwrap();
        let push = Push { commit, branch: "main", from: None };
        let check = |out: &str, err: &str, expect: Pushed| {
            let ran = Ran { code: Some(1), out: out.into(), err: err.into(), ..Ran::default() };
            assert_eq!(read_push(&ran, push), expect, "{out}");
        };
        let line =
            |sign: &str, to: &str, summary: &str| format!("To x\n{sign}\t{commit}:{to}\t{summary}\nDone\n");
        for sign in [" ", "*", "+", "="] {
            check(&line(sign, "refs/heads/main", "a..b"), "", Pushed::Taken);
        }
        let refused = |why: &str| Pushed::Refused(why.into());
        check(
            &line("!", "refs/heads/main", "[rejected] (stale info)"),
            "",
            refused("[rejected] (stale info)"),
        );
        check(
            &line("!", "refs/heads/main", "[remote rejected] (pre-receive hook declined)"),
            "remote: ask Bo first        \nerror: failed to push some refs to 'x'\n",
            refused(
                "[remote rejected] (pre-receive hook declined); remote: ask Bo first; error: failed to push some refs \
                 to 'x'",
            ),
        );
        check(
            &line("!", "refs/heads/main", "[remote failure] (remote failed to report status)"),
            "",
            Pushed::Unclear("[remote failure] (remote failed to report status)".into()),
        );
        let unclear = Pushed::Unclear("fatal: the remote end hung up unexpectedly".into());
        check("", "fatal: the remote end hung up unexpectedly\n", unclear.clone());
        // A line about another ref says nothing about ours.
        check(
            &line("*", "refs/heads/mainly", "[new branch]"),
            "fatal: the remote end hung up unexpectedly",
            unclear,
        );
    }
}
