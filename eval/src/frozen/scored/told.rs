//! What answers about frozen incidents are worth, as a tired person reads it: a table, then a line for each case that was
//! not right. It must not know how anything was counted.

use std::fmt::Write as _;

use super::{Kept, Marks, Scored, Share, Sums, Variants};

/// More digits of a sha help nobody.
const DIGITS: usize = 10;

/// The sums as a table, and each case that was not right in a line.
pub fn text(sums: &Sums, cases: &[Scored]) -> String {
    let mut text = format!("{} frozen incidents\n\n", sums.n);
    let _ = writeln!(text, "{:<24}{:>8}{:>8}{:>12}", "", "right", "wrong", "can't tell");
    let rows = [
        ("culprit", sums.culprit),
        ("  a change did it", sums.culprit_of_changes),
        ("  no change did it", sums.culprit_of_none),
        ("first failing service", sums.first_failing_service),
        ("remediation", sums.remediation),
    ];
    for (what, Marks { right, wrong, abstained }) in rows {
        let _ = writeln!(text, "{what:<24}{right:>8}{wrong:>8}{abstained:>12}");
    }
    let percent =
        |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share));
    let _ = writeln!(text, "{:<24}{:>8}", "all three", sums.all_right);
    let _ = writeln!(text, "{:<24}{:>8}", "decoys blamed", sums.decoys_blamed);
    let (precision, recall) = (percent(sums.precision), percent(sums.recall));
    let _ = writeln!(
        text,
        "{:<24}{precision:>8} of those named fail, {recall} of those that fail are named",
        "blast radius"
    );
    let lines: Vec<String> = cases
        .iter()
        .filter(|case| !case.wrong.is_empty())
        .map(|case| format!("{}: {}\n", case.id, case.wrong.join("; ")))
        .collect();
    match lines.is_empty() {
        true => text.push_str("\nNo case was wrong.\n"),
        false => text.extend(std::iter::once("\n".to_owned()).chain(lines)),
    }
    text
}

/// What other words did, as a table, and each answer that changed in a line.
pub fn variants_text(variants: &Variants, kept: &[Kept]) -> String {
    let mut text = String::new();
    let rows = [
        ("same answer in other words", variants.together),
        ("  culprit", variants.culprit),
        ("  first failing service", variants.first_failing_service),
        ("  remediation", variants.remediation),
        ("without the culprit: none or can't tell", variants.none_or_null),
        ("without the culprit: a decoy blamed", variants.decoys_blamed),
    ];
    for (what, Share { count, of }) in rows.into_iter().filter(|(_, share)| share.of > 0) {
        let share = 100.0 * f64::from(count) / f64::from(of);
        let _ = writeln!(text, "{what:<42}{count:>5} of {of:>4}{share:>7.0} %");
    }
    for case in kept.iter().filter(|case| !case.changed.is_empty()) {
        let _ = write!(text, "\n{} (seed {}): {}", case.id, case.seed, case.changed.join("; "));
    }
    if kept.iter().any(|case| !case.changed.is_empty()) {
        text.push('\n');
    }
    text
}

/// A sha by its first digits; anything else as it is.
pub(in crate::frozen) fn short(name: &str) -> String {
    let is_sha = name.len() > DIGITS && name.chars().all(|c| c.is_ascii_hexdigit());
    if is_sha { name.chars().take(DIGITS).collect() } else { name.to_owned() }
}
