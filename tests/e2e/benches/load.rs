//! What the service bears: log records and changes are sent at a fixed rate while questions are asked, then it is killed
//! under load, and everything it acknowledged must be there. After that, the same question over few and many changes.
//! It must not know more of the service than its HTTP says, and Linux of the process.
//!
//! `cargo bench -p hearback-e2e --bench load -- --seconds 60`; the binary must be built with the same profile
//! (`make bench` does). The senders share the machine's cores with the service.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may stop anywhere"
)]

#[path = "load/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use hearback_e2e::Home;
use hearback_e2e::service::Service;
use serde_json::{Value, json};
use wire::{Connection, change, log_batch};

/// Log records of one request, and how many requests a second each of so many connections sends: 2,000 records a second.
const RECORDS: u64 = 100;
const LOG_SENDERS: u64 = 4;
const LOGS_EVERY: Duration = Duration::from_millis(200);
/// Changes are sent one by one: 200 a second.
const CHANGE_SENDERS: u64 = 8;
const CHANGES_EVERY: Duration = Duration::from_millis(40);
/// Two questions a second; one that takes long does not hold up the next.
const ASKERS: u64 = 2;
const ASKS_EVERY: Duration = Duration::from_secs(1);
/// How long it is under load before it is killed.
const UNTIL_KILLED: Duration = Duration::from_secs(3);
/// How often each question of the second part is asked, and over how many changes.
const RUNS: usize = 21;
const FEW: u64 = 1_200;
const MANY: u64 = 12_000;
/// More changes than are read for one question, asked about by as many at once as are worked on at once.
const TOO_MANY: u64 = 21_000;
const AT_ONCE: usize = 4;
/// The targets.
const MOST_P95: Duration = Duration::from_secs(1);
const MOST_RATIO: f64 = 12.0;
const MOST_MIB: u64 = 512;
/// Clock ticks a second in /proc, on every Linux there is.
const TICKS: f64 = 100.0;

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--seconds").skip(1);
    let seconds = arguments.next().map_or(60, |text| text.parse().unwrap());
    under_load(Duration::from_secs(seconds));
    ten_times_the_changes();
}

/// What senders did. Times are counted from the moment at which a request was due, so that a stall counts for every
/// request it held up.
#[derive(Default)]
struct Tally {
    tried: u64,
    acknowledged: u64,
    refused: u64,
    times: Vec<Duration>,
}

impl Tally {
    fn add(mut self, other: Tally) -> Tally {
        self.tried += other.tried;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.times.extend(other.times);
        self
    }

    fn line(&mut self, what: &str) {
        let (tried, acknowledged, refused) = (self.tried, self.acknowledged, self.refused);
        let [p50, p95, most] = [50, 95, 100].map(|percent| ms(at(&mut self.times, percent)));
        println!(
            "  {what:<8} {acknowledged:>7} of {tried:>7} acknowledged, {refused} refused; a request takes \
             {p50:.1} ms median, {p95:.1} p95, {most:.1} max"
        );
    }
}

/// All senders for one stretch of time.
#[derive(Default)]
struct Sent {
    logs: Tally,
    changes: Tally,
    asks: Tally,
    gaps: BTreeMap<String, u64>,
}

