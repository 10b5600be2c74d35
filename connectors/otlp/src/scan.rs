//! Counts what a body holds before it is decoded: two bytes on the wire can become hundreds in memory, and values can
//! be nested without end. Knows the shape of OTLP's messages and the two encodings, and must not know what they mean.

use crate::{MOST_RECORDS, OtlpError};

/// Values (attributes, elements of lists, events, links) of one request.
const MOST_VALUES: usize = 500_000;
/// Groups of records (resources, scopes) of one request.
const MOST_GROUPS: usize = 20_000;
/// Objects, lists and their elements of one request in JSON. A value of an attribute is about four of them.
const MOST_TOKENS: usize = 2_000_000;
/// How deep values may be nested. Each level is up to three messages, and prost gives up at a hundred.
const DEEPEST: usize = 30;
/// How deep JSON may be nested: serde_json gives up at 128.
const DEEPEST_JSON: usize = 120;

/// The messages of OTLP, as far as they hold others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Message {
    Logs,
    Traces,
    Group(Kind),
    Scope(Kind),
    Resource,
    InstrumentationScope,
    LogRecord,
    Span,
    EventOrLink { attributes: u64 },
    KeyValue,
    Value,
    List,
    Map,
}

/// What a group of records holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Logs,
    Spans,
}

impl Message {
    /// The message in field `field`, by the published .proto files (opentelemetry-proto 1.x).
    fn holds(self, field: u64) -> Option<Message> {
        use Message::*;
        Some(match (self, field) {
            (Logs, 1) => Group(Kind::Logs),
            (Traces, 1) => Group(Kind::Spans),
            (Group(_), 1) => Resource,
            (Group(kind), 2) => Scope(kind),
            (Scope(_), 1) => InstrumentationScope,
            (Scope(Kind::Logs), 2) => LogRecord,
            (Scope(Kind::Spans), 2) => Span,
            (Resource, 1) | (InstrumentationScope, 3) | (LogRecord, 6) | (Span, 9) | (Map, 1) => KeyValue,
            (LogRecord, 5) | (KeyValue, 2) | (List, 1) => Value,
            (Span, 11) => EventOrLink { attributes: 3 },
            (Span, 13) => EventOrLink { attributes: 4 },
            (EventOrLink { attributes }, field) if field == attributes => KeyValue,
            (Value, 5) => List,
            (Value, 6) => Map,
            _ => return None,
        })
    }
}

/// What was counted.
#[derive(Default)]
struct Counts {
    records: usize,
    groups: usize,
    values: usize,
}

/// Checks a protobuf body.
pub(crate) fn check_protobuf(body: &[u8], request: Message) -> Result<(), OtlpError> {
    let mut counts = Counts::default();
    scan(body, request, 0, &mut counts)
}

fn scan(mut body: &[u8], message: Message, depth: usize, counts: &mut Counts) -> Result<(), OtlpError> {
    while !body.is_empty() {
        let key = varint(&mut body)?;
        match key & 7 {
            0 => drop(varint(&mut body)?),
            1 => drop(take(&mut body, 8)?),
            5 => drop(take(&mut body, 4)?),
            2 => {
                let length = varint(&mut body)?;
                let inside = take(&mut body, length)?;
                let Some(held) = message.holds(key >> 3) else { continue };
                counts.add(held)?;
                let depth = if held == Message::Value { depth + 1 } else { depth };
                if depth > DEEPEST {
                    return Err(too_deep());
                }
                scan(inside, held, depth, counts)?;
            }
            _ => return Err(cut("it holds a wire type that OTLP does not have")),
        }
    }
    Ok(())
}

impl Counts {
    fn add(&mut self, held: Message) -> Result<(), OtlpError> {
        let (count, most, what) = match held {
            Message::LogRecord => (&mut self.records, MOST_RECORDS, "log records"),
            Message::Span => (&mut self.records, MOST_RECORDS, "spans"),
            Message::Group(_) | Message::Scope(_) => (&mut self.groups, MOST_GROUPS, "resources and scopes"),
            _ => (&mut self.values, MOST_VALUES, "values"),
        };
        *count += 1;
        if *count > most { Err(too_many(most, what)) } else { Ok(()) }
    }
}

fn varint(body: &mut &[u8]) -> Result<u64, OtlpError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = body.split_first().ok_or_else(|| cut("it ends in the middle of a number"))?;
        *body = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(cut("it holds a number of more than 64 bits"))
}

fn take<'a>(body: &mut &'a [u8], length: u64) -> Result<&'a [u8], OtlpError> {
    let at = usize::try_from(length).ok();
    let (taken, rest) =
        at.and_then(|at| body.split_at_checked(at)).ok_or_else(|| cut("it ends before its fields do"))?;
    *body = rest;
    Ok(taken)
}

fn cut(why: &str) -> OtlpError {
    OtlpError::Malformed(format!("the body is no OTLP request in protobuf: {why}"))
}

fn too_deep() -> OtlpError {
    OtlpError::TooMuch("a value is nested too deep: send it flatter".to_owned())
}

pub(crate) fn too_many(most: usize, what: &str) -> OtlpError {
    OtlpError::TooMuch(format!("the request holds more than {most} {what}: send smaller batches"))
}

/// Checks a JSON body: how deep it goes and how much it holds. Whether it is JSON is for the parser to say.
pub(crate) fn check_json(body: &[u8]) -> Result<(), OtlpError> {
    let (mut depth, mut tokens, mut in_text, mut escaped) = (0usize, 0usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                depth += 1;
                tokens += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => tokens += 1,
            _ => {}
        }
        if depth > DEEPEST_JSON {
            return Err(too_deep());
        }
        if tokens > MOST_TOKENS {
            return Err(too_many(MOST_TOKENS, "values"));
        }
    }
    Ok(())
}
