//! One question to GitHub: the calls it may still make, the time it has left, and the lists it reads page by page. It
//! must not know what the items mean.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hearback_core::ids::{ChangeId, SourceName};
use hearback_core::{Change, Window};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::cache::{Answer, Holds};
use crate::client::{Ask, Client};
use crate::options::GithubOptions;
use crate::refusal::{Part, Refusal};
use crate::slug::{Slug, is_sha};

/// What is kept back of the budget, for putting together what was read.
const KEPT_BACK: Duration = Duration::from_millis(50);

/// The repository that is asked about, as all parts need it.
pub(crate) struct About {
    pub(crate) slug: Slug,
    /// The name under which the git connector knows it.
    pub(crate) repository: String,
    pub(crate) source: SourceName,
    pub(crate) options: GithubOptions,
}

impl About {
    pub(crate) fn commit(&self, sha: &str) -> Option<ChangeId> {
        is_sha(sha).then(|| ChangeId::commit(&self.repository, sha).ok())?
    }

    /// A path of the repository's API.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.slug)
    }
}

/// What one part of a question found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) changes: Vec<Change>,
    /// "3 deployments".
    pub(crate) searched: Vec<String>,
    pub(crate) missing: Vec<String>,
}

/// A list as far as it was read.
#[derive(Debug)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    /// What was not read and why.
    pub(crate) cut: Option<String>,
    /// Read to the end: neither cut nor stopped.
    pub(crate) whole: bool,
}

/// Whether the next page of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Wanted,
    NotWanted,
}

/// One question.
pub(crate) struct Question<'a> {
    pub(crate) about: &'a About,
    pub(crate) window: Window,
    client: &'a Client,
    deadline: Instant,
    calls_left: AtomicU32,
    /// Why no further call is made.
    stopped: Mutex<Option<Refusal>>,
}

impl<'a> Question<'a> {
    pub(crate) fn begin(
        client: &'a Client,
        about: &'a About,
        window: Window,
        budget: SignedDuration,
    ) -> Self {
        let budget = Duration::try_from(budget).unwrap_or_default();
        Question {
            about,
            window,
            client,
            deadline: Instant::now() + budget.saturating_sub(KEPT_BACK),
            calls_left: AtomicU32::new(about.options.limits.calls),
            stopped: Mutex::new(None),
        }
    }

    /// A question of how things are now, answered by `deadline`.
    pub(crate) fn of_now(client: &'a Client, about: &'a About, deadline: Instant) -> Self {
        Question {
            about,
            window: Window { from: Timestamp::MIN, until: Timestamp::MAX },
            client,
            deadline,
            calls_left: AtomicU32::new(about.options.limits.calls),
            stopped: Mutex::new(None),
        }
    }

    /// One object.
    pub(crate) async fn fetch<T: DeserializeOwned>(
        &self,
        part: Part,
        path: String,
        holds: Holds,
    ) -> Result<T, Refusal> {
        self.page(&Ask { part, path, holds }).await.map(|(object, _)| object)
    }

    /// A list whose pages are arrays.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        part: Part,
        path: String,
        next: impl FnMut(&[T]) -> Next,
    ) -> Result<List<T>, Refusal> {
        self.list_in(part, path, |page: Vec<T>| page, next).await
    }

    /// A list whose pages are something that holds an array. What was read before a page failed is kept.
    pub(crate) async fn list_in<P: DeserializeOwned, T>(
        &self,
        part: Part,
        path: String,
        mut items_of: impl FnMut(P) -> Vec<T>,
        mut next: impl FnMut(&[T]) -> Next,
    ) -> Result<List<T>, Refusal> {
        let mut items = Vec::new();
        let mut ask = Ask { part, path, holds: Holds::WhileUnchanged };
        for page in 1..=self.about.options.limits.pages {
            let (read, following) = match self.page(&ask).await {
                Ok((read, following)) => (items_of(read), following),
                Err(refusal) if page == 1 => return Err(refusal),
                Err(refusal) => {
                    let cut = format!("{} from page {page} on: {refusal}", part.what);
                    return Ok(List { items, cut: Some(cut), whole: false });
                }
            };
            let wanted = next(&read);
            items.extend(read);
            match (following, wanted) {
                (None, _) => return Ok(List { items, cut: None, whole: true }),
                (Some(_), Next::NotWanted) => return Ok(List { items, cut: None, whole: false }),
                (Some(path), Next::Wanted) => ask.path = path,
            }
        }
        let cut = format!("{} beyond the first {} were not read", part.what, items.len());
        Ok(List { items, cut: Some(cut), whole: false })
    }

    async fn page<T: DeserializeOwned>(&self, ask: &Ask) -> Result<(T, Option<String>), Refusal> {
        if let Some(answer) = self.client.known(ask) {
            return parse(ask.part, &answer).map(|object| (object, answer.next));
        }
        self.may_call(ask.part)?;
        let told = self.client.fetch(ask, self.deadline).await;
        let told = told.inspect_err(|refusal| self.stop_if_final(refusal))?;
        if let Some(used_up) = told.used_up {
            self.stop_if_final(&used_up);
        }
        let object = parse(ask.part, &told.answer)?;
        self.client.keep(ask, &told.answer);
        Ok((object, told.answer.next))
    }

    fn may_call(&self, part: Part) -> Result<(), Refusal> {
        if let Some(refusal) = self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(refusal);
        }
        if Instant::now() >= self.deadline {
            return Err(Refusal::OutOfTime(part));
        }
        let one_less = |left: u32| left.checked_sub(1);
        match self.calls_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
            Ok(_) => Ok(()),
            Err(_) => Err(Refusal::OutOfCalls(part)),
        }
    }

    /// Time and calls are looked at before every call; these refusals are known only once one was made.
    fn stop_if_final(&self, refusal: &Refusal) {
        if refusal.is_final() {
            self.stopped
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_with(|| refusal.clone());
        }
    }
}

fn parse<T: DeserializeOwned>(part: Part, answer: &Answer) -> Result<T, Refusal> {
    serde_json::from_slice(&answer.body).map_err(|_| Refusal::Unreadable(part))
}
