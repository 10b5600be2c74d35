//! A record that holds what an input says has happened, one happening a line: sealed, exported, imported and folded.
//! Behind the digests no guess gets a fuzzer, so that here the digests are made.
#![no_main]

use hearback_core::export::Export;
use hearback_core::{Actor, Draft, Entry, Happening, Head, Incident, IncidentId};
use hearback_fuzz::RECEIVED_AT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let incident = IncidentId::numbered(1);
    let mut entries: Vec<Entry> = Vec::new();
    for what in text.lines().filter_map(|line| serde_json::from_str::<Happening>(line).ok()) {
        let at = RECEIVED_AT;
        let draft = Draft { happened_at: at, known_at: at, recorded_at: at, by: Actor::hearback(), what };
        let before: Option<Head> = entries.last().map(Entry::head);
        entries.push(Entry::seal(&draft, &incident, before, [7; 16]).unwrap());
    }
    let Some(head) = entries.last().map(Entry::head) else { return };
    let export = Export { incident, entries, snapshots: Vec::new(), head };
    let lines = export.to_json_lines().unwrap();
    let again = Export::parse(&lines).unwrap_or_else(|error| panic!("{error}:\n{lines}"));
    assert!(again == export, "it changed on the way:\n{lines}");
    let folded = Incident::as_of(again.incident.clone(), &again.entries, RECEIVED_AT);
    assert_eq!((folded.entries, folded.unreadable), (again.entries.len() as u64, 0));
});
