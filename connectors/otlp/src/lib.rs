//! Logs and traces that are sent to us: OTLP as protobuf and JSON, and JSON Lines.
