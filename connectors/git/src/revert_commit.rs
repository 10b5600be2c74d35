//! The commit that is pushed: its message, and how it is known again. The same inputs make the same commit, to
//! the last byte. Pure but for writing the object; it must not know where it is pushed.

use git2::{Commit, Oid, Repository, Signature, Time};
use hearback_core::ExternalText;
use hearback_core::approval::ApprovedAction;
use hearback_core::ports::ConnectorError;
use jiff::Timestamp;

use crate::object;
use crate::revert;
use crate::task::Made;

/// Longest title that is quoted, in characters.
const TITLE_CHARS: usize = 200;
/// Longest name of an approver, in characters.
const NAME_CHARS: usize = 100;

/// Before the key of an action, in the message of the commit that it made.
const KEY: &str = "Hearback-Action: ";

/// Who makes commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitAuthor {
    /// The name, as it stands in `git log`.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl CommitAuthor {
    /// Refuses what git would cut or could not write.
    pub(crate) fn check(&self) -> Result<(), ConnectorError> {
        let is_odd = |text: &str| {
            text.trim().is_empty()
                || text.chars().any(|c| c.is_control() || "<>".contains(c))
                || text.len() > 200
        };
        let signed = Signature::new(&self.name, &self.email, &Time::new(0, 0));
        if is_odd(&self.name) || is_odd(&self.email) || signed.is_err() {
            let says = "commits need an author: one line each for name and e-mail address, without < and >";
            return Err(ConnectorError::NotUsable(says.to_owned()));
        }
        Ok(())
    }
}

/// The title of a commit, one line for people.
pub(crate) fn title(repository: &Repository, commit: Oid) -> Result<String, ConnectorError> {
    let read = repository.odb().and_then(|objects| Ok(object::parse_words(objects.read(commit)?.data())));
    let words = read.map_err(|error| revert::unreadable(&revert::short(commit), &error))?;
    Ok(ExternalText::new(words.title).for_people(TITLE_CHARS))
}

/// What a message says beyond what is undone. What others wrote stands in it as one line each, so that none of it can
/// be taken for a line of ours.
#[derive(Debug, Clone)]
pub(crate) struct Wording {
    proposal: String,
    trailers: String,
}

/// What an approved action gives a message.
pub(crate) fn wording(approved: &ApprovedAction) -> Wording {
    let proposal = approved.proposal();
    let mut trailers = String::new();
    if let Some(incident) = proposal.incident() {
        trailers.push_str(&format!("Incident: {incident}\n"));
    }
    trailers.push_str(&format!("Proposal: {proposal}\n"));
    for name in approved.by() {
        trailers.push_str(&format!("Approved-by: {}\n", one_line(name, NAME_CHARS)));
    }
    trailers.push_str(&format!("{KEY}{}\n", approved.key().as_str()));
    Wording { proposal: proposal.to_string(), trailers }
}

impl Wording {
    /// The message of the commit that undoes another with this title.
    pub(crate) fn revert(&self, undone: Oid, title: &str) -> String {
        let title = match one_line(title, TITLE_CHARS) {
            blank if blank.is_empty() => revert::short(undone),
            title => title,
        };
        format!("Revert \"{title}\"\n\nThis reverts commit {undone}.\n\n{}", self.trailers)
    }

    /// The message of the commit that patches files which another touched.
    pub(crate) fn patch(&self, suspect: Oid) -> String {
        format!(
            "Mitigation patch for {}\n\nIt changes files that commit {suspect} touched. A model suggested it, a person \
             approved it.\n\n{}",
            one_line(&self.proposal, NAME_CHARS),
            self.trailers
        )
    }
}

fn one_line(text: &str, most: usize) -> String {
    ExternalText::new(text).for_people(most)
}

/// Whether a commit was made by the action with this key.
pub(crate) fn has_key(commit: &Commit<'_>, key: &str) -> bool {
    let is_it = |line: &[u8]| line.strip_prefix(KEY.as_bytes()).is_some_and(|found| found == key.as_bytes());
    commit.message_raw_bytes().split(|&b| b == b'\n').any(|line| is_it(line.trim_ascii_end()))
}

/// Writes the commit.
pub(crate) fn make(
    repository: &Repository,
    Made { tree, message }: &Made,
    onto: Oid,
    author: &CommitAuthor,
    at: Timestamp,
) -> Result<Oid, ConnectorError> {
    let made = || {
        let who = Signature::new(&author.name, &author.email, &Time::new(at.as_second(), 0))?;
        let (tree, parent) = (repository.find_tree(*tree)?, repository.find_commit(onto)?);
        repository.commit(None, &who, &who, message, &tree, &[&parent])
    };
    made().map_err(|error: git2::Error| {
        ConnectorError::Failed(format!("the commit can't be written: {}", error.message()))
    })
}
