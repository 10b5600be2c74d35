//! What the services of a made-up incident log, and the patterns in it. It must not know what was changed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::curve::{When, progress};
use super::draw::Draw;
use super::script::{Level, Oddity, Says, Script, Scripts, Upstream};
use super::world::{World, minutes};
use crate::resample::Dice;

/// What each service may call its severities.
const LOUDNESS: [[&str; 5]; 4] = [
    ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"],
    ["debug", "info", "warning", "error", "critical"],
    ["Debug", "Information", "Warning", "Error", "Critical"],
    ["trace", "info", "warn", "error", "fatal"],
];

/// More stacks than this say nothing new and make a folder too big.
const STACKS: usize = 36;

/// A line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub at: Timestamp,
    pub service: usize,
    pub level: Level,
    pub msg: String,
    /// The message without what differs from line to line.
    pub signature: String,
    pub stack: Option<String>,
    pub attributes: Map<String, Value>,
    pub trace: Option<String>,
}

/// Writes lines of a world.
pub(super) struct Logs<'a> {
    pub world: &'a World,
    pub dice: Dice,
    pub lines: Vec<Line>,
    /// How many lines came with a stack.
    pub stacks: usize,
}

impl Logs<'_> {
    /// All that goes on anyway, and all that comes of the fault. `traces` are those that failed.
    pub(super) fn tell(&mut self, script: &Script, scripts: &Scripts, traces: &[String]) {
        let world = self.world;
        let onset = world.onset.duration_since(world.start).as_secs_f64() / 60.0;
        let changed = world.changed.duration_since(world.start).as_secs_f64() / 60.0;
        for minute in 0..world.minutes {
            let at = world.start + minutes(minute);
            let grown = progress(script.grows, When { minute: minute as f64, onset, changed });
            for _ in 0..self.dice.between(1, 2) {
                let service = self.dice.below(world.services.len());
                // Who fails has less to say of what went well.
                let is_quiet = world.fails_from(service).is_some_and(|from| from <= at)
                    && self.dice.happens(script.share);
                if !is_quiet {
                    let says = self.choose(&scripts.background.line);
                    self.say(at, service, says);
                }
            }
            if minute as f64 > onset - 42.0 && (minute as f64) < onset && self.dice.happens(0.22) {
                let early = script.early.get(self.dice.below(script.early.len()));
                self.say(at, world.faulty(), early);
            }
            for broken in &world.broken {
                if world.fails_from(*broken).is_some_and(|from| from <= at) {
                    for _ in 0..(1.0 + 2.2 * grown * self.dice.unit()) as usize {
                        let says = self.choose(&script.says);
                        self.say(at, *broken, says);
                        self.mark(traces);
                    }
                }
            }
            for caller in world.affected.iter().filter(|at| !world.broken.contains(at)) {
                if world.fails_from(*caller).is_some_and(|from| from <= at)
                    && self.dice.happens(0.25 + 0.5 * grown)
                {
                    let says = complaint(script, world, *caller, &mut self.dice);
                    self.say(at, *caller, Some(&says));
                    self.mark(traces);
                }
            }
        }
    }

    /// A service warns of something else.
    pub(super) fn tell_oddity(&mut self, oddity: &Oddity, service: usize, from: Timestamp) {
        let says = Says {
            severity: oddity.severity,
            msg: oddity.msg.clone(),
            stack: None,
            attributes: BTreeMap::new(),
            share: 1.0,
        };
        let end = self.world.start + minutes(self.world.minutes);
        let mut at = from;
        while at < end {
            self.say(at, service, Some(&says));
            at += SignedDuration::from_secs(self.dice.between(25, 110));
        }
    }

    /// A line at a moment.
    pub(super) fn note(&mut self, at: Timestamp, service: usize, msg: &str) {
        if at >= self.world.start {
            let says = Says {
                severity: Level::Info,
                msg: msg.to_owned(),
                stack: None,
                attributes: BTreeMap::new(),
                share: 1.0,
            };
            self.say(at, service, Some(&says));
        }
    }

    fn choose<'s>(&mut self, says: &'s [Says]) -> Option<&'s Says> {
        let sum: f64 = says.iter().map(|says| says.share).sum();
        let mut left = self.dice.unit() * sum;
        says.iter().find(|says| {
            left -= says.share;
            left < 0.0
        })
    }

    /// The last line belongs to a request that failed.
    fn mark(&mut self, traces: &[String]) {
        if self.dice.happens(0.3) {
            let trace = self.dice.one(traces);
            if let Some(line) = self.lines.last_mut().filter(|_| !trace.is_empty()) {
                line.trace = Some(trace);
            }
        }
    }

    fn say(&mut self, minute: Timestamp, service: usize, says: Option<&Says>) {
        let Some(says) = says else { return };
        let at = minute + SignedDuration::from_millis(self.dice.between(0, 59_999));
        let (world, dice) = (self.world, &mut self.dice);
        let pod = world.services.get(service).map(|service| dice.one(&service.pods)).unwrap_or_default();
        // One line speaks of one address and one request.
        let mut once: BTreeMap<String, String> = BTreeMap::new();
        let mut drawn = |word: &str| match word {
            "n" | "ms" => line_word(word, at, &pod, dice),
            _ => once.entry(word.to_owned()).or_insert_with(|| line_word(word, at, &pod, dice)).clone(),
        };
        let mut msg = world.fill(&says.msg, service, &mut drawn);
        let stack = says.stack.as_ref().filter(|_| self.stacks < STACKS);
        self.stacks += usize::from(stack.is_some());
        let stack = stack.map(|stack| world.fill(stack, service, &mut drawn).trim_end().to_owned());
        let mut attributes: Map<String, Value> = says
            .attributes
            .iter()
            .map(|(key, value)| {
                let value = match value.as_str() {
                    Some(text) => Value::String(world.fill(text, service, &mut drawn)),
                    None => value.clone(),
                };
                (world.fill(key, service, &mut drawn), value)
            })
            .collect();
        let is_flat = world.services.get(service).is_some_and(|service| service.is_flat);
        if is_flat && says.stack.is_none() {
            for (key, value) in std::mem::take(&mut attributes) {
                msg.push_str(&format!(
                    " {key}={}",
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                ));
            }
        } else if is_flat {
            attributes.insert("pod".into(), Value::String(pod.clone()));
        }
        let signature = world.fill(&says.msg, service, &mut |_| "<*>".to_owned());
        let level = says.severity;
        self.lines.push(Line { at, service, level, msg, signature, stack, attributes, trace: None });
    }

    /// The lines as they lie in the folder, in the order of time.
    pub(super) fn text(&mut self) -> String {
        self.lines.sort_by_key(|line| line.at);
        self.lines.iter().map(|line| self.value(line).to_string() + "\n").collect()
    }

    fn value(&self, line: &Line) -> Value {
        let loudness = self.world.services.get(line.service).map_or(0, |service| service.loudness);
        let words = LOUDNESS.get(loudness).copied().unwrap_or_default();
        let mut fields = line.attributes.clone();
        fields.insert("timestamp".into(), line.at.to_string().into());
        fields.insert("service".into(), self.world.name(line.service).into());
        fields.insert(
            "severity_text".into(),
            words.get(line.level as usize).copied().unwrap_or_default().into(),
        );
        fields.insert("msg".into(), line.msg.clone().into());
        fields.extend(line.stack.clone().map(|stack| ("stack".to_owned(), stack.into())));
        fields.extend(line.trace.clone().map(|trace| ("trace_id".to_owned(), trace.into())));
        Value::Object(fields)
    }

    /// How often each pattern was seen, and how much more often than before.
    pub(super) fn patterns(&mut self) -> Value {
        let onset = self.world.onset;
        let mut seen: BTreeMap<(usize, String), (Level, i64, i64)> = BTreeMap::new();
        for line in &self.lines {
            let counts = seen.entry((line.service, line.signature.clone())).or_insert((line.level, 0, 0));
            if line.at < onset { counts.1 += 1 } else { counts.2 += 1 }
        }
        let before = onset.duration_since(self.world.start).as_secs_f64() / 60.0;
        let after = self.world.minutes as f64 - before;
        let mut patterns = Vec::new();
        for ((service, signature), (level, early, late)) in seen {
            // What lies in the folder is a sample.
            let all = self.dice.between(14, 60);
            let expected = (early as f64 * after / before.max(1.0)).round() as i64;
            let change = (late - expected) * all;
            if early + late < 2 {
                continue;
            }
            let sentiment = if matches!(level, Level::Error | Level::Fatal | Level::Warn) {
                "negative"
            } else {
                "neutral"
            };
            patterns.push((
                -change.abs(),
                json!({
                    "signature": signature,
                    "service": self.world.name(service),
                    "count": (early + late) * all,
                    "delta_vs_baseline": format!("{change:+}"),
                    "sentiment": sentiment,
                }),
            ));
        }
        patterns.sort_by_key(|(change, _)| *change);
        patterns.into_iter().take(14).map(|(_, pattern)| pattern).collect()
    }
}

