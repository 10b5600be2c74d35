//! Turns what was answered into series of a service: which labels tell them apart, and what is outside the window.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::{ExternalText, Series, ServiceName, SignalKind, Window};

use crate::grid::Grid;
use crate::wire::RangeSeries;

/// What one query asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub service: ServiceName,
    pub kind: SignalKind,
    pub query: String,
}

impl Asked {
    /// As it stands at the front of phrases: `latency of checkout`.
    pub(crate) fn name(&self) -> String {
        format!("{} of {}", self.kind, self.service)
    }
}

/// The series of one query. A label that all of them share tells nothing and goes; so do points outside the window,
/// which a server that was not asked for them may send.
pub(crate) fn series(
    asked: &Asked,
    answered: Vec<RangeSeries>,
    window: Window,
    grid: &Grid,
    link: &str,
) -> Vec<Series> {
    let telling = telling_labels(&answered);
    let inside = answered.into_iter().map(|series| {
        let RangeSeries { mut labels, mut points } = series;
        labels.retain(|name, _| telling.contains(name));
        points.retain(|point| window.contains(point.at));
        Series {
            service: asked.service.clone(),
            kind: asked.kind,
            query: asked.query.clone(),
            labels,
            step: grid.step(),
            points,
            link: Some(link.to_owned()),
        }
    });
    inside.filter(|series| !series.points.is_empty()).collect()
}

fn telling_labels(answered: &[RangeSeries]) -> BTreeSet<String> {
    let mut seen: BTreeMap<&String, (usize, BTreeSet<&ExternalText>)> = BTreeMap::new();
    for (name, value) in answered.iter().flat_map(|series| &series.labels) {
        let (count, values) = seen.entry(name).or_default();
        *count += 1;
        values.insert(value);
    }
    let tells = |(name, (count, values)): (&String, (usize, BTreeSet<_>))| {
        (values.len() > 1 || count < answered.len()).then(|| name.clone())
    };
    seen.into_iter().filter_map(tells).collect()
}