fn under_load(length: Duration) {
    let home = Home::new().unwrap();
    std::fs::write(home.path("hearback.toml"), "[telemetry]\nmax_mib = 2048\n").unwrap();
    let service = Service::start(&home).unwrap();
    let token = service.token.clone();
    let serial = AtomicU64::new(0);
    ask(&service.url, &token, &everything());
    let (before, cpu_before, own_before) =
        (memory(service.pid()), cpu(service.pid()), cpu(std::process::id()));

    let began = Instant::now();
    let mut sent = send(&service.url, &token, &serial, length, || {});
    let took = began.elapsed().as_secs_f64();
    let after = memory(service.pid());
    let cpu_share = (cpu(service.pid()) - cpu_before) / took;
    let own_share = (cpu(std::process::id()) - own_before) / took;
    let seen = counted(&ask(&service.url, &token, &everything()));
    assert_eq!(seen, (sent.logs.acknowledged, sent.changes.acknowledged), "log records and changes seen");

    println!("{took:.0} s of 2,000 log records a second, 200 changes a second and 2 questions a second, on");
    println!(
        "{} cores that the senders share ({own_share:.2} cores)",
        thread::available_parallelism().unwrap()
    );
    sent.logs.line("logs");
    sent.changes.line("changes");
    sent.asks.line("answers");
    println!(
        "  gaps in answers: {}",
        if sent.gaps.is_empty() { "none".into() } else { format!("{:?}", sent.gaps) }
    );
    println!(
        "  the service took {cpu_share:.2} cores; memory at most {before} MiB before, {after} MiB after"
    );
    let [p50, p95] = [50, 95].map(|percent| at(&mut sent.asks.times, percent));
    println!(
        "  first answer p95 at most {} ms: {}; memory at most {MOST_MIB} MiB: {}",
        ms(MOST_P95),
        met(p95 <= MOST_P95),
        met(after <= MOST_MIB)
    );

    let pid = service.pid().to_string();
    let kill = || {
        thread::sleep(UNTIL_KILLED);
        assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    };
    let killed = send(&service.url, &token, &serial, UNTIL_KILLED * 2, kill);
    drop(service);
    let service = Service::start(&home).unwrap();
    let (logs, changes) = counted(&ask(&service.url, &token, &everything()));
    let acknowledged = [
        sent.logs.acknowledged + killed.logs.acknowledged,
        sent.changes.acknowledged + killed.changes.acknowledged,
    ];
    let tried = [sent.logs.tried + killed.logs.tried, sent.changes.tried + killed.changes.tried];
    println!(
        "  killed under load (-9) and started again: {logs} log records of {} acknowledged and {} sent, {changes} \
         changes of {} acknowledged and {} sent",
        acknowledged[0], tried[0], acknowledged[1], tried[1]
    );
    assert!((acknowledged[0]..=tried[0]).contains(&logs), "log records were lost");
    assert!((acknowledged[1]..=tried[1]).contains(&changes), "changes were lost");
    println!(
        "{{\"bench\":\"load\",\"seconds\":{took:.0},\"logs\":{},\"changes\":{},\"asks\":{},\"ask_p50_ms\":{:.1},\
         \"ask_p95_ms\":{:.1},\"hwm_mib\":{after},\"service_cores\":{cpu_share:.2},\"sender_cores\":{own_share:.2},\
         \"logs_after_kill\":{logs},\"changes_after_kill\":{changes}}}",
        sent.logs.acknowledged,
        sent.changes.acknowledged,
        sent.asks.acknowledged,
        ms(p50),
        ms(p95),
    );
}

/// Sends and asks for `length`, while `meanwhile` runs. A connection that breaks ends its sender.
fn send(url: &str, token: &str, serial: &AtomicU64, length: Duration, meanwhile: impl FnOnce()) -> Sent {
    let began = Instant::now();
    let next = |count| serial.fetch_add(count, Ordering::Relaxed);
    let start = |number: u64, of: u64, every: Duration| {
        let offset = every.mul_f64(number as f64 / of as f64);
        Schedule { due: began + offset, every, until: began + length }
    };
    thread::scope(|scope| {
        let logs = each(LOG_SENDERS, |number| {
            let schedule = start(number, LOG_SENDERS, LOGS_EVERY);
            scope.spawn(move || {
                let body = || log_batch(next(RECORDS), RECORDS);
                schedule.run(url, token, RECORDS, "/v1/logs", "application/x-protobuf", body, |_| {})
            })
        });
        let changes = each(CHANGE_SENDERS, |number| {
            let schedule = start(number, CHANGE_SENDERS, CHANGES_EVERY);
            scope.spawn(move || {
                let body = || serde_json::to_vec(&change(next(1))).unwrap();
                schedule.run(url, token, 1, "/v1/changes", "application/json", body, |_| {})
            })
        });
        let asks = each(ASKERS, |number| {
            let schedule = start(number, ASKERS, ASKS_EVERY);
            scope.spawn(move || {
                let mut gaps: Vec<String> = Vec::new();
                let body = || serde_json::to_vec(&question()).unwrap();
                let tally = schedule.run(url, token, 1, "/v1/ask", "application/json", body, |answer| {
                    let answer: Value = serde_json::from_slice(answer).unwrap();
                    let found = answer["gaps"].as_array().cloned().unwrap_or_default();
                    gaps.extend(found.iter().map(|gap| format!("{}: {}", gap["source"], gap["why"])));
                });
                (tally, gaps)
            })
        });
        meanwhile();
        let mut sent = Sent { logs: all(logs), changes: all(changes), ..Sent::default() };
        for asker in asks {
            let (tally, gaps) = asker.join().unwrap();
            sent.asks = sent.asks.add(tally);
            gaps.into_iter().for_each(|gap| *sent.gaps.entry(gap).or_default() += 1);
        }
        sent
    })
}

fn each<T>(count: u64, start: impl FnMut(u64) -> T) -> Vec<T> {
    (0..count).map(start).collect()
}

fn all(senders: Vec<ScopedJoinHandle<'_, Tally>>) -> Tally {
    senders.into_iter().map(|sender| sender.join().unwrap()).fold(Tally::default(), Tally::add)
}

/// When a sender's requests are due.
struct Schedule {
    due: Instant,
    every: Duration,
    until: Instant,
}

