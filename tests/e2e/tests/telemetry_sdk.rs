//! The real OpenTelemetry SDK sends logs and spans over OTLP/HTTP in each of its forms, and what it sent is found by the
//! next question.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use hearback_e2e::service::Service;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{
    Compression, LogExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;

/// A service that is instrumented with the SDK.
struct Instrumented {
    logs: SdkLoggerProvider,
    traces: SdkTracerProvider,
}

impl Instrumented {
    /// The SDK as its users set it up, but that each record is sent at once: its batches are sent from threads without
    /// the runtime that its HTTP client needs.
    fn start(
        to: &Service,
        name: &'static str,
        protocol: Protocol,
        gzip: Option<Compression>,
    ) -> Result<Self> {
        let headers = HashMap::from([("authorization".to_owned(), format!("Bearer {}", to.token))]);
        let resource = Resource::builder_empty().with_service_name(name).build();
        let mut logs = LogExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/logs", to.url))
            .with_protocol(protocol)
            .with_headers(headers.clone());
        let mut spans = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", to.url))
            .with_protocol(protocol)
            .with_headers(headers);
        if let Some(compression) = gzip {
            logs = logs.with_compression(compression);
            spans = spans.with_compression(compression);
        }
        let logs = SdkLoggerProvider::builder()
            .with_resource(resource.clone())
            .with_simple_exporter(logs.build()?)
            .build();
        let traces =
            SdkTracerProvider::builder().with_resource(resource).with_simple_exporter(spans.build()?).build();
        Ok(Instrumented { logs, traces })
    }

    /// Five payments fail, and each says so in the log; one succeeds.
    fn fails(&self) -> Result<()> {
        let (logger, tracer) = (self.logs.logger("payments"), self.traces.tracer("payments"));
        let log = |severity, text: String| {
            let mut record = logger.create_log_record();
            record.set_severity_number(severity);
            record.set_body(AnyValue::from(text));
            logger.emit(record);
        };
        for cart in 4711..4716 {
            let mut span = tracer.span_builder("POST /pay").with_kind(SpanKind::Server).start(&tracer);
            log(Severity::Error, format!("no total for cart {cart}"));
            span.set_status(Status::error("the total is not a number"));
            span.end();
        }
        tracer.span_builder("GET /cart").start(&tracer).end();
        log(Severity::Info, "cart 4716 paid".to_owned());
        self.logs.force_flush()?;
        self.traces.force_flush()?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_opentelemetry_sdk_sends_is_found_by_the_next_question() -> Result<()> {
    // The SDK's own HTTP client takes the process's provider of TLS, even for plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let home = Home::new()?;
    let service = Service::start(&home)?;
    let check = |name: &'static str, protocol: Protocol, compression: Option<Compression>| -> Result<()> {
        Instrumented::start(&service, name, protocol, compression)?.fails()?;
        let answer = service.post("/v1/ask", &json!({"services": [name]}))?.ok()?;
        let says = |kind: &str| {
            let findings = answer["findings"].as_array().map_or(&[][..], Vec::as_slice);
            let of_kind =
                findings.iter().filter(|finding| finding["kind"] == kind && finding["service"] == name);
            of_kind.filter_map(|finding| finding["claim"]["says"].as_str()).collect::<Vec<_>>()
        };
        let logged = format!("{name} logs 5 × \"no total for cart <*>\" (new since ");
        assert!(
            matches!(says("error_log").as_slice(), [one] if one.starts_with(&logged)),
            "{name}: {answer:#}"
        );
        let failed = format!("{name} fails POST /pay (5 seen, since ");
        let is_it = |one: &str| one.starts_with(&failed) && one.ends_with(": the total is not a number)");
        assert!(matches!(says("failed_call").as_slice(), [one] if is_it(one)), "{name}: {answer:#}");
        let searched = answer["searched"].as_array().context("searched")?;
        let of_telemetry = searched.iter().filter(|coverage| coverage["source"] == "telemetry:local");
        let searched: Vec<&str> = of_telemetry.filter_map(|coverage| coverage["searched"].as_str()).collect();
        for expect in ["5 log records (warn and worse)", "5 spans with an error", "6 spans"] {
            let expect = format!("{expect} ");
            assert!(searched.iter().any(|text| text.starts_with(&expect)), "{name}: {expect}: {searched:?}");
        }
        assert_eq!(answer["gaps"], json!([]), "{name}");
        Ok(())
    };
    check("protobuf", Protocol::HttpBinary, None)?;
    check("json", Protocol::HttpJson, None)?;
    check("protobuf-gzip", Protocol::HttpBinary, Some(Compression::Gzip))?;
    check("json-gzip", Protocol::HttpJson, Some(Compression::Gzip))?;
    Ok(())
}
