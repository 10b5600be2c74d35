//! What the incident channel bears: twenty incidents at once, fifty messages a second, questions among them; then Slack is
//! away. `cargo bench -p hearback-e2e --bench channel -- --seconds 60 --away 600`; the binary must be built with the same
//! profile (`make bench` does). The senders share the machine's cores with the service.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench may stop anywhere"
)]

#[allow(dead_code, reason = "the contract serves other tests too")]
#[path = "../../../connectors/slack/tests/slack/contract.rs"]
mod contract;
#[allow(dead_code, reason = "the fake serves other tests too")]
#[path = "../../../connectors/slack/tests/slack/fake.rs"]
mod fake;
#[allow(dead_code, reason = "the load serves tests too")]
#[path = "../tests/channel/load.rs"]
mod load;
#[allow(dead_code, reason = "the payloads serve other tests too")]
#[path = "../../../connectors/slack/tests/slack/sends.rs"]
mod sends;
#[allow(dead_code, reason = "the workspace serves other tests too")]
#[path = "../tests/rollback/workspace.rs"]
mod workspace;

use std::time::Duration;

use load::{Load, Many};

/// The target for the way from a message to its answer.
const MOST_P95: Duration = Duration::from_secs(1);

fn seconds(name: &str, default: u64) -> Duration {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    Duration::from_secs(arguments.next().map_or(default, |text| text.parse().unwrap()))
}

fn main() {
    let lasting = seconds("--seconds", 60);
    let load = Load { incidents: 20, a_second: 50, lasting, one_in_asks: 25, pauses: 10 };
    let told = Many::start(load).talk();
    let at = |percent: usize| told.waits[(told.waits.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    println!(
        "{} s of 50 messages a second in 20 incidents, one in seven delivered twice, 10 posts refused with 429: {} \
         messages, {} lost, {} doubled, {} out of order",
        lasting.as_secs(),
        told.said,
        told.lost,
        told.doubled,
        told.out_of_order
    );
    let most = MOST_P95.as_secs_f64() * 1000.0;
    println!(
        "{} questions, {} answered; from message to answer {:.0} ms median, {:.0} p95 (target {most:.0}), {:.0} max",
        told.asked,
        told.answered,
        at(50),
        at(95),
        at(100)
    );
    let away = seconds("--away", 60);
    let load = Load { incidents: 20, a_second: 0, lasting: Duration::ZERO, one_in_asks: 1, pauses: 0 };
    let told = Many::start(load).while_away(away);
    println!(
        "Slack away for {} s while 20 incidents went on: {} messages stand, {} lost, {} doubled",
        away.as_secs(),
        told.said,
        told.lost,
        told.doubled
    );
}
