//! Writes the bundled incidents from their scenarios, or checks that the committed files are what the scenarios
//! tell. A tool of this repository; users never run it.
#![allow(clippy::print_stdout, reason = "a command-line tool says what it did")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use hearback_testkit::scenario::bundled;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let write = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--write"] => true,
        ["--check"] => false,
        _ => bail!("say --write to write the bundled incidents, or --check to compare them"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut outdated = false;
    for (file, record) in bundled() {
        let path = root.join(file);
        let text = record.to_json_lines()?;
        let is_current = std::fs::read_to_string(&path).is_ok_and(|committed| committed == text);
        match (is_current, write) {
            (true, _) => println!("{file} is what its scenario tells"),
            (false, true) => {
                let folder = path.parent().context("a bundled file lies in a folder")?;
                std::fs::create_dir_all(folder)?;
                std::fs::write(&path, text).with_context(|| format!("can't write {file}"))?;
                println!("{file} written, {} entries", record.entries.len());
            }
            (false, false) => {
                println!("{file} is not what its scenario tells; run: make scenarios");
                outdated = true;
            }
        }
    }
    Ok(if outdated { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
