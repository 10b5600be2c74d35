//! The HTTP client that connectors share: deadlines, size limits, retries of reads.
