//! Exported records, as they are imported: text from another machine.
#![no_main]

use hearback_core::Incident;
use hearback_core::export::Export;
use hearback_fuzz::{RECEIVED_AT, check_refusal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Export::parse(text) {
        Ok(export) => {
            let again = Export::parse(&export.to_json_lines().unwrap()).unwrap();
            assert!(again == export, "it changed when it was written");
            let _ = Incident::as_of(export.incident.clone(), &export.entries, RECEIVED_AT);
        }
        Err(error) => check_refusal(&error),
    }
});
