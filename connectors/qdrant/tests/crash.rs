//! `kill -9` during puts and removals: what was acknowledged is there whole, and nothing is there half.
//!
//! Three rounds as a normal test, over one directory. The torture run:
//!
//! ```text
//! HEARBACK_TORTURE_ROUNDS=50 cargo nextest run -p hearback-qdrant --test crash --no-capture
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod samples;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use hearback_core::hash::Digest;
use hearback_core::memory::store::{PassageFilter, PassageQuery, PassageStore, Shelved};
use hearback_core::memory::{DocumentId, DocumentKind};
use hearback_qdrant::EdgeStore;
use jiff::SignedDuration;

use crate::samples::{asked, document, filed, id, second, service, space, with_vectors};

const DIR: &str = "HEARBACK_TORTURE_DIR";
/// Where the versions of this round begin.
const FIRST: &str = "HEARBACK_TORTURE_FIRST";
const DOCUMENTS: u64 = 30;
const VECTOR: [f32; 4] = [0.6, 0.8, 0.0, 0.0];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

fn name(number: u64) -> String {
    format!("doc-{number}")
}

/// A document of which everything follows from its number and its version.
fn version(number: u64, version: u64) -> Shelved {
    let parts = 1 + (number + version) % 4;
    let texts: Vec<String> =
        (0..parts).map(|part| format!("quota of doc{number} in version{version} part{part}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let shelved = filed(document(&name(number), &version.to_string(), &texts), |filed| {
        filed.kind = if version.is_multiple_of(2) { DocumentKind::Postmortem } else { DocumentKind::Runbook };
        filed.services = vec![service(if version.is_multiple_of(2) { "even" } else { "odd" })];
        filed.known_at = second(version as i64);
        filed.title = version.to_string().as_str().into();
    });
    with_vectors(shelved, &[VECTOR; 4])
}

