//! Bytes to OTLP's messages, in both encodings. The messages are those of the crate opentelemetry-proto; they stay
//! inside this connector.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;

use crate::scan::{self, Message};
use crate::{Encoding, OtlpError, json};

pub(crate) fn decode_logs(body: &[u8], encoding: Encoding) -> Result<ExportLogsServiceRequest, OtlpError> {
    match encoding {
        Encoding::Protobuf => {
            scan::check_protobuf(body, Message::Logs)?;
            ExportLogsServiceRequest::decode(body).map_err(|error| not_protobuf(&error))
        }
        Encoding::Json => json::read_logs(&parse_json(body)?),
    }
}

pub(crate) fn decode_traces(body: &[u8], encoding: Encoding) -> Result<ExportTraceServiceRequest, OtlpError> {
    match encoding {
        Encoding::Protobuf => {
            scan::check_protobuf(body, Message::Traces)?;
            ExportTraceServiceRequest::decode(body).map_err(|error| not_protobuf(&error))
        }
        Encoding::Json => json::read_traces(&parse_json(body)?),
    }
}

fn not_protobuf(error: &prost::DecodeError) -> OtlpError {
    OtlpError::Malformed(format!("the body is no OTLP request in protobuf: {error}"))
}

fn parse_json(body: &[u8]) -> Result<Value, OtlpError> {
    scan::check_json(body)?;
    // The place, and never the text: it is somebody's log.
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        OtlpError::Malformed(format!("the body is not JSON: look at line {line}, column {column}"))
    })
}
