//! How long a person waits for `hearback ask`: the real binary over five repositories with 500 changes in the window,
//! cache empty and filled, beside `git log --since --numstat` over the same repositories in the same run.
//!
//! `cargo bench -p hearback-e2e`; the binary must be built with the same profile (`make bench` does).

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may stop anywhere"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hearback_e2e::Home;

const REPOSITORIES: usize = 5;
/// Commits of each repository; the last [`IN_WINDOW`] of them lie inside the window.
const COMMITS: u64 = 5_000;
const IN_WINDOW: u64 = 100;
const RUNS: usize = 40;
/// 2026-03-02T14:00:00Z.
const UNTIL_S: u64 = 1_772_460_000;
const STEP_S: u64 = 24 * 3600 / IN_WINDOW;

fn main() {
    let home = Home::new().unwrap();
    let paths: Vec<String> =
        (0..REPOSITORIES).map(|n| home.path(format!("shop-{n}"))).map(|p| make(&p)).collect();
    let symptom = "checkout 5xx, TypeError in file7.js at sumTotals, connection pool exhausted";
    let mut arguments =
        vec!["ask", "--as-of", "2026-03-02T14:00Z", "--since", "24h", "--symptom", symptom, "--json"];
    arguments.extend(paths.iter().flat_map(|path| ["--repo", path.as_str()]));
    let ask = || {
        let start = Instant::now();
        let answer = home.run(&arguments).unwrap().json().unwrap();
        (start.elapsed(), answer["considered"].as_u64().unwrap_or(0))
    };
    let (cold, changes) = ask();
    let (mut warm, mut git) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        warm.push(ask().0);
        git.push(git_log(&paths));
    }
    let (p50, p95, git50) = (at(&mut warm, 50), at(&mut warm, 95), at(&mut git, 50));
    println!("{changes} changes in {REPOSITORIES} repositories, {RUNS} runs");
    println!("  cold {:>7.1} ms", ms(cold));
    println!("  warm {:>7.1} ms median, {:.1} ms p95", ms(p50), ms(p95));
    println!("  git log {:>4.1} ms median; warm ask takes {:.2} × that", ms(git50), ms(p50) / ms(git50));
    println!(
        "{{\"bench\":\"ask\",\"changes\":{changes},\"runs\":{RUNS},\"cold_ms\":{:.1},\"warm_p50_ms\":{:.1},\
         \"warm_p95_ms\":{:.1},\"git_ms\":{:.1}}}",
        ms(cold),
        ms(p50),
        ms(p95),
        ms(git50)
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The percentile by nearest rank.
fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    let rank = (times.len() * percent).div_ceil(100).max(1) - 1;
    times.get(rank).copied().unwrap()
}

fn git_log(paths: &[String]) -> Duration {
    let start = Instant::now();
    for path in paths {
        let since = format!("--since={}", UNTIL_S - 24 * 3600);
        let arguments = ["-C", path, "log", &since, "--no-renames", "--numstat"];
        let output =
            Command::new("git").env("GIT_CONFIG_GLOBAL", "/dev/null").args(arguments).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "git log failed or found nothing");
    }
    start.elapsed()
}

/// Makes a repository of small changes to 200 files with `git fast-import`.
fn make(path: &Path) -> String {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").arg("-C").arg(path).args(arguments);
        command
    };
    std::fs::create_dir_all(path).unwrap();
    assert!(git(&["init", "--quiet", "--bare", "--initial-branch=main"]).status().unwrap().success());
    let mut import = git(&["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stream = String::new();
    for n in 0..COMMITS {
        let at_s = UNTIL_S - (COMMITS - n) * STEP_S + STEP_S / 2;
        let message =
            format!("Change part {} of module {}\n\nWhy it had to be done, number {n}.\n", n % 17, n % 23);
        let _ = write!(
            stream,
            "commit refs/heads/main\ncommitter Ana <ana@shop.example> {at_s} +0000\ndata {}\n{message}\n",
            message.len()
        );
        let body: String =
            (0..60).map(|line| format!("line {line} of {}\n", if line == n % 60 { n } else { 0 })).collect();
        let _ =
            write!(stream, "M 644 inline module{}/file{}.js\ndata {}\n{body}\n", n % 23, n % 200, body.len());
    }
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    path.to_str().unwrap().to_owned()
}
