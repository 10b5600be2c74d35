//! What a request leaves in its span: names, counts, how it ended; nothing that was said.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearback_core::gen_ai;
use hearback_core::model::ModelClient as _;
use hearback_fake_model::{FakeModel, Play};
use hearback_model::{ChatOptions, Delivery, OpenAiChat};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Subscriber, subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, registry};

use super::asking::{MODEL, chat, options, question, with_tools};

type Fields = BTreeMap<&'static str, String>;

/// Keeps the fields of every span called `chat`.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Id, Fields)>>>);

struct Into<'a>(&'a mut Fields);

impl Visit for Into<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Seen {
    fn on_new_span(&self, of: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        if of.metadata().name() == gen_ai::CHAT {
            let mut fields = Fields::new();
            of.record(&mut Into(&mut fields));
            self.0.lock().unwrap().push((id.clone(), fields));
        }
    }

    fn on_record(&self, id: &Id, of: &Record<'_>, _: Context<'_, S>) {
        let mut seen = self.0.lock().unwrap();
        if let Some((_, fields)) = seen.iter_mut().find(|(other, _)| other == id) {
            of.record(&mut Into(fields));
        }
    }
}

impl Seen {
    fn only(&self) -> Fields {
        let [(_, fields)] = &self.0.lock().unwrap()[..] else { panic!("not one span") };
        fields.clone()
    }
}

#[tokio::test]
async fn a_reply_leaves_names_and_counts() {
    for delivery in [Delivery::Streamed, Delivery::Whole] {
        let play = Play::calls(&[("logs", r#"{"q": "the pool"}"#)]).counting(1_000, 0, 50);
        let fake = FakeModel::playing([play]).await;
        let chat = OpenAiChat::new(ChatOptions { delivery, ..options(&fake) }).unwrap();
        let seen = Seen::default();
        let _until = subscriber::set_default(registry().with(seen.clone()));
        chat.complete(&with_tools()).await.unwrap();
        let (host, port) = fake.host().split_once(':').unwrap();
        let expect: Fields = [
            (gen_ai::OPERATION_NAME, "chat"),
            (gen_ai::PROVIDER_NAME, "openai"),
            (gen_ai::REQUEST_MODEL, MODEL),
            (gen_ai::REQUEST_MAX_TOKENS, "500"),
            (gen_ai::RESPONSE_MODEL, MODEL),
            (gen_ai::RESPONSE_FINISH_REASONS, "tool_calls"),
            (gen_ai::USAGE_INPUT_TOKENS, "1000"),
            (gen_ai::USAGE_OUTPUT_TOKENS, "50"),
            (gen_ai::SERVER_ADDRESS, host),
            (gen_ai::SERVER_PORT, port),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        assert_eq!(seen.only(), expect, "{delivery:?}");
    }
}

#[tokio::test]
async fn a_failure_leaves_its_kind_and_no_sentence() {
    let fake =
        FakeModel::playing([Play::fails(401, "invalid_api_key", "Incorrect API key sk-hunter22")]).await;
    let seen = Seen::default();
    let _until = subscriber::set_default(registry().with(seen.clone()));
    chat(&fake).complete(&question()).await.unwrap_err();
    let fields = seen.only();
    assert_eq!(fields[gen_ai::ERROR_TYPE], "not_usable");
    assert!(!fields.contains_key(gen_ai::RESPONSE_FINISH_REASONS));
    assert!(!format!("{fields:?}").contains("hunter22"), "{fields:?}");
}

#[tokio::test]
async fn who_does_not_wait_for_the_end_leaves_that_it_was_broken_off() {
    let fake = FakeModel::playing([Play::hangs()]).await;
    let seen = Seen::default();
    let _until = subscriber::set_default(registry().with(seen.clone()));
    let chat = chat(&fake);
    let asked = question();
    tokio::time::timeout(Duration::from_millis(300), chat.complete(&asked)).await.unwrap_err();
    assert_eq!(seen.only()[gen_ai::ERROR_TYPE], "cancelled");
}
