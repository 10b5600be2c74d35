//! `ranker.toml` with new weights: every word of the file stays but for the numbers that were learned, so that its
//! comments and meanings survive. It must not know where the file is.

use hearback_engine::features::Feature;
use hearback_engine::ranker::{BadRanker, Ranker};
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use crate::paired::{Paired, paired};
use crate::resample::Settings;
use crate::scores::scores;
use crate::train::Learned;

/// The file could not be rewritten.
#[derive(Debug, thiserror::Error)]
pub enum NotRewritten {
    /// It is not TOML.
    #[error("{0}")]
    Form(String),
    /// It lacks what the weights go into.
    #[error("it has no {0}")]
    Lacks(&'static str),
    /// What was written can't be read back.
    #[error(transparent)]
    Unreadable(#[from] BadRanker),
}

/// `text`, the present file, with what was learned in it.
///
/// # Errors
/// [`NotRewritten`] if `text` is not a file of weights.
pub fn rewrite(text: &str, learned: &Learned) -> Result<String, NotRewritten> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| NotRewritten::Form(error.message().to_owned()))?;
    let ranker = &learned.ranker;
    let entries = document.get_mut("feature").and_then(Item::as_array_of_tables_mut);
    for entry in entries.ok_or(NotRewritten::Lacks("[[feature]]"))?.iter_mut() {
        let name = entry.get("name").and_then(Item::as_str).unwrap_or_default();
        let feature = Feature::ALL.iter().find(|feature| feature.name() == name);
        if let Some(feature) = feature.filter(|feature| !ranker.is_held(**feature)) {
            set(entry, "weight", ranker.weight(*feature));
        }
    }
    let mut set_in = |name: &'static str, numbers: &[(&str, f64)]| {
        let table = document.get_mut(name).and_then(Item::as_table_like_mut);
        let table = table.ok_or(NotRewritten::Lacks(name))?;
        numbers.iter().for_each(|(key, number)| set(table, key, *number));
        Ok::<_, NotRewritten>(())
    };
    set_in("probability", &[("temperature", ranker.probability.temperature)])?;
    let none = &ranker.none;
    let numbers = [
        ("prior", none.prior),
        ("base", none.base),
        ("clearest", none.clearest),
        ("best_share", none.best_share),
    ];
    set_in("none", &numbers)?;
    note(&mut document, learned);
    let text = document.to_string();
    Ranker::parse(&text)?;
    Ok(text)
}

fn set(table: &mut (impl TableLike + ?Sized), key: &str, number: f64) {
    let mut new = value(number);
    // A comment behind the old number stays.
    if let (Some(old), Some(new)) = (table.get(key).and_then(Item::as_value), new.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, new);
}

fn note(document: &mut DocumentMut, learned: &Learned) {
    let table = document.entry("learned").or_insert(Item::Table(Table::new()));
    let Some(table) = table.as_table_like_mut() else { return };
    let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    table.insert("cases", value(whole(learned.cases.0)));
    table.insert("failures", value(whole(learned.cases.1)));
    table.insert("digest", value(learned.digest.as_str()));
    table.insert("ridge", value(learned.ridge));
    let (top_5, mrr) = worth(learned);
    table.insert("top_5", value(top_5));
    table.insert("mrr", value(mrr));
}

/// Top-5 and MRR of what was learned on cases it had not seen, four digits.
pub fn worth(learned: &Learned) -> (f64, f64) {
    let ranks: Vec<Option<u32>> = learned.cross_validated.values().copied().collect();
    let one = Settings { resamples: 1, ..Settings::default() };
    let round = |number: f64| (number * 1e4).round() / 1e4;
    scores(&ranks, &one).map_or((0.0, 0.0), |scores| (round(scores.top_5.value), round(scores.mrr.value)))
}

/// How new weights stand against those in the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// The file's were learned on the same cases: both are known by cross-validation.
    SameCases {
        /// The MRR in the file.
        before: f64,
        /// The new one.
        after: f64,
    },
    /// The file's came from elsewhere: asked on these cases they can be compared with predictions of the new ones.
    OtherCases(Paired),
}

impl Standing {
    /// Whether the file's weights backtest better.
    pub fn is_worse(&self) -> bool {
        match self {
            Standing::SameCases { before, after } => after < before,
            Standing::OtherCases(paired) => paired.mrr_difference.value < 0.0,
        }
    }
}

/// Compares `learned` with the weights it would replace, whose ranks on the same failure-like cases are `before`, by case
/// in the order of [`Learned::cross_validated`].
pub fn standing(
    learned: &Learned,
    file: &Ranker,
    before: &[Option<u32>],
    settings: &Settings,
) -> Option<Standing> {
    match &file.learned {
        Some(note) if note.digest == learned.digest => {
            Some(Standing::SameCases { before: note.mrr, after: worth(learned).1 })
        }
        _ => {
            let after: Vec<Option<u32>> = learned.cross_validated.values().copied().collect();
            paired(&after, before, settings).map(Standing::OtherCases)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::logit::Fit;

    const SHIPPED: &str = include_str!("../../config/ranker.toml");

    fn learned(mrr_rank: u32) -> Learned {
        let before = Ranker::parse(SHIPPED).unwrap();
        let mut weights: Vec<f64> = Feature::ALL.iter().map(|feature| before.weight(*feature)).collect();
        weights[Feature::Newer as usize] = -0.125;
        let mut ranker = before.with_weights(&weights);
        ranker.probability.temperature = 1.5;
        Learned {
            ranker,
            fit: Fit { weights, errors: vec![], log_likelihood: 0.0 },
            ridge: 10.0,
            tried: vec![],
            cross_validated: BTreeMap::from([("a".into(), Some(mrr_rank)), ("b".into(), Some(mrr_rank))]),
            cases: (3, 2),
            digest: "d".into(),
        }
    }

    #[test]
    fn only_numbers_change_and_comments_stay() {
        let text = rewrite(SHIPPED, &learned(2)).unwrap();
        let (read, new) = (Ranker::parse(&text).unwrap(), learned(2).ranker);
        assert_eq!(read.weight(Feature::Newer), -0.125);
        assert_eq!(read.probability, new.probability);
        let note = read.learned.unwrap();
        assert_eq!((note.cases, note.failures, note.mrr, note.top_5), (3, 2, 0.5, 1.0));
        let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(comments(&text), comments(SHIPPED));
        assert_eq!(text.matches("meaning = ").count(), SHIPPED.matches("meaning = ").count());
        assert_eq!(rewrite(&text, &learned(2)).unwrap(), text, "twice the same");
    }

    #[test]
    fn weights_that_backtest_better_are_not_to_be_overwritten() {
        let settings = Settings::default();
        let file = Ranker::parse(&rewrite(SHIPPED, &learned(2)).unwrap()).unwrap();
        let same = |rank| standing(&learned(rank), &file, &[], &settings).unwrap();
        assert!(same(3).is_worse() && !same(2).is_worse() && !same(1).is_worse());
        let mut elsewhere = file;
        elsewhere.learned = None;
        let other = |rank| standing(&learned(rank), &elsewhere, &[Some(2), Some(2)], &settings).unwrap();
        assert!(other(3).is_worse() && !other(1).is_worse());
    }

    #[test]
    fn what_is_no_file_of_weights_is_refused() {
        let check = |text: &str, expect: &str| {
            let error = rewrite(text, &learned(1)).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check("version = ", "value");
        check("version = 2", "it has no [[feature]]");
    }
}