/// What differs from line to line.
pub(super) fn line_word(word: &str, at: Timestamp, pod: &str, dice: &mut Dice) -> String {
    match word {
        "id" => dice.between(10_000, 99_999).to_string(),
        "n" => dice.between(1, 9).to_string(),
        "ms" => dice.between(4, 260).to_string(),
        "slow" => dice.between(1_100, 14_000).to_string(),
        "port" => dice.between(32_768, 60_999).to_string(),
        "hex" => dice.hex(16),
        "ip" => format!("10.{}.{}.{}", dice.between(8, 40), dice.between(0, 250), dice.between(2, 250)),
        "pod" => pod.to_owned(),
        "time" => at.to_string(),
        // A word that nobody explains would stand in a folder; a test looks for it.
        _ => format!("«{word}»"),
    }
}

/// What a caller says of a callee that fails.
fn complaint(script: &Script, world: &World, caller: usize, dice: &mut Dice) -> Says {
    let failing = |(from, to): &&(usize, usize)| *from == caller && world.affected.contains(to);
    let callee = world.calls.iter().find(failing).map_or("upstream", |(_, to)| world.name(*to)).to_owned();
    let status = script.status;
    let texts = match script.upstream {
        Upstream::Errors => [
            format!("POST http://{callee}:8080/v1/«ents» returned {status}"),
            format!("request failed upstream={callee} status={status} attempt=«n»"),
            format!("rpc error: code = Internal desc = {callee}: unexpected HTTP status {status}"),
            format!("{callee} responded with {status}, giving up on «ent» «id»"),
        ],
        Upstream::Timeouts => [
            format!("Get \"http://{callee}:8080/v1/«ents»/«id»\": context deadline exceeded"),
            format!("HTTPConnectionPool(host='{callee}', port=8080): Read timed out. (read timeout=3)"),
            format!("upstream {callee} timed out after 30«n»«n» ms, answering 504 Gateway Timeout"),
            format!("java.net.SocketTimeoutException: Read timed out (target={callee}, timeout=3000ms)"),
        ],
        Upstream::Slow | Upstream::None => [
            format!("slow call to {callee}: «slow» ms"),
            format!("{callee} latency above objective: «slow»ms > 800ms"),
            format!("waiting for {callee} took «slow»ms request_id=«hex»"),
            format!("partial answer: {callee} did not reply within 2000 ms"),
        ],
    };
    let severity = match script.upstream {
        Upstream::Slow | Upstream::None => Level::Warn,
        _ if dice.happens(0.25) => Level::Warn,
        _ => Level::Error,
    };
    // A service says it in one way, whoever draws.
    let way = world.services.get(caller).map_or(0, |service| service.name.len());
    let text = texts.get(way % 4).cloned().unwrap_or_default();
    Says { severity, msg: text, stack: None, attributes: BTreeMap::new(), share: 1.0 }
}
