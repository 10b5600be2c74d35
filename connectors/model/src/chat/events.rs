//! A stream of events taken apart (server-sent events, as the HTML standard describes them in section 9.2): bytes in, as the
//! network cut them, and the data of whole events out. It must not know what the data says.

/// The mark that may stand at the very beginning of a stream.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// What kind it says it is; empty for none.
    pub(crate) kind: String,
    /// Its data, the lines joined.
    pub(crate) data: String,
}

/// Takes a stream apart. What it holds is never more than what it was given.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// A line whose end has not come yet: bytes, for a character may be cut too.
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    /// The last byte was a carriage return: a line feed right after it belongs to it.
    after_return: bool,
    begun: bool,
}

impl Events {
    /// Takes in the next bytes. The events that end in them.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut whole = Vec::new();
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => whole.extend(self.end_line()),
                _ => self.line.push(*byte),
            }
        }
        whole
    }

    /// What is left where the stream ends. The standard drops an event that no blank line ends; servers leave it out.
    pub(crate) fn finish(mut self) -> Option<Event> {
        let ended = self.end_line();
        ended.or_else(|| self.end_event())
    }

    fn end_line(&mut self) -> Option<Event> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.is_empty() {
            return self.end_event();
        }
        let line = String::from_utf8_lossy(&line);
        // A line that begins with a colon is a comment: it keeps the connection open.
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.kind),
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        std::mem::take(&mut self.has_data).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Event> {
        let mut events = Events::default();
        let mut all: Vec<Event> = pieces.iter().flat_map(|piece| events.push(piece)).collect();
        all.extend(events.finish());
        all
    }

    fn data(of: &[Event]) -> Vec<&str> {
        of.iter().map(|event| event.data.as_str()).collect()
    }

    #[test]
    fn events_end_with_a_blank_line_however_lines_end() {
        let check = |stream: &str, expect: &[&str]| {
            assert_eq!(data(&read(&[stream.as_bytes()])), expect, "{stream:?}");
        };
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check("data: a\r\rdata: b\r\r", &["a", "b"]);
        check("data:a\n\n\n\ndata:  b\n\n", &["a", " b"]);
        check("data: a\ndata: b\ndata\n\n", &["a\nb\n"]);
        check("\u{feff}data: a\n\n", &["a"]);
        check("data: \n\n", &[""]);
    }

    #[test]
    fn comments_and_unknown_fields_are_passed_over() {
        let stream =
            ": keep-alive\n\n:\n\nid: 7\nretry: 10\nevent: ping\n\nevent: error\ndata: x\n\ndata: y\n\n";
        let kinds =
            [("error", "x"), ("", "y")].map(|(kind, data)| Event { kind: kind.into(), data: data.into() });
        assert_eq!(read(&[stream.as_bytes()]), kinds);
    }

    #[test]
    fn the_last_event_needs_no_blank_line() {
        for stream in ["data: a\n\ndata: [DONE]", "data: a\n\ndata: [DONE]\n", "data: a\n\ndata: [DONE]\n\n"]
        {
            assert_eq!(data(&read(&[stream.as_bytes()])), ["a", "[DONE]"], "{stream:?}");
        }
        assert_eq!(read(&[b"", b": x"]), []);
    }

    proptest! {
        #[test]
        fn where_the_network_cuts_makes_no_difference(
            texts in prop::collection::vec("[^\r\n]{0,12}", 0..6),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cuts in prop::collection::vec(0_usize..200, 0..8),
        ) {
            let stream: String =
                texts.iter().map(|text| format!(": ok{end}data: {text}{end}{end}")).collect();
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let events = read(&pieces);
            prop_assert_eq!(data(&events), texts.iter().map(String::as_str).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_break_it(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let whole = pieces.concat();
            prop_assert_eq!(read(&pieces), read(&[&whole]));
        }
    }
}
