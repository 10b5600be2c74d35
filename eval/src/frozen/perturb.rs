//! A frozen incident told with other words: other names of services, people, hosts and metrics, other shas, another day,
//! another order. Whoever reads the telemetry answers the same; whoever remembers the case, or leans on where a line
//! stands, does not. It must not know what the answer is, beyond the commit that is to be taken out.

mod content;
mod found;
mod order;
#[cfg(test)]
mod tests;
mod times;
mod vocabulary;
mod words;

use std::collections::BTreeMap;

use serde_json::Value;

use self::content::Content;
use self::found::Found;
use self::times::Shift;
use self::vocabulary::Vocabulary;
use super::Folder;
use super::sha::may_be_same;
use crate::resample::{Dice, Purpose};

/// What is done to a frozen incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Perturbation {
    /// Names, shas, days and order are others; what happened is the same.
    Renamed,
    /// The same, and the change that did it is in no list any more: neither the commit nor its deploys, or the turning of
    /// the flag. What it did to the telemetry stays.
    CulpritRemoved,
}

/// A frozen incident in other words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Perturbed {
    /// What there is to see.
    pub folder: Folder,
    /// What each service, each sha and each flag (as `flag:NAME`) is called in it.
    pub names: BTreeMap<String, String>,
}

impl Perturbed {
    /// What `old` is called now; itself if it was not renamed.
    pub fn name<'a>(&'a self, old: &'a str) -> &'a str {
        self.names.get(old).map_or(old, String::as_str)
    }
}

/// Tells `folder` with other words. The same seed gives the same bytes; another kind gives the same words.
///
/// Times move by whole days, so that what names an hour of the day (a schedule, `10:05` in a message) stays true. Names of
/// technology (`postgres`, `kafka`) and robots (`dependabot[bot]`) stay: they say what something is, not which one.
pub fn perturb(folder: &Folder, truth_culprit: Option<&str>, seed: u64, kind: Perturbation) -> Perturbed {
    let mut dice = Dice::new(seed, Purpose::Perturbation);
    let mut contents: BTreeMap<&str, Content> =
        folder.files.iter().map(|(name, text)| (name.as_str(), Content::parse(name, text))).collect();
    let mut found = Found::default();
    contents.values().for_each(|content| found.read(content));
    let near = folder.files.get("alert.json").and_then(|text| times::first_date(text));
    let shift = Shift::draw(near, &mut dice);
    let vocabulary = Vocabulary::invent(&found, folder, &mut dice);
    if kind == Perturbation::CulpritRemoved
        && let Some(culprit) = truth_culprit
    {
        take_out(culprit, &mut contents);
    }
    for (name, content) in &mut contents {
        content.rewrite(&mut |place, text| vocabulary.tell(&shift.tell(text), place));
        order::shuffle(name, content, &mut dice);
    }
    let files = contents.into_iter().map(|(name, content)| (name.to_owned(), content.text())).collect();
    Perturbed { folder: Folder { id: folder.id.clone(), files }, names: vocabulary.names(&found) }
}

/// Takes the change out of the lists of changes.
fn take_out(culprit: &str, contents: &mut BTreeMap<&str, Content>) {
    let flag = culprit.strip_prefix("flag:");
    for (name, content) in contents {
        let key = match *name {
            "context/commits.json" => "sha",
            "context/deploys.json" => "commit_sha",
            "context/flags.json" if flag.is_some() => "flag",
            _ => continue,
        };
        if let Content::Json(Value::Array(items)) = content {
            items.retain(|item| {
                let says = item.get(key).and_then(Value::as_str);
                !says.is_some_and(|says| match flag {
                    Some(flag) => says == flag,
                    None => may_be_same(says, culprit),
                })
            });
        }
    }
}