impl Schedule {
    /// Sends `body` when it is due until the time is over. Each request carries `weight` items.
    #[allow(clippy::too_many_arguments, reason = "one request, spelt out")]
    fn run(
        mut self,
        url: &str,
        token: &str,
        weight: u64,
        path: &str,
        kind: &str,
        mut body: impl FnMut() -> Vec<u8>,
        mut answered: impl FnMut(&[u8]),
    ) -> Tally {
        let mut tally = Tally::default();
        let mut connection = Connection::open(url, token).unwrap();
        while self.due < self.until {
            thread::sleep(self.due.saturating_duration_since(Instant::now()));
            tally.tried += weight;
            let Ok((status, reply)) = connection.post(path, kind, &body()) else { return tally };
            tally.times.push(self.due.elapsed());
            match status {
                200 => {
                    tally.acknowledged += weight;
                    answered(&reply);
                }
                _ => tally.refused += weight,
            }
            self.due += self.every;
        }
        tally
    }
}

/// How much longer a question over ten times the changes takes, when nothing else is asked.
fn ten_times_the_changes() {
    let home = Home::new().unwrap();
    let service = Service::start(&home).unwrap();
    let mut medians = Vec::new();
    let mut logged = 0;
    for changes in [FEW, MANY] {
        fill(&service, logged..changes);
        logged = changes;
        assert_eq!(ask(&service.url, &service.token, &question())["considered"], changes);
        let mut connection = Connection::open(&service.url, &service.token).unwrap();
        let body = serde_json::to_vec(&question()).unwrap();
        let cpu_before = cpu(service.pid());
        let mut times: Vec<Duration> = (0..RUNS)
            .map(|_| {
                let start = Instant::now();
                let (status, _) = connection.post("/v1/ask", "application/json", &body).unwrap();
                assert_eq!(status, 200);
                start.elapsed()
            })
            .collect();
        let [p50, p95] = [50, 95].map(|percent| ms(at(&mut times, percent)));
        // On a machine that is busy with other things the time on the clock grows faster than the work.
        let worked = (cpu(service.pid()) - cpu_before) * 1000.0 / RUNS as f64;
        println!(
            "{changes} changes in the change log: an answer takes {p50:.1} ms median, {p95:.1} p95, {worked:.1} ms of \
             processor time on average, n = {RUNS}"
        );
        medians.push(p50);
    }
    let ratio = medians[1] / medians[0];
    println!(
        "  ten times the changes take {ratio:.1} × the time; at most {MOST_RATIO}: {}",
        met(ratio <= MOST_RATIO)
    );
    let alone = memory(service.pid());
    fill(&service, logged..TOO_MANY);
    let times: Vec<Duration> = thread::scope(|scope| {
        let asked: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let start = Instant::now();
                    let answer = ask(&service.url, &service.token, &question());
                    let gaps = answer["gaps"].as_array().unwrap();
                    assert!(gaps.iter().any(|gap| gap["source"] == "changelog"), "{gaps:?}");
                    start.elapsed()
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let most = memory(service.pid());
    println!(
        "{TOO_MANY} changes, {AT_ONCE} questions at once: the slowest answer took {:.0} ms, and named what was not \
         read; memory at most {most} MiB ({alone} MiB with {MANY} changes and one question)",
        ms(times.into_iter().max().unwrap())
    );
    println!(
        "{{\"bench\":\"scaling\",\"few\":{FEW},\"many\":{MANY},\"runs\":{RUNS},\"few_p50_ms\":{:.1},\
         \"many_p50_ms\":{:.1},\"ratio\":{ratio:.2},\"at_once_hwm_mib\":{most}}}",
        medians[0], medians[1]
    );
}

fn fill(service: &Service, numbers: Range<u64>) {
    for first in numbers.clone().step_by(1_000) {
        let batch: Vec<Value> = (first..numbers.end.min(first + 1_000)).map(change).collect();
        service.post("/v1/changes", &Value::Array(batch)).unwrap().ok().unwrap();
    }
}

fn question() -> Value {
    json!({"services": ["cart"], "symptom": "cart 5xx, connection pool exhausted in reserveStock, order totals wrong"})
}

/// A question about no service in particular, so that the answer counts the log records of all.
fn everything() -> Value {
    json!({})
}

fn ask(url: &str, token: &str, question: &Value) -> Value {
    let body = serde_json::to_vec(question).unwrap();
    let mut connection = Connection::open(url, token).unwrap();
    let (status, reply) = connection.post("/v1/ask", "application/json", &body).unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&reply));
    serde_json::from_slice(&reply).unwrap()
}

/// How many log records and changes an answer says it looked through.
fn counted(answer: &Value) -> (u64, u64) {
    let searched = answer["searched"].as_array().unwrap();
    let number = |words: &str| {
        let lines = searched.iter().filter_map(|coverage| coverage["searched"].as_str());
        let line = lines.into_iter().find(|line| line.contains(words)).unwrap_or_default();
        line.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    (number("log records"), number("sent"))
}

/// The most memory the process had, in MiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// The seconds of processor time the process took.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
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
