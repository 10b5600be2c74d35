//! Makes a conversation fit into a model: results of tools are shortened, the oldest first, until it does. What the model is
//! and what it was asked stay whole. It must not know what the results say.

use hearback_core::model::{Message, ToolSpec};

/// Bytes of text for a token. English has about four, code and JSON about three: what is counted here is rather too much.
const BYTES_A_TOKEN: usize = 3;
/// What a message costs beside its text.
const A_MESSAGE: usize = 8;
/// What stays of a result that is shortened, in bytes; less and less, until all fit.
const STAYS: [usize; 4] = [2_000, 600, 200, 0];

/// About how many tokens these are, rather too many than too few.
pub fn tokens(messages: &[Message], tools: &[ToolSpec]) -> u64 {
    let messages: usize = messages.iter().map(|message| bytes(message) / BYTES_A_TOKEN + A_MESSAGE).sum();
    let tools: usize = tools
        .iter()
        .map(|tool| {
            let schema = tool.parameters.to_string().len();
            (tool.description.len() + schema) / BYTES_A_TOKEN + A_MESSAGE
        })
        .sum();
    u64::try_from(messages + tools).unwrap_or(u64::MAX)
}

fn bytes(message: &Message) -> usize {
    match message {
        Message::System(text) | Message::User(text) | Message::ToolResult { text, .. } => text.len(),
        Message::Assistant { text, calls } => {
            let text = text.as_ref().map_or(0, |text| text.as_untrusted().len());
            let calls =
                calls.iter().map(|call| call.arguments.as_untrusted().len() + call.name.as_str().len() + 16);
            text + calls.sum::<usize>()
        }
    }
}

/// The messages, shortened so far that they have at most `room` tokens with the tools, if that can be done by shortening
/// results.
pub fn fit(messages: &[Message], tools: &[ToolSpec], room: u64) -> Vec<Message> {
    let mut fitted = messages.to_vec();
    for stays in STAYS {
        for place in 0..fitted.len() {
            if tokens(&fitted, tools) <= room {
                return fitted;
            }
            if let Some(Message::ToolResult { text, .. }) = fitted.get_mut(place) {
                shorten(text, stays);
            }
        }
    }
    fitted
}

fn shorten(text: &mut String, stays: usize) {
    const NOTE: &str = "\n[The rest was left out to make room; ask for less of it if you need it.]";
    if text.len() <= stays + NOTE.len() {
        return;
    }
    let lines: usize =
        text.match_indices('\n').map(|(at, _)| at).take_while(|at| *at <= stays).last().unwrap_or(0);
    text.truncate(lines);
    text.push_str(NOTE);
}

#[cfg(test)]
mod tests {
    use hearback_core::ids::CallId;

    use super::*;

    fn result(number: usize, lines: usize) -> Message {
        let text = (0..lines).map(|line| format!("{number}: line {line}\n")).collect();
        Message::ToolResult { call: CallId::numbered(number), text }
    }

    fn talk() -> Vec<Message> {
        vec![Message::System("rules".into()), Message::User("asked".into()), result(1, 1000), result(2, 1000)]
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(fit(&talk(), &[], u64::MAX), talk());
    }

    #[test]
    fn the_oldest_result_is_shortened_first_at_the_end_of_a_line() {
        let all = tokens(&talk(), &[]);
        let fitted = fit(&talk(), &[], all - 100);
        assert_eq!((&fitted[..2], &fitted[3]), (&talk()[..2], &talk()[3]));
        let Message::ToolResult { text, .. } = &fitted[2] else { panic!("{fitted:?}") };
        assert!(text.ends_with("ask for less of it if you need it.]"), "{text}");
        let before_note = text.split('[').next().unwrap();
        assert!(before_note.lines().all(|line| line.starts_with("1: line ")), "{text}");
    }

    #[test]
    fn a_two_gigabyte_log_leaves_room() {
        let fitted = fit(&talk(), &[], 300);
        assert!(tokens(&fitted, &[]) <= 300);
        assert_eq!(fitted.len(), talk().len(), "every call keeps a result");
    }
}