fn say(line: &str) {
    // One write: a line that the crash cuts in two acknowledges nothing.
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The child: puts and removes until it is killed, and prints what was acknowledged. Run by the test below alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that the crash test starts and kills"]
async fn child_puts_until_it_is_killed() {
    let dir = std::env::var(DIR).expect("started by the crash test, which names the directory");
    let store = EdgeStore::open(Path::new(&dir), Some(space())).await.unwrap();
    for step in setting(FIRST, 0).. {
        let numbers: Vec<u64> = (0..1 + step % 5).map(|more| (step * 7 + more * 3) % DOCUMENTS).collect();
        if step % 11 == 10 {
            let ids: Vec<DocumentId> = numbers.iter().map(|number| id(&name(*number))).collect();
            store.remove(&ids).await.unwrap();
            numbers.iter().for_each(|number| say(&format!("gone {number} {step}")));
        } else {
            store.put(numbers.iter().map(|number| version(*number, step)).collect()).await.unwrap();
            numbers.iter().for_each(|number| say(&format!("there {number} {step}")));
        }
        if step % 37 == 36 {
            store.tidy().await.unwrap();
        }
    }
}

/// What was acknowledged of a document last: at which step, and whether it was put there.
type Acknowledged = BTreeMap<u64, (u64, bool)>;

/// Runs a child from step `first` until `enough` acknowledgements came, and kills it. Says the last step it told of.
fn run_child(dir: &Path, first: u64, enough: usize, last: &mut Acknowledged) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_puts_until_it_is_killed", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut line, mut came, mut step) = (String::new(), 0, first);
    while lines.read_line(&mut line).unwrap() > 0 {
        let words: Vec<&str> = line.strip_suffix('\n').unwrap_or_default().split(' ').collect();
        if let [what @ ("there" | "gone"), number, at] = words[..] {
            step = at.parse().unwrap();
            last.insert(number.parse().unwrap(), (step, what == "there"));
            came += 1;
        }
        line.clear();
        if came == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(came >= enough, "the child ended after {came} acknowledgements");
    step
}

/// Opens what the child left and looks at all of it. Says how many orphans there were.
async fn check_all(dir: &Path, last: &Acknowledged) -> u64 {
    let store = EdgeStore::open(dir, Some(space())).await.unwrap();
    let all = store.filed(None, 10_000).await.unwrap();
    let (mut passages, mut by_kind) = (0, BTreeMap::<DocumentKind, Vec<DocumentId>>::new());
    for number in 0..DOCUMENTS {
        let taken = store.take(&[id(&name(number))]).await.unwrap().pop();
        let Some(taken) = taken else {
            let was_put = last.get(&number).is_some_and(|(_, is_there)| *is_there);
            assert!(!was_put, "doc-{number} was acknowledged and is gone: {:?}", last.get(&number));
            continue;
        };
        // What was acknowledged, or a later step that was under way when the child was killed.
        let stands: u64 = taken.filed.title.as_untrusted().parse().unwrap();
        let acknowledged = last.get(&number).map_or(0, |(step, is_there)| step + u64::from(!is_there));
        assert!(stands >= acknowledged, "doc-{number} stands at {stands}, {acknowledged} was acknowledged");
        assert_eq!(taken.filed.version, Digest::of(stands.to_string().as_bytes()));
        let expect = version(number, stands);
        assert_eq!(taken.filed, expect.filed);
        let texts = |shelved: &Shelved| -> Vec<String> {
            shelved.passages.iter().map(|of| of.passage.text.as_untrusted().to_owned()).collect()
        };
        assert_eq!(texts(&taken), texts(&expect));
        assert!(taken.passages.iter().all(|of| of.vector.as_ref().is_some_and(|vector| vector.len() == 4)));
        passages += u64::from(taken.filed.parts);
        by_kind.entry(taken.filed.kind).or_default().push(taken.filed.id.clone());
        // Found by its words, and by nothing that stood there before.
        let services = taken.filed.services.clone();
        let query = PassageQuery {
            filter: PassageFilter { services, kinds: vec![taken.filed.kind], ..PassageFilter::default() },
            limit: 100,
            ..asked(&format!("doc{number}"))
        };
        let found = store.search(&query).await.unwrap();
        assert_eq!(found.len(), taken.passages.len(), "doc-{number}");
        assert!(found.iter().all(|found| found.passage.version == taken.filed.version));
    }
    // The indexes are no write behind: who is there by kind is who is found by kind.
    for kind in [DocumentKind::Postmortem, DocumentKind::Runbook] {
        let filter = PassageFilter { kinds: vec![kind], ..PassageFilter::default() };
        let newest = store.newest(&filter, 1_000, SignedDuration::from_secs(30)).await.unwrap();
        let mut ids: Vec<DocumentId> = newest.into_iter().map(|filed| filed.id).collect();
        ids.sort();
        let mut expect = by_kind.remove(&kind).unwrap_or_default();
        expect.sort();
        assert_eq!(ids, expect, "{kind}");
    }
    let counts = store.count().await.unwrap();
    assert_eq!((counts.documents, counts.passages, counts.vectors), (all.len() as u64, passages, passages));
    assert_eq!(store.tidy().await.unwrap(), counts.orphans);
    assert_eq!(store.count().await.unwrap().orphans, 0);
    store.close().await;
    counts.orphans
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_there_when_the_writer_is_killed() {
    let rounds = setting("HEARBACK_TORTURE_ROUNDS", 3);
    let (began, dir) = (Instant::now(), tempfile::tempdir().unwrap());
    let (mut last, mut first, mut orphans) = (Acknowledged::new(), 0, 0);
    for round in 0..rounds {
        let enough = 20 + (round * 7919 % 83) as usize;
        // Steps that were under way are not done again: their versions may stand.
        first = run_child(dir.path(), first, enough, &mut last) + 10;
        orphans += check_all(dir.path(), &last).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("torture memory: {rounds} rounds, step {first}, {orphans} orphans swept, {seconds:.1} s");
}
