//! Changes that are sent to us, in every form and under every content type. An input may begin with headers, one a
//! line, and an empty line after them; those are the headers of CloudEvents' binary mode.
#![no_main]

use std::collections::BTreeMap;

use hearback_cdevents::{MAX_CHANGES, parse_changes};
use hearback_fuzz::{check_change, check_refusal};
use libfuzzer_sys::fuzz_target;

const CONTENT_TYPES: [&str; 3] =
    ["application/json; charset=utf-8", "application/cloudevents+json", "application/cloudevents-batch+json"];

fuzz_target!(|input: &[u8]| {
    let (headers, body) = headers_and_body(input);
    // What the sender says of its body is text from outside too.
    for content_type in CONTENT_TYPES.iter().chain(headers.get("content-type")) {
        match parse_changes(content_type, |name| headers.get(name).copied(), body) {
            Ok(changes) => {
                assert!(changes.len() <= MAX_CHANGES);
                changes.iter().for_each(check_change);
            }
            Err(error) => check_refusal(&error),
        }
    }
});

fn headers_and_body(input: &[u8]) -> (BTreeMap<&str, &str>, &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let head = end.and_then(|end| std::str::from_utf8(&input[..end]).ok());
    let (Some(end), Some(head)) = (end, head) else { return (BTreeMap::new(), input) };
    let lines: Option<_> = head.lines().map(|line| line.split_once(": ")).collect();
    lines.map_or((BTreeMap::new(), input), |headers| (headers, &input[end + 2..]))
}
