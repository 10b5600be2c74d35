//! Writes the made-up incidents to a folder, so that a person can look at them: `incidents DIR`. What each was lies beside
//! it as `truth.json`. With `--other-words SEED` they are told with other words.
#![allow(clippy::print_stdout, reason = "it is for people")]

use std::error::Error;
use std::fs;
use std::path::Path;

use hearback_eval::frozen::folder::TRUTH;
use hearback_eval::frozen::{Perturbation, generator, perturb};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (dir, seed) = match args.as_slice() {
        [dir] => (dir, None),
        [dir, word, seed] if word == "--other-words" => (dir, Some(seed.parse()?)),
        _ => return Err("say where: incidents DIR [--other-words SEED]".into()),
    };
    fs::create_dir_all(dir)?;
    for (id, folder, truth) in generator::all()? {
        let path = Path::new(dir).join(&id);
        match seed {
            Some(seed) => perturb(&folder, None, seed, Perturbation::Renamed).folder.write(&path)?,
            None => {
                folder.write(&path)?;
                fs::write(path.join(TRUTH), generator::truth_text(&truth))?;
            }
        }
        println!("{id}: {}, {}, {}", truth.root_cause_commit, truth.first_failing_service, truth.remediation);
    }
    Ok(())
}
