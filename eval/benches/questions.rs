//! A thousand questions over the whole history of a large repository, two at once, as a backtest asks them: first with the
//! commit cache empty, then with it filled; and beside each, in the same run, plain BM25 over the same candidates, read
//! from the same source in the same way. Seconds, milliseconds a question, and the anonymous memory it took.
//!
//! `cargo bench -p hearback-eval --bench questions -- [--repo PATH --until TIME] [--questions N] [--answers FILE]`. Without
//! a repository one of more than 100,000 commits is made once. The questions are made up from commits drawn with a fixed
//! seed, so what they say of the ranker is nothing; what they cost is what real ones cost. `--answers` writes a digest of
//! each answer with its snapshots and of everything measured: two versions that answer alike write the same file.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use hearback_core::happening::Question;
use hearback_core::hash::{Digest, canonical_json};
use hearback_core::ports::{ChangeQuery, ChangeSource};
use hearback_core::{Catalog, Change, ChangeId, ExternalText};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::analysts::culprit::rules::CulpritRules;
use hearback_engine::asking::WHAT_CHANGED;
use hearback_engine::calibration::Calibration;
use hearback_engine::driver::{self, Context, Sources};
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::ranker::Ranker;
use hearback_engine::signals::Signals;
use hearback_eval::baselines::baselines;
use hearback_eval::case::Case;
use hearback_eval::checked::{CheckedRun, OfLeaks};
use hearback_eval::outcome::Outcome;
use hearback_eval::resample::{Dice, Purpose, quantile};
use hearback_eval::run::{Bench, window};
use hearback_git::{CommitCache, GitChangeSource, GitOptions};
use hearback_testkit::long_history;
use hearback_testkit::memory::Memory;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

const AT_ONCE: usize = 2;
const DAYS: u32 = 30;
const REPO: &str = "bench";
const SEED: u64 = 4;
const BUDGET: SignedDuration = SignedDuration::from_mins(5);
/// A question is asked this long after its culprit, in minutes: as often under an hour as over a day.
const SOONEST: f64 = 5.0;
const LATEST: f64 = 14.0 * 24.0 * 60.0;
/// What people say of any failure.
const NOISE: &[&str] = &[
    "alert",
    "broken",
    "complain",
    "customers",
    "down",
    "errors",
    "failing",
    "fails",
    "latency",
    "logs",
    "monitoring",
    "paging",
    "production",
    "requests",
    "slow",
    "spike",
    "stuck",
    "suddenly",
    "timeout",
    "unable",
    "users",
    "warning",
];
/// The targets.
const MOST_SECONDS: f64 = 60.0;
const MOST_MB: f64 = 1024.0;
/// Clock ticks a second in /proc, on every Linux there is.
const TICKS: f64 = 100.0;

struct Arguments {
    repo: PathBuf,
    until: Timestamp,
    questions: usize,
    answers: Option<PathBuf>,
}

