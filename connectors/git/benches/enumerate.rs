//! Enumerates the last days of a large repository in process and with `git log`, in one run: the ratio of the medians
//! with the cache empty and filled, and the anonymous memory it took.
//!
//! `cargo bench -p hearback-git -- [--repo PATH --until TIME] [--days N] [--runs N]`. Without a repository one of
//! more than 100,000 commits is made once and kept in the system's folder for temporary files.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearback_core::Window;
use hearback_core::change::ChangeKind;
use hearback_core::ports::{ChangeQuery, ChangeSource};
use hearback_git::{CommitCache, GitChangeSource, GitOptions};
use hearback_testkit::long_history;
use hearback_testkit::memory::Memory;
use jiff::{SignedDuration, Timestamp};

struct Arguments {
    repo: PathBuf,
    until: Timestamp,
    days: i64,
    runs: usize,
}

fn arguments() -> Arguments {
    let mut repo = None;
    let mut until = None;
    let (mut days, mut runs) = (7, 9);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--repo" => repo = words.next().map(PathBuf::from),
            "--until" => until = words.next().map(|text| text.parse().unwrap()),
            "--days" => days = words.next().unwrap().parse().unwrap(),
            "--runs" => runs = words.next().unwrap().parse().unwrap(),
            // Cargo's own.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    let (repo, until) = match repo {
        Some(repo) => (repo, until.unwrap_or_else(|| panic!("--repo needs --until"))),
        None => long_history::repository(|path, commits| {
            println!("making a repository of {commits} commits at {}; once, a minute or two", path.display());
        })
        .unwrap(),
    };
    Arguments { repo, until, days, runs }
}

fn main() {
    let arguments = arguments();
    let window = Window::before(arguments.until, SignedDuration::from_hours(24 * arguments.days));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (mut git, mut bare, mut cold, mut warm) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut commits = 0;
    let memory = Memory::watch();
    for run in 0..arguments.runs {
        // Interleaved, so that a noisy neighbour disturbs all alike. Every run opens the repository anew.
        let path = dir.path().join(format!("cache-{run}.db"));
        let mut question = |cache: bool| {
            let start = Instant::now();
            let cache = cache.then(|| Arc::new(CommitCache::open(&path)));
            let options = GitOptions { cache, ..GitOptions::default() };
            let source = GitChangeSource::open(&arguments.repo, None, options).unwrap();
            let query = ChangeQuery { window, budget: SignedDuration::from_mins(10) };
            let fetched = runtime.block_on(source.changes(&query)).unwrap();
            commits = fetched.items.iter().filter(|c| c.kind == ChangeKind::Commit).count();
            start.elapsed()
        };
        bare.push(question(false));
        cold.push(question(true));
        warm.push(question(true));
        git.push(git_log(&arguments.repo, window));
    }
    let peak_mb = memory.peak_mb();
    let [git, bare, cold, warm] = [git, bare, cold, warm].map(median_ms);
    println!("{commits} commits in {} days, median of {} runs", arguments.days, arguments.runs);
    for (what, ms) in [("git log", git), ("no cache", bare), ("cache empty", cold), ("cache filled", warm)] {
        println!("{what:>14} {ms:>9.1} ms {:>6.2} ×", ms / git);
    }
    println!("{:>14} {peak_mb:>9.1} MB anonymous at most", "memory");
    println!(
        "{{\"bench\":\"enumerate\",\"commits\":{commits},\"days\":{},\"runs\":{},\"git_ms\":{git:.1},\
         \"no_cache_ms\":{bare:.1},\"cold_ms\":{cold:.1},\"warm_ms\":{warm:.1},\"cold_ratio\":{:.3},\"warm_ratio\":{:.3},\
         \"peak_anon_mb\":{peak_mb:.1}}}",
        arguments.days,
        arguments.runs,
        cold / git,
        warm / git,
    );
}

fn git_log(repo: &Path, window: Window) -> Duration {
    let start = Instant::now();
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_NO_LAZY_FETCH", "1").arg("-C").arg(repo);
    command.args(["-c", "core.attributesFile=/dev/null", "log", "-z", "--no-renames", "--numstat"]);
    command.arg(format!("--since={}", window.from.as_second()));
    command.arg(format!("--until={}", window.until.as_second() - 1));
    let out = command.stderr(Stdio::null()).output().unwrap();
    let elapsed = start.elapsed();
    assert!(out.status.success() && !out.stdout.is_empty(), "git log failed or found nothing");
    elapsed
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).unwrap().as_secs_f64() * 1000.0
}
