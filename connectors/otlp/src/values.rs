//! Values of any kind as text, capped, and the attributes that are kept. It must not know logs and traces.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use hearback_core::{ExternalText, ServiceName};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// Bytes of the text of a record.
pub(crate) const MOST_TEXT: usize = 8 << 10;
/// Bytes of an attribute's value.
pub(crate) const MOST_VALUE: usize = 1 << 10;
/// Bytes of an attribute's key.
const MOST_KEY: usize = 200;
/// Attributes of a record.
pub(crate) const MOST_ATTRIBUTES: usize = 32;

/// Attributes of a resource that every record keeps, and the name under which it does.
const KEPT: [(&str, &str); 5] = [
    ("deployment.environment", "deployment.environment"),
    ("deployment.environment.name", "deployment.environment"),
    ("service.instance.id", "service.instance.id"),
    ("k8s.pod.name", "k8s.pod.name"),
    ("host.name", "host.name"),
];

/// Who sent a group of records, and what each of them keeps of it.
pub(crate) struct Sender {
    pub service: ServiceName,
    pub version: Option<String>,
    attributes: BTreeMap<String, ExternalText>,
}

impl Sender {
    /// Reads a resource. A service without a usable name is `unknown_service`, as the specification calls it.
    pub fn of(resource: Option<&Resource>) -> Option<Self> {
        let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
        let find = |key: &str| {
            attributes
                .iter()
                .find(|pair| pair.key == key)
                .map(|pair| to_text(pair.value.as_ref(), MOST_VALUE))
        };
        let name = find("service.name").and_then(|name| ServiceName::nearest(name.as_untrusted()));
        let mut kept = BTreeMap::new();
        for (key, called) in KEPT {
            if let Some(value) = find(key).filter(|value| !value.is_blank()) {
                kept.insert(called.to_owned(), value);
            }
        }
        let version = find("service.version").filter(|version| !version.is_blank());
        Some(Sender {
            service: name.or_else(|| ServiceName::nearest("unknown_service"))?,
            version: version.map(|version| version.as_untrusted().to_owned()),
            attributes: kept,
        })
    }

    /// The attributes of one of its records: those of the sender first, then its own in the order they were sent,
    /// then the name of the scope, as many as fit.
    pub fn attributes(
        &self,
        own: &[KeyValue],
        scope: Option<&InstrumentationScope>,
    ) -> BTreeMap<String, ExternalText> {
        let mut kept = self.attributes.clone();
        for pair in own.iter().filter(|pair| !pair.key.is_empty()) {
            let key = ExternalText::capped(&pair.key, MOST_KEY).as_untrusted().to_owned();
            if kept.len() < MOST_ATTRIBUTES || kept.contains_key(&key) {
                kept.insert(key, to_text(pair.value.as_ref(), MOST_VALUE));
            }
        }
        if let Some(scope) = scope.filter(|scope| !scope.name.is_empty() && kept.len() < MOST_ATTRIBUTES) {
            kept.entry("otel.scope.name".to_owned())
                .or_insert_with(|| ExternalText::capped(&scope.name, MOST_VALUE));
        }
        kept
    }
}

/// A value as text of at most `most` bytes: text as it is, lists and maps as JSON.
pub(crate) fn to_text(value: Option<&AnyValue>, most: usize) -> ExternalText {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => ExternalText::capped(text, most),
        Some(value) => {
            let mut text = Capped { text: String::new(), most };
            // The only error is that it is full.
            let _ = write_value(&mut text, Some(value));
            ExternalText::capped(&text.text, most)
        }
        None => ExternalText::default(),
    }
}

/// Text that refuses more than it may hold, so that a large value is not written out to be cut.
struct Capped {
    text: String,
    most: usize,
}

impl Write for Capped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(ExternalText::capped(text, self.most).as_untrusted());
        if self.text.len() > self.most { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Writes a value as JSON. The depth is bounded by what the scan let through.
fn write_value(out: &mut Capped, value: Option<&Value>) -> fmt::Result {
    match value {
        Some(Value::StringValue(text)) => write_quoted(out, text),
        Some(Value::BoolValue(value)) => write!(out, "{value}"),
        Some(Value::IntValue(number)) => write!(out, "{number}"),
        Some(Value::DoubleValue(number)) => write!(out, "{number}"),
        Some(Value::BytesValue(bytes)) => {
            out.write_char('"')?;
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
            out.write_char('"')
        }
        Some(Value::ArrayValue(list)) => {
            out.write_char('[')?;
            for (index, value) in list.values.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { "," })?;
                write_value(out, value.value.as_ref())?;
            }
            out.write_char(']')
        }
        Some(Value::KvlistValue(map)) => {
            out.write_char('{')?;
            for (index, pair) in map.values.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { "," })?;
                write_quoted(out, &pair.key)?;
                out.write_char(':')?;
                write_value(out, pair.value.as_ref().and_then(|value| value.value.as_ref()))?;
            }
            out.write_char('}')
        }
        // An index into a table of strings, which requests for logs and traces do not have.
        Some(Value::StringValueStrindex(_)) | None => out.write_str("null"),
    }
}

fn write_quoted(out: &mut Capped, text: &str) -> fmt::Result {
    let text = ExternalText::capped(text, out.most);
    let quoted = serde_json::to_string(text.as_untrusted()).map_err(|_| fmt::Error)?;
    out.write_str(&quoted)
}
