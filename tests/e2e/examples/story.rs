//! The story of a rollback, played on this machine: a shop that fails after a commit, a real Prometheus and Alertmanager, a
//! git server on loopback, and a channel as people see it. `make story` runs it; `make demo` ends with it.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is shown, and may stop anywhere"
)]

#[allow(dead_code, reason = "the contract serves tests too")]
#[path = "../../../connectors/slack/tests/slack/contract.rs"]
mod contract;
#[allow(dead_code, reason = "the fake serves tests too")]
#[path = "../../../connectors/slack/tests/slack/fake.rs"]
mod fake;
#[allow(dead_code, reason = "the payloads serve tests too")]
#[path = "../../../connectors/slack/tests/slack/sends.rs"]
mod sends;
#[allow(dead_code, reason = "the workspace serves tests too")]
#[path = "../tests/rollback/workspace.rs"]
mod workspace;
#[path = "../tests/rollback/world.rs"]
mod world;

use std::thread;
use std::time::Duration;

use anyhow::Result;
use world::{Ends, World};

/// How often the channel is looked at.
const LOOK: Duration = Duration::from_millis(200);

fn main() -> Result<()> {
    println!("\nA rollback, live: a shop, Prometheus, Alertmanager and a git server start on this machine.");
    for (ends, title, within) in [
        (Ends::Well, "One: the commit was it.", "90s"),
        (Ends::Badly, "Two: the same, and it was something else.", "12s"),
    ] {
        println!("\n== {title} For half a minute all is well, so that it is known what is usual.\n");
        let world = World::start(within)?;
        thread::scope(|scope| {
            let played = scope.spawn(|| world.play(ends));
            let mut shown: Vec<String> = Vec::new();
            loop {
                let is_over = played.is_finished();
                show(&world, &mut shown);
                if is_over {
                    break;
                }
                thread::sleep(LOOK);
            }
            played.join().unwrap().map(drop)
        })?;
        println!("The record verifies, and every action stands after an approval of exactly it.");
    }
    Ok(())
}

/// Prints what is new in the channel, and what says something else than before.
fn show(world: &World, shown: &mut Vec<String>) {
    for (place, message) in world.workspace.each().into_iter().enumerate() {
        match shown.get_mut(place) {
            Some(before) if *before == message => {}
            Some(before) => {
                println!("~ {}\n", message.replace('\n', "\n  "));
                *before = message;
            }
            None => {
                println!("  {}\n", message.replace('\n', "\n  "));
                shown.push(message);
            }
        }
    }
}
