//! A repository of more than 100,000 commits, made with `git fast-import` once: 2,000 files in nested folders, one to
//! five files a commit, a merged branch now and then, and some 300 commits in the last seven days.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Timestamp;

const COMMITS: u64 = 105_000;
const FILES: u64 = 2_000;
const END_S: u64 = 1_703_980_800;
/// One commit each half hour: about 336 in seven days.
const STEP_S: u64 = 1_800;
/// Part of the folder's name; changes with the recipe.
const RECIPE: u32 = 1;

/// The repository, made if it is not there, and the time its last commit was made before.
pub fn repository() -> (PathBuf, Timestamp) {
    let path = std::env::temp_dir().join(format!("hearback-bench-{RECIPE}-{COMMITS}.git"));
    if !path.join("made").exists() {
        println!("making a repository of {COMMITS} commits at {}; once, about a minute", path.display());
        let _ = std::fs::remove_dir_all(&path);
        make(&path);
        std::fs::write(path.join("made"), "").unwrap();
    }
    (path, Timestamp::from_second(END_S as i64).unwrap())
}

fn make(path: &Path) {
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").arg("-C").arg(path).args(args);
        command
    };
    std::fs::create_dir_all(path).unwrap();
    assert!(git(&["init", "-q", "--bare", "-b", "main"]).status().unwrap().success());
    let mut import = git(&["fast-import", "--quiet", "--depth=50"]).stdin(Stdio::piped()).spawn().unwrap();
    write_stream(&mut BufWriter::new(import.stdin.take().unwrap())).unwrap();
    assert!(import.wait().unwrap().success());
    // As a clone from a server would be: one pack, deltas found by git.
    assert!(git(&["repack", "-adfq", "--depth=50", "--window=10"]).status().unwrap().success());
}

fn write_stream(out: &mut impl Write) -> std::io::Result<()> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut files: Vec<Vec<u32>> = Vec::new();
    let start_s = END_S - COMMITS * STEP_S;
    let mut branch_tip = None;
    for number in 1..=COMMITS {
        let at_s = start_s + (number - 1) * STEP_S + random.below(STEP_S);
        // Of forty commits the 35th and 36th are on a branch, which the 39th merges.
        let place = number % 40;
        let on_branch = number > 40 && (place == 35 || place == 36);
        let merges = place == 39 && branch_tip.is_some();
        let branch = if on_branch { "refs/heads/side" } else { "refs/heads/main" };
        write!(out, "commit {branch}\nmark :{number}\n")?;
        let who = random.below(40);
        writeln!(out, "author Person {who} <p{who}@example.com> {at_s} +0000")?;
        writeln!(out, "committer Person {who} <p{who}@example.com> {at_s} +0000")?;
        let message = format!("Change {number}\n\nIt was needed for reason {}.\n", random.below(1000));
        write!(out, "data {}\n{message}\n", message.len())?;
        if place == 35 && on_branch {
            writeln!(out, "from :{}", number - 1)?;
        } else if place == 37 && branch_tip.is_some() {
            writeln!(out, "from :{}", number - 3)?;
        }
        if merges {
            writeln!(out, "merge :{}", branch_tip.take().unwrap_or(number - 1))?;
            writeln!(out)?;
            continue;
        }
        if on_branch && place == 36 {
            branch_tip = Some(number);
        }
        for _ in 0..=random.below(5).min(random.below(6)) {
            let file = if (files.len() as u64) < FILES && (number < FILES || random.below(40) == 0) {
                files.push((0..20 + random.below(400) as u32).collect());
                files.len() - 1
            } else {
                // Some files are changed far more often than others.
                (random.below(files.len() as u64).min(random.below(files.len() as u64))) as usize
            };
            edit(&mut files, file, number, &mut random);
            let text = render(files.get(file).map_or(&[], Vec::as_slice));
            write!(out, "M 100644 inline {}\ndata {}\n{text}\n", name(file), text.len())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn edit(files: &mut [Vec<u32>], file: usize, number: u64, random: &mut Random) {
    let Some(lines) = files.get_mut(file) else { return };
    for _ in 0..=random.below(4) {
        let at = random.below(lines.len() as u64) as usize;
        match random.below(5) {
            0 if lines.len() > 20 => {
                lines.remove(at);
            }
            1 | 2 if lines.len() < 800 => {
                for extra in 0..=random.below(6) as u32 {
                    lines.insert(at, number as u32 * 10 + extra);
                }
            }
            _ => {
                if let Some(line) = lines.get_mut(at) {
                    *line = number as u32 * 10 + 9;
                }
            }
        }
    }
}

fn render(lines: &[u32]) -> String {
    let mut text = String::with_capacity(lines.len() * 40);
    for line in lines {
        let _ = match line % 7 {
            0 => writeln!(text, "}}"),
            1 => writeln!(text),
            _ => writeln!(text, "    let value_{line} = compute({}, {line});", line % 97),
        };
    }
    text
}

fn name(file: usize) -> String {
    format!("services/s{}/src/module{}/part{}/file{file}.rs", file % 12, file % 60 / 12, file % 300 / 60)
}

/// A small generator (xorshift), so that the repository is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