fn arguments() -> Arguments {
    let (mut repo, mut until, mut questions, mut answers) = (None, None, 1_000, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--repo" => repo = words.next().map(PathBuf::from),
            "--until" => until = words.next().map(|text| text.parse().unwrap()),
            "--questions" => questions = words.next().unwrap().parse().unwrap(),
            "--answers" => answers = words.next().map(PathBuf::from),
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
    Arguments { repo, until, questions, answers }
}

fn main() {
    let arguments = arguments();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(AT_ONCE).enable_time().build().unwrap();
    let all = history(&arguments.repo, arguments.until);
    let cases = runtime.block_on(cases(&arguments, &all));
    println!(
        "{} questions over {DAYS} days each, on {} commits, {AT_ONCE} at once, {} cores",
        cases.len(),
        all.len(),
        std::thread::available_parallelism().unwrap()
    );

    let folder = tempfile::tempdir().unwrap();
    let [ours, plain] = ["ours.db", "plain.db"].map(|name| folder.path().join(name));
    let (mut figures, mut outcomes) = (Vec::new(), Vec::new());
    for state in ["empty", "filled"] {
        // Opened anew each time: what is filled is the cache, not what the process remembers.
        let source = open(&arguments.repo, Some(&ours));
        let (pass, came) = Pass::measure(|| runtime.block_on(ask(source, &cases)));
        let source = open(&arguments.repo, Some(&plain));
        let (beside, _) = Pass::measure(|| runtime.block_on(rank_plainly(source, &cases)));
        pass.line(&format!("cache {state}"), None);
        beside.line("plain BM25", Some(&pass));
        figures.push((state, pass, beside));
        outcomes.push(came);
    }
    for pair in outcomes.windows(2) {
        let each = pair.iter().flatten().map(timeless).collect::<Vec<_>>();
        let (empty, filled) = each.split_at(cases.len());
        let other = empty.iter().zip(filled).find(|(empty, filled)| empty != filled);
        assert!(other.is_none(), "the cache changed an answer: {other:?}");
    }

    let mut candidates: Vec<f64> =
        outcomes.first().unwrap().iter().map(|outcome| f64::from(outcome.candidates)).collect();
    candidates.sort_by(f64::total_cmp);
    let candidates = quantile(&candidates, 0.5).unwrap_or_default();
    println!("{:>14} {candidates:>9.0} in the median", "candidates");
    let (_, empty, _) = figures.first().unwrap();
    let peak_mb = figures.iter().map(|(_, pass, _)| pass.peak_mb).fold(0.0, f64::max);
    println!(
        "at most {MOST_SECONDS} s: {}; at most {MOST_MB} MB: {}",
        met(empty.seconds <= MOST_SECONDS),
        met(peak_mb <= MOST_MB)
    );
    let mut json = format!(
        "{{\"bench\":\"questions\",\"commits\":{},\"questions\":{},\"candidates\":{candidates:.0}",
        all.len(),
        cases.len()
    );
    for (state, pass, beside) in &figures {
        let [p50, p95] = pass.percentiles();
        let _ = write!(
            json,
            ",\"{state}_s\":{:.1},\"{state}_cpu_s\":{:.1},\"{state}_p50_ms\":{p50:.1},\"{state}_p95_ms\":{p95:.1},\
             \"{state}_bm25_s\":{:.1},\"{state}_bm25_cpu_s\":{:.1},\"{state}_ratio\":{:.2}",
            pass.seconds,
            pass.cpu_s,
            beside.seconds,
            beside.cpu_s,
            pass.seconds / beside.seconds
        );
    }
    println!("{json},\"peak_anon_mb\":{peak_mb:.1}}}");

    if let Some(file) = arguments.answers {
        let source: Arc<dyn ChangeSource> = open(&arguments.repo, Some(&ours));
        let told = runtime.block_on(answers(source, &cases));
        std::fs::write(file, told).unwrap();
    }
}

fn open(repo: &Path, cache: Option<&Path>) -> Arc<GitChangeSource> {
    let cache = cache.map(|path| Arc::new(CommitCache::open(path)));
    let options = GitOptions { cache, ..GitOptions::default() };
    Arc::new(GitChangeSource::open(repo, Some(REPO), options).unwrap())
}

/// What all questions of one kind took.
struct Pass {
    seconds: f64,
    cpu_s: f64,
    ms: Vec<f64>,
    peak_mb: f64,
}

impl Pass {
    fn measure<T>(work: impl FnOnce() -> Vec<(f64, T)>) -> (Pass, Vec<T>) {
        let (memory, cpu, start) = (Memory::watch(), cpu_s(), Instant::now());
        let (mut ms, came): (Vec<f64>, Vec<T>) = work().into_iter().unzip();
        let (seconds, cpu_s) = (start.elapsed().as_secs_f64(), cpu_s() - cpu);
        ms.sort_by(f64::total_cmp);
        (Pass { seconds, cpu_s, ms, peak_mb: memory.peak_mb() }, came)
    }

    fn percentiles(&self) -> [f64; 2] {
        [0.5, 0.95].map(|share| quantile(&self.ms, share).unwrap_or_default())
    }

    fn line(&self, what: &str, beside: Option<&Pass>) {
        let [p50, p95] = self.percentiles();
        let ratio = beside.map_or(String::new(), |ours| {
            format!("; the questions took {:.2} × that", ours.seconds / self.seconds)
        });
        println!(
            "{what:>14} {:>9.1} s, {:.1} s of processor time; {p50:.1} ms a question in the median, {p95:.1} p95; {:.0} MB \
             anonymous at most{ratio}",
            self.seconds, self.cpu_s, self.peak_mb
        );
    }
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

/// The seconds of processor time this process took.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / TICKS).sum()
}

fn bench(source: Arc<dyn ChangeSource>) -> Bench {
    Bench {
        ranker: Ranker::parse(include_str!("../../config/ranker.toml")).unwrap(),
        signals: Signals::parse(include_str!("../../config/signals.toml")).unwrap(),
        culprit: CulpritRules::parse(include_str!("../../config/culprit.toml")).unwrap(),
        repositories: BTreeMap::from([(REPO.to_owned(), source)]),
    }
}

async fn ask(source: Arc<GitChangeSource>, cases: &[Case]) -> Vec<(f64, Outcome)> {
    let mut run = CheckedRun::new(Arc::new(bench(source)), cases.to_vec(), AT_ONCE, OfLeaks::Tell);
    let mut came = Vec::new();
    while let Some(checked) = run.next().await {
        came.push(checked.unwrap().ran.unwrap().unwrap().outcome);
    }
    came.sort_by(|a, b| a.id.cmp(&b.id));
    came.into_iter().map(|outcome| (outcome.ms, outcome)).collect()
}

fn timeless(outcome: &Outcome) -> Outcome {
    Outcome { ms: 0.0, ..outcome.clone() }
}

/// BM25 over message and paths and nothing else, in the order and the number at once in which a run asks.
async fn rank_plainly(source: Arc<GitChangeSource>, cases: &[Case]) -> Vec<(f64, Option<u32>)> {
    let mut waiting = cases.to_vec();
    waiting.sort_by_key(|case| case.as_of);
    let (mut tasks, mut came) = (JoinSet::new(), Vec::new());
    loop {
        while tasks.len() < AT_ONCE
            && let Some(case) = waiting.pop()
        {
            let source = Arc::clone(&source);
            tasks.spawn(async move {
                let start = Instant::now();
                let query = ChangeQuery { window: window(&case), budget: BUDGET };
                let changes = source.changes(&query).await.unwrap().items;
                let candidates: Vec<&Change> =
                    changes.iter().filter(|change| change.id.sha().is_some() && !change.is_merge()).collect();
                let culprits: BTreeSet<&str> = case.culprit_shas.iter().map(String::as_str).collect();
                let found = baselines(&case.symptom_text, case.as_of, &candidates, &culprits);
                (start.elapsed().as_secs_f64() * 1e3, found.ranks.bm25)
            });
        }
        match tasks.join_next().await {
            Some(done) => came.push(done.unwrap()),
            None => return came,
        }
    }
}

/// A digest of every answer, of the snapshots it rests on, and of everything that was measured.
async fn answers(source: Arc<dyn ChangeSource>, cases: &[Case]) -> String {
    let (asked, mut told) = (bench(Arc::clone(&source)), String::new());
    for case in cases {
        let question = Question {
            text: WHAT_CHANGED.into(),
            symptom: ExternalText::new(case.symptom_text.as_str()),
            services: Vec::new(),
            window: window(case),
            onset: None,
            message: None,
            thread: None,
        };
        let context = Context {
            ranker: &asked.ranker,
            calibration: Some(&Calibration::as_learned()),
            signals: &asked.signals,
            culprit: &asked.culprit,
            experts: &ExpertSettings::default(),
            policy: &AuthorisationPolicy::default(),
            catalog: &Catalog::default(),
            gaps: &[],
            sources: &Sources { changes: vec![Arc::clone(&source)], ..Sources::default() },
            incident: None,
            budget: BUDGET,
        };
        let answered = driver::answer(context, &question).await.unwrap();
        let answer = Digest::of(canonical_json(&answered.answer).unwrap().as_bytes());
        let standings = Digest::of(format!("{:?}", answered.standings).as_bytes());
        let snapshots: Vec<String> =
            answered.snapshots.iter().map(|snapshot| format!("{:?}", snapshot.id)).collect();
        let _ = writeln!(told, "{} {answer} {standings} {}", case.id, snapshots.join(" "));
    }
    told
}

/// The commits of a repository that are no merges, with the seconds since 1970 at which they were committed.
fn history(repo: &Path, until: Timestamp) -> Vec<(String, i64)> {
    let before = format!("--until={}", until.as_second() - 1);
    let listed = git(repo, &["log", "--no-merges", "--format=%H %ct", &before], "");
    let commit = |line: &str| {
        let (sha, at_s) = line.split_once(' ')?;
        Some((sha.to_owned(), at_s.parse().ok()?))
    };
    listed.lines().filter_map(commit).collect()
}

fn git(repo: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("git");
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_NO_LAZY_FETCH", "1")
        .arg("-C")
        .arg(repo)
        .args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    // From a thread: git begins to answer before it has read all.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "git {arguments:?} failed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a symptom is made of.
#[derive(Default)]
struct Told {
    message: Vec<String>,
    files: Vec<String>,
    lines: Vec<String>,
}

async fn cases(arguments: &Arguments, all: &[(String, i64)]) -> Vec<Case> {
    let mut dice = Dice::new(SEED, Purpose::Scores);
    let drawn: Vec<(String, i64)> =
        (0..arguments.questions).filter_map(|_| all.get(dice.below(all.len())).cloned()).collect();
    let told = told(&arguments.repo, &drawn).await;
    let case = |(number, (sha, at_s)): (usize, &(String, i64))| {
        let minutes = (SOONEST.ln() + dice.unit() * (LATEST / SOONEST).ln()).exp();
        let later = Timestamp::from_second(at_s + (minutes * 60.0) as i64).unwrap();
        Case {
            id: format!("{number:05}"),
            repo: REPO.to_owned(),
            as_of: later.min(arguments.until),
            symptom_text: symptom(told.get(sha).unwrap(), &mut dice),
            culprit_shas: vec![sha.clone()],
            days: DAYS,
            symptom_like: true,
            half: None,
        }
    };
    drawn.iter().enumerate().map(case).collect()
}

/// A few words of the message, now and then of a file or a changed line, among what people say of any failure.
fn symptom(told: &Told, dice: &mut Dice) -> String {
    let mut words: Vec<&str> = Vec::new();
    let noise: Vec<String> = NOISE.iter().map(|word| (*word).to_owned()).collect();
    for (from, least, more) in
        [(&told.message, 2, 3), (&told.files, 0, 2), (&told.lines, 0, 3), (&noise, 4, 5)]
    {
        for _ in 0..least + dice.below(more) {
            words.extend(from.get(dice.below(from.len())).map(String::as_str));
        }
    }
    for last in (1..words.len()).rev() {
        words.swap(last, dice.below(last + 1));
    }
    words.join(" ")
}

async fn told(repo: &Path, drawn: &[(String, i64)]) -> HashMap<String, Told> {
    let shas: Vec<&str> = drawn.iter().map(|(sha, _)| sha.as_str()).collect();
    let arguments = ["log", "--no-walk=unsorted", "--stdin", "--name-only", "--format=%x01%H%n%B%x02"];
    let listed = git(repo, &arguments, &shas.join("\n"));
    let mut all: HashMap<String, Told> = HashMap::new();
    for commit in listed.split('\u{1}').skip(1) {
        let (head, files) = commit.split_once('\u{2}').unwrap();
        let (sha, message) = head.split_once('\n').unwrap();
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let files = files.lines().filter(|line| !line.is_empty()).map(name).collect();
        all.insert(sha.to_owned(), Told { message: words(message), files, lines: Vec::new() });
    }
    // A source of its own, so that nothing it read is known later.
    let source = open(repo, None);
    let ids: Vec<ChangeId> = shas.iter().map(|sha| ChangeId::commit(REPO, sha).unwrap()).collect();
    for some in ids.chunks(100) {
        for diff in source.diffs(some, BUDGET).await.unwrap() {
            let lines = diff.files.iter().flat_map(|file| &file.lines).take(50);
            let found = lines.flat_map(|line| words(line.text.as_untrusted())).collect();
            all.get_mut(diff.change.sha().unwrap()).unwrap().lines = found;
        }
    }
    all
}

fn words(text: &str) -> Vec<String> {
    let is_word =
        |word: &&str| (4..=30).contains(&word.len()) && word.bytes().any(|b| b.is_ascii_lowercase());
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(is_word).map(str::to_owned).collect()
}
