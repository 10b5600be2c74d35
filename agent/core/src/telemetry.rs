//! What services say of themselves: log records and spans of traces. The vocabulary is OpenTelemetry's
//! (data model of logs and traces, 1.x); how they are sent is a connector's business.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::hash::Digest;
use crate::ids::ServiceName;
use crate::text::ExternalText;

/// How bad a log record says it is: the ranges of OpenTelemetry's severity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSeverity {
    /// 1 to 4.
    Trace,
    /// 5 to 8.
    Debug,
    /// 9 to 12; also what says nothing.
    Info,
    /// 13 to 16.
    Warn,
    /// 17 to 20.
    Error,
    /// 21 to 24.
    Fatal,
}

impl LogSeverity {
    /// From OpenTelemetry's number; 0 and what is out of range is [`LogSeverity::Info`].
    pub fn from_number(number: i32) -> Self {
        match number {
            1..=4 => LogSeverity::Trace,
            5..=8 => LogSeverity::Debug,
            13..=16 => LogSeverity::Warn,
            17..=20 => LogSeverity::Error,
            21..=24 => LogSeverity::Fatal,
            _ => LogSeverity::Info,
        }
    }

    /// From what programs write: `WARNING`, `err`, `critical`, `E`. `None` if it is no severity.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "trace" | "t" => LogSeverity::Trace,
            "debug" | "d" => LogSeverity::Debug,
            "info" | "information" | "notice" | "i" => LogSeverity::Info,
            "warn" | "warning" | "w" => LogSeverity::Warn,
            "error" | "err" | "e" => LogSeverity::Error,
            "fatal" | "critical" | "crit" | "panic" | "alert" | "emerg" | "emergency" | "f" => {
                LogSeverity::Fatal
            }
            _ => return None,
        })
    }
}

impl fmt::Display for LogSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            LogSeverity::Trace => "trace",
            LogSeverity::Debug => "debug",
            LogSeverity::Info => "info",
            LogSeverity::Warn => "warn",
            LogSeverity::Error => "error",
            LogSeverity::Fatal => "fatal",
        })
    }
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// From its bytes; all zero is no id.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let bytes: [u8; $bytes] = bytes.try_into().ok()?;
                bytes.iter().any(|byte| *byte != 0).then_some(Self(bytes))
            }

            /// From hexadecimal digits, of either case.
            pub fn from_hex(text: &str) -> Option<Self> {
                let digits: Option<Vec<u8>> =
                    text.bytes().map(|byte| (byte as char).to_digit(16).map(|digit| digit as u8)).collect();
                let bytes: Vec<u8> = digits?
                    .chunks(2)
                    .map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit))
                    .collect();
                if text.len() == 2 * $bytes { Self::from_bytes(&bytes) } else { None }
            }

            /// Its bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                Self::from_hex(&text).ok_or_else(|| format!("not {} hexadecimal digits", 2 * $bytes))
            }
        }
    };
}

hex_id!(
    /// A trace: 16 bytes, not all zero.
    TraceId,
    16
);
hex_id!(
    /// A span inside a trace: 8 bytes, not all zero.
    SpanId,
    8
);

/// A log record. Anybody may have written its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// When it was written, by the writer's clock.
    pub at: Timestamp,
    /// Who wrote it.
    pub service: ServiceName,
    /// The version of the writer (`service.version`), if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How bad it says it is.
    pub severity: LogSeverity,
    /// The text, capped.
    pub body: ExternalText,
    /// What else it says, capped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, ExternalText>,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// The span it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<SpanId>,
}

/// On which side of a call a span stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// Inside one process.
    Internal,
    /// Answers a call.
    Server,
    /// Makes a call.
    Client,
    /// Sends a message.
    Producer,
    /// Receives a message.
    Consumer,
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanStatus {
    /// It does not say.
    Unset,
    /// Well.
    Ok,
    /// With an error.
    Error,
}

/// A span: one step of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanRecord {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// The step that called this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SpanId>,
    /// Who did it.
    pub service: ServiceName,
    /// The version of who did it, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What was done: an operation with few values, such as `GET /cart`.
    pub name: ExternalText,
    /// On which side of a call.
    pub kind: SpanKind,
    /// When it began, by the service's clock.
    pub started_at: Timestamp,
    /// How long it took; never negative.
    pub duration: SignedDuration,
    /// How it ended.
    pub status: SpanStatus,
    /// What it says of an error.
    #[serde(default, skip_serializing_if = "ExternalText::is_blank")]
    pub message: ExternalText,
    /// What else it says, capped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, ExternalText>,
}

/// What log records of one wording have in common: the digest of the template.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplateId(pub Digest);

impl fmt::Display for TemplateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TemplateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TemplateId({})", self.0.short())
    }
}

/// Log records of one service, severity and wording, counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogTemplate {
    /// The template.
    pub id: TemplateId,
    /// Who wrote them.
    pub service: ServiceName,
    /// How bad they say they are.
    pub severity: LogSeverity,
    /// The wording, with `<*>` for what varies.
    pub text: ExternalText,
    /// How many there are in the window.
    pub count: u64,
    /// The first of them in the window, whole.
    pub first: LogRecord,
    /// When the last of them was written.
    pub last_at: Timestamp,
    /// How many were written in each minute in which there were any, by time; empty where the source does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minutes: Vec<Minute>,
}

/// How many log records of a wording were written in a minute: from its first second to its last, written as a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute(
    /// When the minute begins.
    pub Timestamp,
    /// How many.
    pub u64,
);

impl Minute {
    /// The minute that `at` lies in.
    pub fn of(at: Timestamp) -> Timestamp {
        Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_and_never_zero() {
        let id = SpanId::from_hex("00f067aa0BA902B7").unwrap();
        assert_eq!(id.to_string(), "00f067aa0ba902b7");
        assert_eq!(SpanId::from_bytes(id.as_bytes()), Some(id));
        for bad in ["", "00f067aa0ba902b", "00f067aa0ba902b7aa", "0000000000000000", "00f067aa0ba902bé", "zz"]
        {
            assert_eq!(SpanId::from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn severities_by_number_and_by_word() {
        for (number, expect) in [
            (0, LogSeverity::Info),
            (9, LogSeverity::Info),
            (17, LogSeverity::Error),
            (99, LogSeverity::Info),
        ] {
            assert_eq!(LogSeverity::from_number(number), expect, "{number}");
        }
        assert_eq!(LogSeverity::from_word("WARNING"), Some(LogSeverity::Warn));
        assert_eq!(LogSeverity::from_word("hello"), None);
        assert!(LogSeverity::Fatal > LogSeverity::Error);
    }
}
