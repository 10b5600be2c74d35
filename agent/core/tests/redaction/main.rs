//! How much of what must not be seen is found: made-up secrets of many kinds in lines as they really stand in logs, and
//! lines that only look like it. Everything is generated from a seed, so that no file holds anything that looks like a
//! live key.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod lines;
mod made_up;
mod near_misses;

use std::collections::BTreeMap;

use hearback_core::redaction::{Level, Redactor};

use lines::Line;
use made_up::Chance;

/// So many lines are made of each kind.
const OF_EACH: u64 = 6;
/// A piece of a secret that is at least so long must not be left.
const PIECE: usize = 8;

/// Whether a piece of `secret` stands in `text`.
fn leaks(secret: &str, text: &str) -> bool {
    let letters: Vec<char> = secret.chars().collect();
    letters.windows(PIECE.min(letters.len())).any(|piece| text.contains(&piece.iter().collect::<String>()))
}

/// All lines, with the kind that is in each.
fn corpus(seed: u64) -> Vec<(&'static str, Line)> {
    let mut corpus = Vec::new();
    for (place, kind) in (0..).zip(made_up::KINDS) {
        for number in 0..OF_EACH {
            let mut chance = Chance::new(seed * 1_000_003 + place * 101 + number);
            corpus.push((kind.name, lines::carrying(&(kind.make)(&mut chance), &mut chance)));
        }
    }
    corpus
}

#[test]
fn made_up_secrets_are_found_wherever_they_stand() {
    let redactor = Redactor::built_in();
    let corpus = corpus(1);
    assert!(
        corpus.len() >= 250 && made_up::KINDS.len() >= 30,
        "{} of {}",
        corpus.len(),
        made_up::KINDS.len()
    );
    let mut missed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, line) in &corpus {
        let redaction = redactor.redact(Level::Everything, &line.text);
        if line.secrets.iter().any(|secret| leaks(secret, &redaction.text)) {
            missed.entry(kind).or_default().push(format!("{}\n      => {}", line.text, redaction.text));
        }
    }
    let count: usize = missed.values().map(Vec::len).sum();
    let recall = 1.0 - count as f64 / corpus.len() as f64;
    println!("{} secrets of {} kinds, {:.2} % found", corpus.len(), made_up::KINDS.len(), 100.0 * recall);
    let told: Vec<String> = missed
        .iter()
        .map(|(kind, lines)| format!("{kind}: {}\n  {}", lines.len(), lines.join("\n  ")))
        .collect();
    assert!(recall >= 0.99, "{recall:.4}:\n{}", told.join("\n"));
}

#[test]
fn no_kind_is_missed_again_and_again() {
    let redactor = Redactor::built_in();
    let mut missed: BTreeMap<&str, usize> = BTreeMap::new();
    let seeds = 2..12;
    for (kind, line) in seeds.clone().flat_map(corpus) {
        let clean = redactor.redact(Level::Everything, &line.text).text;
        if line.secrets.iter().any(|secret| leaks(secret, &clean)) {
            println!("{kind}: {}", line.text);
            *missed.entry(kind).or_default() += 1;
        }
    }
    let most = seeds.count() * OF_EACH as usize / 20;
    let bad: Vec<_> = missed.iter().filter(|(_, count)| **count > most).collect();
    println!("missed, of {} each: {missed:?}", 10 * OF_EACH);
    assert!(bad.is_empty(), "more than one in twenty is missed of {bad:?}");
}

#[test]
fn a_line_around_a_secret_stays_readable() {
    let redactor = Redactor::built_in();
    for (kind, line) in corpus(1) {
        let clean = redactor.redact(Level::Everything, &line.text).text;
        for word in &line.stays {
            assert!(clean.contains(word.as_str()), "{kind}: {word:?} is gone from {clean}");
        }
    }
}

#[test]
fn what_only_looks_like_a_secret_stays() {
    let redactor = Redactor::built_in();
    let mut touched = Vec::new();
    let lines: Vec<String> = (0..20).flat_map(|seed| near_misses::lines(&mut Chance::new(seed))).collect();
    for line in &lines {
        let redaction = redactor.redact(Level::Everything, line);
        if redaction.hits() > 0 {
            touched.push(format!("{line}\n  => {}", redaction.text));
        }
    }
    let share = touched.len() as f64 / lines.len() as f64;
    println!("{} of {} near misses touched", touched.len(), lines.len());
    assert!(share <= 0.005, "{share:.4}:\n{}", touched.join("\n"));
}
