//! A model that looks up what it can and then reports nothing, for seeing what an investigation sends and how long it takes
//! without one. It says nothing about any real model.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "it is run by hand, and may stop anywhere"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use hearback_fake_model::{Asked, FakeModel, Play};
use tokio::runtime::Runtime;

/// The longest request so far, in bytes.
static LONGEST: AtomicUsize = AtomicUsize::new(0);

fn silent(asked: &Asked) -> Play {
    let bytes = asked.body.to_string().len();
    if LONGEST.fetch_max(bytes, Ordering::SeqCst) < bytes {
        println!("request {}: {bytes} bytes, the longest so far", asked.number);
    }
    // About four bytes are a token.
    let tokens = (bytes / 4) as u64;
    let answered = asked.messages().iter().filter(|message| message["role"] == "tool").count();
    match answered {
        0 => Play::calls(&[("changes", "{}"), ("log_templates", "{}"), ("traces", "{}"), ("record", "{}")]),
        4 => Play::calls(&[
            ("diff", r#"{"change": "C1"}"#),
            ("diff", r#"{"change": "C2"}"#),
            ("diff", r#"{"change": "C3"}"#),
            ("log_templates", r#"{"severity": "info"}"#),
            ("log_lines", "{}"),
        ]),
        _ => Play::calls(&[("report", r#"{"claims": [], "hypotheses": [], "done": true}"#)]),
    }
    .counting(tokens, 0, 20)
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let model = runtime.block_on(FakeModel::keyless(silent));
    println!("[model]\nurl = {:?}\nmodel = \"silent\"", model.base_url());
    runtime.block_on(async { tokio::signal::ctrl_c().await.unwrap() });
    println!("{} requests, the longest {} bytes", model.asked().len(), LONGEST.load(Ordering::SeqCst));
}
