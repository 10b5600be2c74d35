//! Prometheus as a source of golden signals.
