//! Spans as OTLP/HTTP has them: one request in protobuf, over the client that the connectors share. It must not know when
//! they are sent.

use hearback_core::gen_ai::SCHEMA_URL;
use hearback_core::ports::ConnectorError;
use hearback_http::{Content, HttpClient, HttpError, HttpOptions, Limits};
use jiff::SignedDuration;
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;

use crate::TracesOptions;

/// An answer is a few bytes, or words about what was not taken.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Who is sent to.
pub(crate) struct Post {
    http: HttpClient,
    headers: Vec<(String, String)>,
    resource: ResourceAttributesWithSchema,
    within: SignedDuration,
}

impl Post {
    /// Sets it up; nothing is sent.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if the address or a header can't be used.
    pub(crate) fn new(options: &TracesOptions) -> Result<Self, ConnectorError> {
        for (name, value) in &options.headers {
            let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(is_token) {
                return Err(ConnectorError::NotUsable(
                    "the name of a header for traces has a character that can't stand there".into(),
                ));
            }
            if !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
                return Err(ConnectorError::NotUsable(format!(
                    "the header {name} for traces holds a character that can't be sent, such as a line break"
                )));
            }
        }
        let http = HttpClient::new(HttpOptions::new(options.endpoint.as_str()))?;
        let about = [
            KeyValue::new("service.name", options.service.clone()),
            KeyValue::new("service.version", options.version.clone()),
        ];
        let resource = Resource::builder_empty().with_schema_url(about, SCHEMA_URL).build();
        Ok(Post {
            http,
            headers: options.headers.clone(),
            resource: ResourceAttributesWithSchema::from(&resource),
            within: SignedDuration::try_from(options.within).unwrap_or(SignedDuration::MAX),
        })
    }

    /// These spans as one request.
    pub(crate) fn body(&self, spans: Vec<SpanData>) -> Vec<u8> {
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    /// Sends one request. What is answered to one that was taken is not read: it is no JSON.
    pub(crate) async fn send(&self, body: Vec<u8>) -> Result<(), HttpError> {
        let headers = self.headers.iter().map(|(name, value)| (name.clone().into(), value.clone()));
        let content = Content { kind: "application/x-protobuf", bytes: body, headers: headers.collect() };
        let limits = Limits::new(self.within, LONGEST_ANSWER);
        self.http.post(&self.http.at("v1/traces"), content, limits).await?;
        Ok(())
    }
}
