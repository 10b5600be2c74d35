//! Measures redaction on files of one's own, by line: how many are touched, by which kinds, and how long a line takes.
//! It never prints what was taken out. With `--touched` it prints the lines that were touched, as they are after it; with
//! `--rules` the published list.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use hearback_core::redaction::{Level, Redactor, published_rules};

fn main() -> Result<(), Box<dyn Error>> {
    let (options, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let wants = |option: &str| options.iter().any(|given| given == option);
    if wants("--rules") {
        print!("{}", published_rules());
        return Ok(());
    }
    let started = Instant::now();
    let redactor = Redactor::built_in();
    let compiled = started.elapsed();
    let (mut lines, mut bytes, mut touched) = (0_u64, 0_u64, 0_u64);
    let (mut of_secrets, mut nanoseconds) = (0_u64, 0_u128);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        // What is not UTF-8 is read as the connectors read it.
        let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
        let started = Instant::now();
        for line in text.lines() {
            black_box(redactor.redact(Level::Everything, black_box(line)));
        }
        nanoseconds += started.elapsed().as_nanos();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            lines += 1;
            bytes += line.len() as u64;
            let redaction = redactor.redact(Level::Everything, line);
            if redaction.hits() == 0 {
                continue;
            }
            touched += 1;
            of_secrets += u64::from(redactor.redact(Level::Secrets, line).hits() > 0);
            if wants("--touched") {
                println!("{file}: {}", redaction.text);
            }
            for (kind, hits) in redaction.kinds {
                *kinds.entry(kind).or_default() += hits;
            }
        }
    }
    let share = |part: u64| 100.0 * part as f64 / lines.max(1) as f64;
    println!("{lines} lines that are not blank, {bytes} bytes, in {} files", files.len());
    println!(
        "touched: {touched} ({:.3} %); without e-mail addresses {of_secrets} ({:.3} %)",
        share(touched),
        share(of_secrets)
    );
    for (kind, hits) in kinds {
        println!("{hits:>8}  {kind}");
    }
    println!("{} ns a line; the rules were compiled in {compiled:?}", nanoseconds / u128::from(lines.max(1)));
    Ok(())
}
