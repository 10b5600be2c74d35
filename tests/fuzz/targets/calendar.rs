//! Change freezes from iCalendar files.
#![no_main]

use hearback_calendar::{CalendarOptions, parse_freezes};
use hearback_core::{ExternalText, Window};
use hearback_fuzz::{RECEIVED_AT, check_refusal, check_sentence};
use jiff::SignedDuration;
use libfuzzer_sys::fuzz_target;

const MOST_FREEZES: usize = 5000;
const MOST_MISSING: usize = 11;

fuzz_target!(|text: &str| {
    let window = Window::before(RECEIVED_AT, SignedDuration::from_hours(24 * 7));
    let options = CalendarOptions {
        name: ExternalText::from("change freeze"),
        matching: None,
        zone: None,
        services: Vec::new(),
        environments: Vec::new(),
    };
    let found = match parse_freezes(text, window, &options) {
        Ok(found) => found,
        Err(error) => return check_refusal(&error),
    };
    assert!(found.freezes.len() <= MOST_FREEZES && found.missing.len() <= MOST_MISSING);
    found.missing.iter().for_each(|missing| check_sentence(missing));
    assert!(found.freezes.is_sorted_by_key(|freeze| freeze.window.from));
    for freeze in &found.freezes {
        assert!(freeze.window.from < freeze.window.until, "{:?}", freeze.window);
        assert!(
            freeze.window.from < window.until && window.from < freeze.window.until,
            "{:?}",
            freeze.window
        );
        assert!(!freeze.name.is_blank());
    }
});
