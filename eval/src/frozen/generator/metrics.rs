//! What is measured in a made-up incident, minute by minute, and the alert that came of it. It must not know what is
//! logged.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::curve::{When, progress, value, written};
use super::draw::Draw;
use super::script::{Oddity, Script, Shape, Upstream, Watched};
use super::world::{World, minutes};
use crate::resample::Dice;

/// More rows than this make a folder too big.
const ROWS: usize = 760;

/// What metrics are called, by flavour: requests, errors, latency, memory, processor.
const NAMES: [[&str; 5]; 4] = [
    [
        "http_requests_per_second",
        "http_{class}_ratio",
        "http_request_duration_seconds_p99",
        "container_memory_working_set_bytes",
        "container_cpu_usage_cores",
    ],
    [
        "request_rate_rps",
        "{class}_ratio",
        "latency_p99_ms",
        "process_resident_memory_bytes",
        "cpu_utilisation_ratio",
    ],
    [
        "{org}_http_requests_rate",
        "{org}_http_{class}_ratio",
        "{org}_http_latency_seconds_p95",
        "{org}_memory_rss_bytes",
        "{org}_cpu_ratio",
    ],
    [
        "http_server_request_rate",
        "http_server_{class}_percent",
        "http_server_duration_ms_p95",
        "go_memstats_sys_bytes",
        "process_cpu_ratio",
    ],
];

/// A metric of a service.
struct Series {
    service: usize,
    name: String,
    before: f64,
    after: f64,
    shape: Shape,
    from: f64,
    noise: f64,
}

/// Which of a service's metrics.
#[derive(Debug, Clone, Copy)]
enum Which {
    Requests,
    Errors,
    Latency,
    Memory,
    Processor,
}

/// What is measured beside the fault.
pub(super) struct Beside<'a> {
    /// A warning that becomes more, of a service, from a minute on.
    pub oddity: Option<(&'a Oddity, usize, Timestamp)>,
    /// By how much requests grow over the hours.
    pub growth: f64,
}

/// The file of metrics, and the alert.
pub(super) fn tell(world: &World, script: &Script, beside: &Beside<'_>, dice: &mut Dice) -> (String, Value) {
    let mut series = specials(world, script);
    let last = world.services.len();
    let faulty = world.faulty();
    let add = |which: Which, at: usize, series: &mut Vec<Series>| {
        if !series.iter().any(|known| known.service == at && known.name == name(world, script, which)) {
            series.push(golden(world, script, which, at));
        }
    };
    for at in &world.broken {
        add(Which::Errors, *at, &mut series);
    }
    if script.surge.is_some() {
        // Without these nobody could tell.
        add(Which::Requests, 0, &mut series);
        add(Which::Requests, faulty, &mut series);
    }
    add(Which::Latency, faulty, &mut series);
    for which in [Which::Errors, Which::Latency] {
        for at in world.affected.iter().filter(|at| !world.broken.contains(at)) {
            add(which, *at, &mut series);
        }
    }
    if let Some((oddity, service, from)) = beside.oddity {
        series.push(Series {
            service,
            name: oddity.metric.clone(),
            before: oddity.before,
            after: oddity.after,
            shape: Shape::Step,
            from: minute_of(world, from),
            noise: 0.2,
        });
    }
    for at in (0..last).rev() {
        add(Which::Errors, at, &mut series);
    }
    for which in [Which::Requests, Which::Memory, Which::Processor] {
        add(which, faulty, &mut series);
    }
    for at in 0..last {
        add(Which::Requests, at, &mut series);
    }
    series.truncate(ROWS / usize::try_from(world.minutes).unwrap_or(ROWS).max(1));

    let watched = watched(world, script, &series, dice);
    let mut observed = 0.0_f64;
    let mut text = "timestamp,service,metric,value\n".to_owned();
    let (onset, changed) = (minute_of(world, world.onset), minute_of(world, world.changed));
    for minute in 0..world.minutes {
        let at = world.start + minutes(minute);
        for (index, one) in series.iter().enumerate() {
            let start = if one.from > onset { one.from } else { onset.min(one.from) };
            let when = When { minute: minute as f64, onset: start, changed };
            let mut told = value(one.before, one.after, progress(one.shape, when), one.noise, dice);
            if one.name == name(world, script, Which::Requests) {
                told *= 1.0 + beside.growth * minute as f64 / world.minutes as f64;
            }
            // The worst of the minutes that the monitor looks back.
            if index == watched && at <= world.alert && at >= world.onset {
                observed = told.max(observed);
            }
            text.push_str(&format!("{at},{},{},{}\n", world.name(one.service), one.name, written(told)));
        }
    }
    let alert = series.get(watched).map_or(Value::Null, |one| alert(world, script, one, observed));
    (text, alert)
}

fn minute_of(world: &World, at: Timestamp) -> f64 {
    at.duration_since(world.start).as_secs_f64() / 60.0
}

