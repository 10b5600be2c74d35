//! Sources that hang, trickle, flood and lie: the first answer comes in time, says what could not be seen, and is right
//! about what could.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use hearback_e2e::hostile::{Hostile, Manners};
use hearback_e2e::service::Service;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// The service's budget is 2 s; this is far more, because the machine may be busy. Two gigabytes, or any source that is
/// waited for, take longer still.
const IN_TIME: Duration = Duration::from_secs(10);
/// The most memory the service may ever have had, in KiB: 256 MiB. Eight answers of the flood are read at a time, of
/// at most 8 MiB each.
const MOST_KIB: u64 = 256 * 1024;

/// The most memory that a process has had, in KiB.
fn peak_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

#[test]
fn hostile_sources_are_gaps_and_the_answer_is_in_time() -> Result<()> {
    let prometheus = [
        ("hangs", Hostile::start(Manners::Hangs)?),
        ("trickles", Hostile::start(Manners::Trickles)?),
        ("floods", Hostile::start(Manners::Floods)?),
        ("signs-in", Hostile::start(Manners::SignsIn)?),
        ("lies", Hostile::start(Manners::Lies)?),
    ];
    let github = Hostile::start(Manners::Hangs)?;
    let home = Home::new()?;
    let mut config = String::from("[[service]]\nname = \"checkout\"\n");
    for (name, server) in &prometheus {
        config.push_str(&format!("[[prometheus]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url()));
    }
    config.push_str(&format!("[[github]]\nrepository = \"shop/checkout\"\napi = \"{}\"\n", github.url()));
    std::fs::write(home.path("hearback.toml"), config)?;

    let service = Service::start(&home)?;
    let minute_ago = Timestamp::now() - SignedDuration::from_mins(1);
    let change = json!({"id": "v42", "kind": "deploy", "title": "Round cart totals", "services": ["checkout"],
                        "environment": "production", "at": minute_ago.to_string(), "author": "ana"});
    service.post("/v1/changes", &change)?.ok()?;

    // A second question finds them no better, and costs no more.
    for _ in 0..2 {
        let began = Instant::now();
        let answer = service.post("/v1/ask", &json!({"services": ["checkout"]}))?.ok()?;
        let took = began.elapsed();
        eprintln!("answered in {took:?}, peak {} KiB: {:#}", peak_kib(service.pid())?, answer["gaps"]);
        assert!(took < IN_TIME, "{took:?}");
        assert_eq!(answer["suspects"][0]["title"], "Round cart totals", "{answer:#}");
        let gaps = answer["gaps"].as_array().context("gaps")?;
        let why = |source: &str| {
            let of = gaps.iter().filter(|gap| gap["source"] == source);
            of.filter_map(|gap| gap["why"].as_str()).collect::<Vec<_>>()
        };
        for (source, expect) in [
            ("prometheus:hangs", "no answer within 1.1 s"),
            ("prometheus:trickles", "no answer within 1.1 s"),
            ("prometheus:floods", "is longer than 8388608 bytes"),
            ("prometheus:signs-in", "sent text/html where JSON was expected"),
            ("prometheus:lies", "JSON"),
            ("github:shop/checkout", "no answer within 1.1 s"),
        ] {
            let said = why(source);
            assert!(matches!(said.as_slice(), [one] if one.contains(expect)), "{source}: {gaps:#?}");
        }
        assert_eq!(gaps.len(), 6, "{gaps:#?}");
    }
    for (name, server) in &prometheus {
        assert!(server.calls() > 0, "{name} was asked");
    }
    assert!(github.calls() > 0);
    let peak = peak_kib(service.pid())?;
    assert!(peak < MOST_KIB, "{peak} KiB");
    Ok(())
}
