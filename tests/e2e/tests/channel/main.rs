//! The channel under load and on bad days: many incidents at once, deliveries twice and out of order, Slack that asks for
//! pauses or is away. Nothing is lost, nothing is doubled, the order is kept. `cargo bench --bench channel` plays the same
//! for longer, with figures.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

#[allow(dead_code, reason = "the contract serves other tests too")]
#[path = "../../../../connectors/slack/tests/slack/contract.rs"]
mod contract;
#[allow(dead_code, reason = "the fake serves other tests too")]
#[path = "../../../../connectors/slack/tests/slack/fake.rs"]
mod fake;
mod load;
#[allow(dead_code, reason = "the payloads serve other tests too")]
#[path = "../../../../connectors/slack/tests/slack/sends.rs"]
mod sends;
#[allow(dead_code, reason = "the workspace serves other tests too")]
#[path = "../rollback/workspace.rs"]
mod workspace;

use std::time::Duration;

use load::{Load, Many};

#[test]
fn many_incidents_talk_at_once_and_nothing_is_lost_or_doubled() {
    let load =
        Load { incidents: 5, a_second: 40, lasting: Duration::from_secs(5), one_in_asks: 20, pauses: 4 };
    let told = Many::start(load).talk();
    assert_eq!((told.lost, told.doubled, told.out_of_order), (0, 0, 0), "{told:?}");
    assert_eq!((told.answered, told.said), (told.asked, 200), "{told:?}");
}

#[test]
fn while_slack_is_away_nothing_is_lost_and_afterwards_everything_is_said_once() {
    let load = Load { incidents: 4, a_second: 0, lasting: Duration::ZERO, one_in_asks: 1, pauses: 0 };
    let told = Many::start(load).while_away(Duration::from_secs(6));
    assert_eq!((told.lost, told.doubled), (0, 0), "{told:?}");
}

#[test]
fn forged_stale_and_repeated_deliveries_have_no_effect() {
    let load = Load { incidents: 1, a_second: 0, lasting: Duration::ZERO, one_in_asks: 1, pauses: 0 };
    Many::start(load).refuses();
}