/// The metrics of the script.
fn specials(world: &World, script: &Script) -> Vec<Series> {
    let onset = minute_of(world, world.onset);
    let special = |metric: &super::script::MetricText| Series {
        service: world.faulty(),
        name: metric.name.clone(),
        before: metric.before,
        after: metric.after,
        shape: metric.shape.unwrap_or(script.grows),
        from: onset,
        noise: metric.noise,
    };
    let mut series: Vec<Series> = script.metric.iter().map(special).collect();
    let lag = "kafka_consumergroup_lag";
    if world.consumer.is_some() && !series.iter().any(|one| one.name == lag) {
        // Nobody waits for a consumer, but what it does not take stays.
        let (name, shape) = (lag.to_owned(), Shape::Ramp);
        let service = world.faulty();
        series.push(Series { service, name, before: 25.0, after: 9_400.0, shape, from: onset, noise: 0.1 });
    }
    series
}

fn name(world: &World, script: &Script, which: Which) -> String {
    let names = NAMES.get(world.flavour).copied().unwrap_or_default();
    let class = if script.status < 500 { "4xx" } else { "5xx" };
    let org = world.words.get("org").map_or("", String::as_str);
    let name = names.get(which as usize).copied().unwrap_or_default();
    let told = name.replace("{class}", class).replace("{org}", org);
    // A name begins with a letter.
    if told.starts_with(class) { format!("http_{told}") } else { told }
}

/// One of the metrics that every service has.
fn golden(world: &World, script: &Script, which: Which, at: usize) -> Series {
    let name = name(world, script, which);
    let service = world.services.get(at).cloned().unwrap_or_default();
    let fails = world.fails_from(at);
    let is_broken = world.broken.contains(&at);
    let in_milliseconds = name.contains("_ms");
    let in_percent = name.ends_with("percent");
    let is_on_the_way = world.path_to(world.faulty()).contains(&at);
    let (before, after, noise) = match which {
        Which::Requests => {
            let surge = if is_on_the_way { script.surge.unwrap_or(1.0) } else { 1.0 };
            (service.rate, service.rate * surge, 0.05)
        }
        Which::Errors => {
            let share = match (fails, is_broken, script.upstream) {
                (None, ..) => 0.003,
                (Some(_), true, _) => script.share,
                (Some(_), false, Upstream::Slow | Upstream::None) => 0.012,
                (Some(_), false, _) => script.share * 0.72,
            };
            let unit = if in_percent { 100.0 } else { 1.0 };
            (0.003 * unit, share * unit, 0.35)
        }
        Which::Latency => {
            let slow = match (fails, is_broken, script.upstream) {
                (None, ..) => service.latency,
                (Some(_), true, _) => service.latency * script.slower,
                (Some(_), false, Upstream::Timeouts) => 3.0,
                (Some(_), false, Upstream::Slow) => service.latency + 1.6,
                (Some(_), false, _) => service.latency * script.slower.min(2.0),
            };
            let unit = if in_milliseconds { 1_000.0 } else { 1.0 };
            (service.latency * unit, slow * unit, 0.12)
        }
        Which::Memory => (3.1e8, 3.2e8, 0.03),
        Which::Processor => (0.31, if script.surge.is_some() { 0.97 } else { 0.36 }, 0.1),
    };
    let from = fails.map_or_else(|| minute_of(world, world.onset), |from| minute_of(world, from));
    let shape = match script.grows {
        Shape::Leak | Shape::Drain => Shape::Step,
        shape => shape,
    };
    Series { service: at, name, before, after, shape, from, noise }
}

/// Which series the monitor watches: of the edge, of whoever fails first, or of the queue.
fn watched(world: &World, script: &Script, series: &[Series], dice: &mut Dice) -> usize {
    let edge = world.affected.first().copied().filter(|_| dice.happens(0.6)).unwrap_or(world.faulty());
    let which = match script.alert {
        Watched::Errors => Which::Errors,
        Watched::Latency => Which::Latency,
        Watched::Lag => return series.iter().position(|one| one.name.ends_with("_lag")).unwrap_or_default(),
    };
    let wanted = name(world, script, which);
    let find = |at: usize| series.iter().position(|one| one.service == at && one.name == wanted);
    find(edge).or_else(|| find(world.faulty())).unwrap_or_default()
}

fn alert(world: &World, script: &Script, one: &Series, observed: f64) -> Value {
    let service = world.name(one.service);
    let threshold = one.before + (one.after - one.before) * 0.2;
    let rounded = |value: f64| written(value).parse::<f64>().unwrap_or(value);
    let (what, seen) = match script.alert {
        Watched::Errors => {
            ("errors", format!("{service} answers with errors: {} is above its limit", one.name))
        }
        Watched::Latency => ("latency", format!("{service} is slow: {} is above its limit", one.name)),
        Watched::Lag => ("lag", format!("{service} falls behind: {} keeps growing", one.name)),
    };
    json!({
        "service": service,
        "metric": one.name,
        "threshold": rounded(threshold),
        "observed": rounded(observed.max(threshold * 1.1)),
        "fired_at": world.alert.to_string(),
        "severity": if script.share > 0.3 { "critical" } else { "warning" },
        "monitor": format!("{service}-{what}"),
        "summary": seen,
    })
}
