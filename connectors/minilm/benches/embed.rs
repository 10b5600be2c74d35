//! Tokens a second of [`MiniLm`] beside those of the Python package sentence-transformers: the same weights, texts and
//! number of threads, in the same run, in turns, so that a noisy neighbour disturbs both alike.
//!
//! `cargo bench -p hearback-minilm --bench embed -- [--python PATH] [--threads N] [--runs N]`. PATH is a Python that has
//! sentence-transformers; without one, its side is said not to be measured.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use hearback_core::memory::store::{EmbedAs, Embedder as _};
use hearback_minilm::MiniLm;
use jiff::SignedDuration;

struct Arguments {
    python: Option<PathBuf>,
    threads: NonZeroUsize,
    runs: usize,
}

fn arguments() -> Arguments {
    let here = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut arguments = Arguments { python: None, threads: here, runs: 7 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--python" => arguments.python = words.next().map(PathBuf::from),
            "--threads" => arguments.threads = words.next().unwrap().parse().unwrap(),
            "--runs" => arguments.runs = words.next().unwrap().parse().unwrap(),
            // Cargo's own.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    arguments
}

/// Where `make model` puts it.
fn folder() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/model");
    let told = Command::new(script).arg("--where").output().unwrap();
    PathBuf::from(String::from_utf8(told.stdout).unwrap().trim())
}

/// The Python side, ready to be asked.
struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Python {
    fn start(python: &Path, folder: &Path, threads: NonZeroUsize) -> Result<Self, String> {
        let can =
            Command::new(python).args(["-c", "import sentence_transformers"]).stderr(Stdio::null()).status();
        if !can.is_ok_and(|status| status.success()) {
            return Err(format!("{} has no sentence-transformers", python.display()));
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/sentences.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder)
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut python = Python { child, to, from };
        match python.line().trim() {
            "null" => Ok(python),
            other => Err(format!("sentence-transformers did not start: {other:?}")),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line
    }

    fn encode(&mut self, texts: &[String]) -> Duration {
        writeln!(self.to, "{}", serde_json::to_string(texts).unwrap()).unwrap();
        Duration::from_secs_f64(self.line().trim().parse().expect("seconds"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sentences of an incident channel, the same on every machine.
struct Writer(u64);

impl Writer {
    const WORDS: &[&str] = &[
        "the",
        "checkout",
        "service",
        "failed",
        "after",
        "deploy",
        "because",
        "database",
        "connections",
        "ran",
        "out",
        "rollback",
        "of",
        "version",
        "fixed",
        "latency",
        "rose",
        "to",
        "seconds",
        "queue",
        "was",
        "full",
        "and",
        "we",
        "restarted",
        "pods",
        "in",
        "eu-west-1",
        "error",
        "500",
        "timeout",
        "payment",
        "gateway",
        "certificate",
        "expired",
        "memory",
        "leak",
        "canary",
        "flag",
        "new-pricing",
        "customers",
        "could",
        "not",
        "pay",
        "migration",
        "locked",
        "orders",
        "table",
        "alert",
        "fired",
        "at",
        "14:02",
        "UTC",
        "until",
    ];

    fn next(&mut self, below: usize) -> usize {
        // Knuth's MMIX generator; its upper bits are good enough for words.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % below
    }

    fn text(&mut self, words: usize) -> String {
        let words: Vec<&str> = (0..words).map(|_| Self::WORDS[self.next(Self::WORDS.len())]).collect();
        words.join(" ")
    }

    fn texts(&mut self, count: usize, fewest: usize, most: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                let words = fewest + self.next(most - fewest + 1);
                self.text(words)
            })
            .collect()
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let arguments = arguments();
    let (folder, threads) = (folder(), arguments.threads);
    let begun = Instant::now();
    let model = MiniLm::open(&folder, threads).unwrap();
    println!("MiniLm on {threads} threads, opened in {} ms", begun.elapsed().as_millis());
    let python = arguments.python.as_deref().ok_or_else(|| "say --python PATH".to_owned());
    let mut python = match python.and_then(|python| Python::start(python, &folder, threads)) {
        Ok(python) => Some(python),
        Err(why) => {
            println!("not measured: sentence-transformers ({why})");
            None
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut writer = Writer(2026);
    let cases = [
        ("passages, 10 to 180 words", writer.texts(256, 10, 180)),
        ("long passages, cut at 256 tokens", writer.texts(64, 220, 260)),
        ("sentences, 5 to 20 words", writer.texts(512, 5, 20)),
        ("one question, 8 words", writer.texts(1, 8, 8)),
    ];
    for (name, texts) in cases {
        let tokens: usize = texts.iter().map(|text| model.tokens(text).unwrap().len()).sum();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        // The first turn warms both up and is not counted.
        for turn in 0..=arguments.runs {
            let begun = Instant::now();
            let budget = SignedDuration::from_mins(10);
            let vectors = runtime.block_on(model.embed(&texts, EmbedAs::Passage, budget)).unwrap();
            let our_time = begun.elapsed();
            assert_eq!(vectors.len(), texts.len());
            let their_time = python.as_mut().map(|python| python.encode(&texts));
            if turn > 0 {
                ours.push(our_time);
                theirs.extend(their_time);
            }
        }
        let per_second = |time: Duration| tokens as f64 / time.as_secs_f64();
        let ours = median(ours);
        print!(
            "{name}: {} texts, {tokens} tokens, median of {}: {:.1} ms, {:.0} tokens/s",
            texts.len(),
            arguments.runs,
            ours.as_secs_f64() * 1000.0,
            per_second(ours),
        );
        if theirs.is_empty() {
            println!("; sentence-transformers not measured");
        } else {
            let theirs = median(theirs);
            println!(
                "; sentence-transformers {:.1} ms, {:.0} tokens/s; ratio {:.2}",
                theirs.as_secs_f64() * 1000.0,
                per_second(theirs),
                theirs.as_secs_f64() / ours.as_secs_f64(),
            );
        }
    }
}
