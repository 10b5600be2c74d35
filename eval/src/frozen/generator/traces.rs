//! Requests of a made-up incident, followed from service to service. It must not know what is logged.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::draw::Draw;
use super::logs::line_word;
use super::script::{Script, Upstream};
use super::world::{World, minutes};
use crate::resample::Dice;

/// Requests that go wrong, and those that go well.
const FAILED: usize = 6;
const WELL: usize = 5;

/// The spans, and the traces that failed.
pub(super) fn tell(world: &World, script: &Script, dice: &mut Dice) -> (Value, Vec<String>) {
    let (mut spans, mut failed) = (Vec::new(), Vec::new());
    let end = world.start + minutes(world.minutes);
    for count in 0..FAILED + WELL {
        let broken =
            if count < FAILED { world.broken.get(count % world.broken.len().max(1)).copied() } else { None };
        let from = broken.and_then(|at| world.fails_from(at));
        let span = |from: Timestamp, to: Timestamp| (to.duration_since(from).as_secs() - 40).max(1);
        let at = match from {
            Some(from) => from + SignedDuration::from_secs(30 + dice.between(0, span(from, end))),
            None => world.start + SignedDuration::from_secs(dice.between(0, span(world.start, world.onset))),
        };
        let trace = dice.hex(32);
        let target = broken.unwrap_or_else(|| dice.below(world.services.len()));
        follow(world, script, &trace, &world.path_to(target), at, broken, dice, &mut spans);
        failed.extend(broken.map(|_| trace));
    }
    (Value::Array(spans), failed)
}

#[expect(clippy::too_many_arguments, reason = "one request is one row of these")]
fn follow(
    world: &World,
    script: &Script,
    trace: &str,
    path: &[usize],
    at: Timestamp,
    broken: Option<usize>,
    dice: &mut Dice,
    spans: &mut Vec<Value>,
) {
    let slow = if broken.is_some() { script.slower * dice.within(0.8, 1.2) } else { 1.0 };
    let deepest =
        1_000.0 * path.last().and_then(|at| world.services.get(*at)).map_or(0.1, |service| service.latency);
    let lasts = (deepest * slow * 0.4).clamp(1.0, 15_000.0);
    let mut parent = Value::Null;
    for (depth, service) in path.iter().enumerate() {
        let (id, above) = (dice.hex(16), (path.len() - depth) as f64);
        let start = at + SignedDuration::from_millis(2 * depth as i64);
        let mut span = Map::new();
        let is_deepest = depth + 1 == path.len();
        let pod = world.services.get(*service).map(|service| dice.one(&service.pods)).unwrap_or_default();
        let mut line = |word: &str| line_word(word, start, &pod, dice);
        let name = match broken {
            Some(_) if is_deepest => world.fill(&script.span.name, *service, &mut line),
            _ => world.fill("POST /v1/«ents»", *service, &mut line),
        };
        let fails =
            broken.is_some() && (is_deepest || !matches!(script.upstream, Upstream::Slow | Upstream::None));
        span.insert("trace_id".into(), trace.into());
        span.insert("span_id".into(), id.clone().into());
        span.insert("parent_id".into(), parent);
        span.insert("service".into(), world.name(*service).into());
        span.insert("name".into(), name.into());
        span.insert("start".into(), start.to_string().into());
        span.insert("duration_ms".into(), json!((lasts + 4.0 * above).round() as i64));
        span.insert("status".into(), if fails { "ERROR" } else { "OK" }.into());
        if fails {
            span.insert("http.status_code".into(), script.status.into());
        }
        if fails && is_deepest {
            let error = world.fill(&script.span.error, *service, &mut line);
            span.insert("error".into(), error.into());
            if let Some(peer) = &script.span.peer {
                span.insert("peer.service".into(), world.fill(peer, *service, &mut line).into());
            }
        } else if let Some(next) = path.get(depth + 1) {
            span.insert("peer.service".into(), world.name(*next).into());
        }
        spans.push(Value::Object(span));
        parent = id.into();
    }
}
