//! What OTLP/HTTP answers: a success, a partial success, or a failure as `google.rpc.Status`, in the encoding of the
//! request (OTLP 1.x, "OTLP/HTTP Response"). It must not know the status line and headers.

use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;

use crate::{Encoding, Rejected};

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Log records, at `/v1/logs`.
    Logs,
    /// Spans, at `/v1/traces`.
    Traces,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpResponse {
    /// The value of its `Content-Type` header.
    pub content_type: &'static str,
    /// The bytes.
    pub body: Vec<u8>,
}

/// The request was taken (200). With rejected records it is a partial success, which the sender must not send again.
pub fn success(signal: Signal, encoding: Encoding, rejected: &Rejected) -> OtlpResponse {
    let count = i64::try_from(rejected.count).unwrap_or(i64::MAX);
    let message = rejected.first.clone().unwrap_or_default();
    let body = match (encoding, signal) {
        (Encoding::Json, _) if count == 0 => b"{}".to_vec(),
        // 64-bit numbers are text in the JSON of protobuf.
        (Encoding::Json, Signal::Logs) => to_bytes(&json!({
            "partialSuccess": {"rejectedLogRecords": count.to_string(), "errorMessage": message}
        })),
        (Encoding::Json, Signal::Traces) => to_bytes(&json!({
            "partialSuccess": {"rejectedSpans": count.to_string(), "errorMessage": message}
        })),
        (Encoding::Protobuf, Signal::Logs) => {
            let partial = ExportLogsPartialSuccess { rejected_log_records: count, error_message: message };
            let partial_success = (count > 0).then_some(partial);
            ExportLogsServiceResponse { partial_success }.encode_to_vec()
        }
        (Encoding::Protobuf, Signal::Traces) => {
            let partial = ExportTracePartialSuccess { rejected_spans: count, error_message: message };
            let partial_success = (count > 0).then_some(partial);
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        }
    };
    OtlpResponse { content_type: encoding.content_type(), body }
}

/// The request was not taken (4xx, 5xx): `message` in a `google.rpc.Status`. Its code stays 0: the specification asks
/// for none, and the sender goes by the HTTP status.
pub fn failure(encoding: Encoding, message: &str) -> OtlpResponse {
    let body = match encoding {
        Encoding::Protobuf => Status { code: 0, message: message.to_owned() }.encode_to_vec(),
        Encoding::Json => to_bytes(&json!({ "message": message })),
    };
    OtlpResponse { content_type: encoding.content_type(), body }
}

fn to_bytes(json: &serde_json::Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

/// `google.rpc.Status` without its details.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(count: usize) -> Rejected {
        Rejected { count, first: (count > 0).then(|| "span 3: its trace id is wrong".to_owned()) }
    }

    #[test]
    fn a_success_is_empty_in_both_encodings() {
        for signal in [Signal::Logs, Signal::Traces] {
            assert_eq!(success(signal, Encoding::Protobuf, &rejected(0)).body, b"");
            assert_eq!(success(signal, Encoding::Json, &rejected(0)).body, b"{}");
        }
    }

    #[test]
    fn a_partial_success_says_how_many_and_why() {
        let response = success(Signal::Traces, Encoding::Protobuf, &rejected(2));
        let decoded = ExportTraceServiceResponse::decode(response.body.as_slice()).unwrap();
        let partial = decoded.partial_success.unwrap();
        assert_eq!(
            (partial.rejected_spans, partial.error_message.as_str()),
            (2, "span 3: its trace id is wrong")
        );
        let response = success(Signal::Logs, Encoding::Json, &rejected(2));
        assert_eq!(
            String::from_utf8(response.body).unwrap(),
            r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"span 3: its trace id is wrong"}}"#
        );
    }

    #[test]
    fn a_failure_is_a_status() {
        let response = failure(Encoding::Protobuf, "too much");
        assert_eq!(response.content_type, "application/x-protobuf");
        // Field 2, eight bytes of text: by hand, from the definition of google.rpc.Status.
        assert_eq!(response.body, b"\x12\x08too much");
        assert_eq!(failure(Encoding::Json, "too much").body, br#"{"message":"too much"}"#);
    }
}
