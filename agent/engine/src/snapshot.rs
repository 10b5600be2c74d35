//! What a snapshot holds, in one form for those who write it and those who read it back: `{"changes": […]}`. Before,
//! snapshots were bare lists; those are told by what stands in them. It must not know who reads, or what for.

use hearback_core::change::Diff;
use hearback_core::evidence::Document;
use hearback_core::freeze::Freeze;
use hearback_core::hash::{NotCanonical, canonical_json};
use hearback_core::memory::recall::Remembered;
use hearback_core::telemetry::{LogTemplate, SpanStatus};
use hearback_core::{Change, Evidence, ExternalText, Origin, Series, SourceName, SpanRecord, Window};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::analysts::experts::Profile;

/// A list of points that is longer than this tells what is usual, where the snapshot itself does not say.
const SHORT: SignedDuration = SignedDuration::from_hours(24);

/// What kind of list a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// The changes of a window.
    Changes,
    /// Diffs of the likeliest changes.
    Diffs,
    /// Series around the beginning of the trouble.
    Series,
    /// The same over weeks.
    UsualSeries,
    /// Wordings of warnings and errors.
    LogTemplates,
    /// The most frequent wordings of all logs.
    Wordings,
    /// Spans that failed.
    FailedSpans,
    /// Spans that took longest.
    SlowSpans,
    /// The newest spans from before the trouble.
    UsualSpans,
    /// Whole traces: of calls that failed, of slow ones and of usual ones.
    Traces,
    /// Documents of whatever form.
    Documents,
    /// Change freezes.
    Freezes,
    /// Incidents that were remembered because they were like this.
    Similar,
    /// Parts of runbooks that were remembered.
    Runbooks,
    /// What is known of people, for one question.
    Profiles,
}

impl Holds {
    fn name(self) -> &'static str {
        match self {
            Holds::Changes => "changes",
            Holds::Diffs => "diffs",
            Holds::Series => "series",
            Holds::UsualSeries => "usual_series",
            Holds::LogTemplates => "log_templates",
            Holds::Wordings => "wordings",
            Holds::FailedSpans => "failed_spans",
            Holds::SlowSpans => "slow_spans",
            Holds::UsualSpans => "usual_spans",
            Holds::Traces => "traces",
            Holds::Documents => "documents",
            Holds::Freezes => "freezes",
            Holds::Similar => "similar",
            Holds::Runbooks => "runbooks",
            Holds::Profiles => "profiles",
        }
    }
}

/// The content of a snapshot: what each variant holds, the [`Holds`] of its name says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is described once, in `Holds`")]
pub enum Content {
    Changes(Vec<Change>),
    Diffs(Vec<Diff>),
    Series(Vec<Series>),
    UsualSeries(Vec<Series>),
    LogTemplates(Vec<LogTemplate>),
    Wordings(Vec<LogTemplate>),
    FailedSpans(Vec<SpanRecord>),
    SlowSpans(Vec<SpanRecord>),
    UsualSpans(Vec<SpanRecord>),
    Traces(Vec<SpanRecord>),
    Documents(Vec<Document>),
    Freezes(Vec<Freeze>),
    Similar(Vec<Remembered>),
    Runbooks(Vec<Remembered>),
    Profiles(Vec<Profile>),
}

/// Keeps `items`, which must be redacted, as a snapshot.
///
/// # Errors
/// [`NotCanonical`] never happens for what snapshots hold; it is passed on rather than hidden.
pub fn snapshot<T: Serialize>(
    source: &SourceName,
    origin: Origin,
    holds: Holds,
    items: &[T],
    window: Option<Window>,
) -> Result<Evidence, NotCanonical> {
    let text = canonical_json(&std::collections::BTreeMap::from([(holds.name(), items)]))?;
    Evidence::new(source.clone(), origin, None, window, ExternalText::new(text))
}

impl Content {
    /// What `snapshot` holds; none if it is something else, kept for people.
    pub fn of(snapshot: &Evidence) -> Option<Content> {
        let text = snapshot.text.as_untrusted();
        serde_json::from_str(text).ok().or_else(|| Content::of_bare_list(text))
    }

