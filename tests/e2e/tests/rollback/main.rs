//! "Roll it back?" From the page to the recovery, all of it for real but Slack: a service that fails after a commit, a real
//! Prometheus and Alertmanager, a git server on loopback, a click in the channel. Slack is a strict fake that speaks its
//! wire protocol and holds every request to its published form.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

#[allow(dead_code, reason = "the contract serves other tests too")]
#[path = "../../../../connectors/slack/tests/slack/contract.rs"]
mod contract;
#[allow(dead_code, reason = "the fake serves other tests too")]
#[path = "../../../../connectors/slack/tests/slack/fake.rs"]
mod fake;
#[allow(dead_code, reason = "the payloads serve other tests too")]
#[path = "../../../../connectors/slack/tests/slack/sends.rs"]
mod sends;
#[allow(dead_code, reason = "the workspace serves the example and other tests too")]
mod workspace;
mod world;

use anyhow::Result;
use world::{Ends, World};

#[test]
fn a_page_an_answer_a_click_a_revert_and_it_helped() -> Result<()> {
    let told = World::start("90s")?.play(Ends::Well)?;
    insta::assert_snapshot!(told);
    Ok(())
}

#[test]
fn a_revert_that_did_not_help_is_said_to_and_the_way_back_is_offered() -> Result<()> {
    let told = World::start("12s")?.play(Ends::Badly)?;
    insta::assert_snapshot!(told);
    Ok(())
}
