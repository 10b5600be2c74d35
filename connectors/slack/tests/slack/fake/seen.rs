//! A message as people see it: the words of its blocks and the buttons under them. It must not know how it came there.

use std::time::Instant;

use serde_json::Value;

/// A message that stands in a channel.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The place in the order in which Slack took messages, of all channels; from 0.
    pub number: usize,
    /// When Slack took it, by this machine's clock.
    #[allow(dead_code, reason = "end-to-end tests read it")]
    pub came: Instant,
    pub channel: String,
    pub ts: String,
    /// The first message of the thread it stands in.
    pub thread: Option<String>,
    /// Who wrote it.
    pub by: String,
    /// Who alone sees it, if not everybody does.
    pub only_for: Option<String>,
    /// The key in its metadata, if we wrote it.
    pub key: Option<String>,
    /// Its words, plain.
    pub words: String,
    /// What a notification shows of it.
    pub notification: String,
    pub buttons: Vec<Button>,
    /// The words that stood there before it was changed, the oldest first.
    pub before: Vec<String>,
    /// As Slack keeps it.
    pub message: Value,
}

/// A button under a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    pub action_id: String,
    pub value: String,
    pub style: Option<String>,
    /// Slack names a block that has no name.
    pub block_id: String,
}

impl Seen {
    pub(super) fn of(
        (number, came): (usize, Instant),
        message: &Value,
        before: &[Value],
        only_for: Option<&str>,
    ) -> Seen {
        let text = |name: &str| message[name].as_str().map(str::to_owned);
        Seen {
            number,
            came,
            channel: text("channel").unwrap_or_default(),
            ts: text("ts").unwrap_or_default(),
            thread: text("thread_ts"),
            by: text("user").unwrap_or_default(),
            only_for: only_for.map(str::to_owned),
            key: message["metadata"]["event_payload"]["key"].as_str().map(str::to_owned),
            words: words_of(message),
            notification: text("text").unwrap_or_default(),
            buttons: buttons_of(message),
            before: before.iter().map(words_of).collect(),
            message: message.clone(),
        }
    }

    /// A message that nobody posted.
    pub fn of_message(message: &Value) -> Seen {
        Seen::of((0, Instant::now()), message, &[], None)
    }

    /// The button with these words on it.
    pub fn button(&self, label: &str) -> &Button {
        let found = self.buttons.iter().find(|button| button.label == label);
        let labels: Vec<&str> = self.buttons.iter().map(|button| button.label.as_str()).collect();
        found.unwrap_or_else(|| panic!("no button {label} but {labels:?} under: {}", self.words))
    }

    /// The message drawn: bold in `**`, outside words in backticks, links and buttons in brackets.
    pub fn drawn(&self) -> String {
        let mut drawn = String::new();
        for block in blocks(&self.message) {
            if block["type"] == "actions" {
                let labels = self.buttons.iter().map(|button| {
                    format!("[ {} ]{}", button.label, button.style.as_deref().unwrap_or_default())
                });
                drawn += &format!("\n{}\n", labels.collect::<Vec<_>>().join("  "));
                continue;
            }
            for (piece, text) in pieces(block) {
                drawn += &match (piece["type"].as_str().unwrap(), &piece["style"]) {
                    ("link", _) => format!("[{text}]({})", piece["url"].as_str().unwrap()),
                    (_, style) if style["bold"] == true => format!("**{text}**"),
                    (_, style) if style["code"] == true => format!("`{text}`"),
                    _ => text.to_owned(),
                };
            }
            drawn.push('\n');
        }
        format!("{drawn}\n--- in a notification ---\n{}\n", self.notification)
    }
}

fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    message["blocks"].as_array().into_iter().flatten()
}

/// The pieces of a block of rich text, with what each says.
fn pieces(block: &Value) -> impl Iterator<Item = (&Value, &str)> {
    let sections = block["elements"].as_array().into_iter().flatten();
    let pieces = sections.flat_map(|section| section["elements"].as_array().into_iter().flatten());
    pieces.map(|piece| (piece, piece["text"].as_str().unwrap_or_default()))
}

/// The words of the blocks; those of the text where there are no blocks, as in what people write.
fn words_of(message: &Value) -> String {
    let rich = blocks(message).filter(|block| block["type"] == "rich_text");
    let told: Vec<String> = rich.map(|block| pieces(block).map(|(_, text)| text).collect()).collect();
    if told.is_empty() { message["text"].as_str().unwrap_or_default().to_owned() } else { told.join("\n") }
}

fn buttons_of(message: &Value) -> Vec<Button> {
    let rows = blocks(message).enumerate().filter(|(_, block)| block["type"] == "actions");
    let of_row = |(number, row): (usize, &Value)| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let button = |button: &Value| Button {
            label: text(&button["text"]["text"]).unwrap_or_default(),
            action_id: text(&button["action_id"]).unwrap_or_default(),
            value: text(&button["value"]).unwrap_or_default(),
            style: text(&button["style"]),
            block_id: text(&row["block_id"]).unwrap_or_else(|| format!("b{number}")),
        };
        row["elements"].as_array().into_iter().flatten().map(button).collect::<Vec<_>>()
    };
    rows.flat_map(of_row).collect()
}