    fn of_bare_list(text: &str) -> Option<Content> {
        fn list<T: DeserializeOwned>(text: &str) -> Option<Vec<T>> {
            serde_json::from_str(text).ok()
        }
        // Only an empty list of changes was ever kept, so the order matters.
        list(text)
            .map(Content::Changes)
            .or_else(|| list(text).map(Content::Diffs))
            .or_else(|| list(text).map(of_series))
            .or_else(|| list(text).map(Content::LogTemplates))
            .or_else(|| list(text).map(of_spans))
            .or_else(|| list(text).map(Content::Freezes))
    }
}

fn of_series(series: Vec<Series>) -> Content {
    let is_long = |series: &Series| match (series.points.first(), series.points.last()) {
        (Some(first), Some(last)) => last.at.duration_since(first.at) > SHORT,
        _ => false,
    };
    if series.iter().any(is_long) { Content::UsualSeries(series) } else { Content::Series(series) }
}

fn of_spans(spans: Vec<SpanRecord>) -> Content {
    let all_failed = spans.iter().all(|span| span.status == SpanStatus::Error);
    if all_failed { Content::FailedSpans(spans) } else { Content::SlowSpans(spans) }
}

#[cfg(test)]
mod tests {
    use hearback_core::signal::{Point, SignalKind};

    use super::*;

    fn series(hours: i64) -> Series {
        let at = |hour: i64| {
            hearback_core::time::parse_time("2026-03-02", jiff::Timestamp::UNIX_EPOCH).unwrap()
                + SignedDuration::from_hours(hour)
        };
        Series {
            service: "cart".parse().unwrap(),
            kind: SignalKind::Errors,
            query: "q".into(),
            labels: Default::default(),
            step: SignedDuration::from_mins(1),
            points: vec![Point { at: at(0), value: 0.1 }, Point { at: at(hours), value: 0.2 }],
            link: None,
        }
    }

    fn read(text: &str) -> Option<Content> {
        let source = SourceName::new("x").unwrap();
        Content::of(&Evidence::new(source, Origin::Member, None, None, text.into()).unwrap())
    }

    #[test]
    fn what_is_written_is_read_back_and_says_what_it_is() {
        let source = SourceName::new("prometheus:shop").unwrap();
        let series = vec![series(1)];
        let kept = |holds| snapshot(&source, Origin::System, holds, &series, None).unwrap();
        assert_eq!(Content::of(&kept(Holds::Series)), Some(Content::Series(series.clone())));
        assert_eq!(Content::of(&kept(Holds::UsualSeries)), Some(Content::UsualSeries(series.clone())));
        for holds in [
            Holds::Changes,
            Holds::Diffs,
            Holds::Series,
            Holds::UsualSeries,
            Holds::LogTemplates,
            Holds::Wordings,
            Holds::FailedSpans,
            Holds::SlowSpans,
            Holds::UsualSpans,
            Holds::Traces,
            Holds::Documents,
            Holds::Freezes,
            Holds::Similar,
            Holds::Runbooks,
            Holds::Profiles,
        ] {
            let empty = snapshot::<Series>(&source, Origin::System, holds, &[], None).unwrap();
            assert!(Content::of(&empty).is_some(), "{holds:?} is written under a name that is not read");
        }
    }

    #[test]
    fn a_bare_list_of_an_older_version_is_told_by_what_stands_in_it() {
        let list = |series: Series| serde_json::to_string(&[series]).unwrap();
        assert_eq!(read("[]"), Some(Content::Changes(vec![])));
        assert_eq!(read(&list(series(6))), Some(Content::Series(vec![series(6)])));
        assert_eq!(read(&list(series(300))), Some(Content::UsualSeries(vec![series(300)])));
        assert_eq!(
            read(r#"[{"change":"c","files":[]}]"#).map(|c| matches!(c, Content::Diffs(_))),
            Some(true)
        );
    }

    #[test]
    fn what_was_kept_for_people_is_no_list() {
        for text in ["", "4,112 error lines", r#"{"service":"cart","points":[1]}"#, r#"[{"a":1}]"#, "{}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
