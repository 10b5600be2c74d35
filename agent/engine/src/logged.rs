//! The change log as a source of changes: what was sent to us before any incident. It must not know who sent it.

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::ports::{ChangeLog, ChangeQuery, ChangeSource, ConnectorError};
use hearback_core::time::format_time;
use hearback_core::{Change, Coverage, ExternalText, Fetched, SourceName};

/// The most changes that are read for one question, the latest ones: memory and time of an answer are bounded by it.
const MOST_CHANGES: usize = 20_000;
/// The longest description that a question reads whole, in bytes.
const MOST_BODY_BYTES: usize = 1000;

/// The change log, asked for changes.
pub struct LoggedChanges {
    name: SourceName,
    log: Arc<dyn ChangeLog>,
}

impl LoggedChanges {
    /// The name under which it stands in answers.
    pub const NAME: &'static str = "changelog";

    /// The changes of `log`.
    ///
    /// # Errors
    /// Never: the name is one. It is passed on rather than hidden.
    pub fn new(log: Arc<dyn ChangeLog>) -> Result<Self, hearback_core::ids::BadName> {
        Ok(LoggedChanges { name: SourceName::new(Self::NAME)?, log })
    }
}

#[async_trait]
impl ChangeSource for LoggedChanges {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        let logged = self.log.logged_changes(&query.window, MOST_CHANGES + 1).await;
        let logged = logged.map_err(|error| ConnectorError::Failed(error.to_string()))?;
        let (mut items, mut missing) =
            latest(logged.into_iter().map(|known| known.value).collect(), MOST_CHANGES);
        let cut = items.iter_mut().map(cut_body).filter(|cut| *cut).count();
        if cut > 0 {
            missing.push(format!("{cut} descriptions were read in part: they are long"));
        }
        let searched = match items.len() {
            1 => "1 change that was sent".to_owned(),
            count => format!("{count} changes that were sent"),
        };
        Ok(Fetched { items, coverage: Coverage { source: self.name.clone(), searched, missing } })
    }
}

/// Cuts a long description, so that the changes of a window fit into one snapshot. Says whether it did.
fn cut_body(change: &mut Change) -> bool {
    let text = change.body.as_untrusted();
    let is_long = text.len() > MOST_BODY_BYTES;
    if is_long {
        change.body = ExternalText::capped(text, MOST_BODY_BYTES);
    }
    is_long
}

/// The last `most` of `items`, which come by time of effect, and what is missing then.
fn latest(mut items: Vec<Change>, most: usize) -> (Vec<Change>, Vec<String>) {
    let earlier = items.len().saturating_sub(most);
    if earlier == 0 {
        return (items, Vec::new());
    }
    items.drain(..earlier);
    let since = items.first().map(|change| format_time(change.effective_at)).unwrap_or_default();
    let why = format!("more than {most} changes were sent: those before {since} were not looked at");
    (items, vec![why])
}

#[cfg(test)]
mod tests {
    use hearback_core::change::{Author, Landed, Nature, Paths, Revert, Review};
    use hearback_core::{ChangeId, ChangeKind};
    use jiff::Timestamp;

    use super::*;

    fn change(second: i64) -> Change {
        let at = Timestamp::from_second(second).unwrap();
        Change {
            id: ChangeId::new(format!("flag:cart:{second}")).unwrap(),
            kind: ChangeKind::Flag,
            source: "flag:cart".parse().unwrap(),
            services: vec![],
            environment: None,
            delivers: vec![],
            rollout: None,
            committed_at: at,
            effective_at: at,
            landed: Landed::Yes,
            author: Author { name: "ana".into(), email: None, nature: Nature::Person },
            title: "cart on".into(),
            body: "".into(),
            paths: Paths::Unknown,
            revert: Revert::default(),
            review: Review::default(),
            link: None,
        }
    }

    #[test]
    fn of_more_changes_than_are_read_the_earlier_ones_are_named_as_missing() {
        let check = |most: usize, kept: &[i64], missing: &[&str]| {
            let (items, why) = latest([60, 120, 180].map(change).to_vec(), most);
            assert_eq!(items, kept.iter().copied().map(change).collect::<Vec<_>>());
            assert_eq!(why, missing);
        };
        check(3, &[60, 120, 180], &[]);
        check(
            2,
            &[120, 180],
            &["more than 2 changes were sent: those before 1970-01-01 00:02:00Z were not looked at"],
        );
    }

    #[test]
    fn a_long_description_is_cut_and_a_short_one_is_not() {
        let with = |length: usize| Change { body: "x".repeat(length).as_str().into(), ..change(1) };
        let (mut short, mut long) = (with(MOST_BODY_BYTES), with(MOST_BODY_BYTES + 1));
        assert_eq!((cut_body(&mut short), cut_body(&mut long)), (false, true));
        assert_eq!(short, long);
    }
}
