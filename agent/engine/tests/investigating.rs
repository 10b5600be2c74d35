//! A model that never answers: its time is up, and that is said. The clock is a test's.

#![allow(clippy::unwrap_used, reason = "a test may stop anywhere")]

use hearback_core::answer::{ANSWER_VERSION, Verdict};
use hearback_core::investigation::Ending;
use hearback_core::model::{ModelClient, ModelError, ModelReply, ModelRequest};

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::happening::Question;
use hearback_core::{Answer, SourceName, Window};
use hearback_engine::driver::Sources;
use hearback_engine::investigating::{Forgetful, Subject};
use hearback_engine::investigation::Limits;
use hearback_engine::investigation::reporting::Patches;
use hearback_engine::render_investigation;
use jiff::SignedDuration;

/// It is asked and never answers.
struct Silent(SourceName);

#[async_trait]
impl ModelClient for Silent {
    fn name(&self) -> &SourceName {
        &self.0
    }

    fn context_tokens(&self) -> u32 {
        32_000
    }

    async fn complete(&self, _: &ModelRequest) -> Result<ModelReply, ModelError> {
        std::future::pending().await
    }
}

fn answer() -> Answer {
    let at: jiff::Timestamp = "2026-03-02T14:00:00Z".parse().unwrap();
    Answer {
        schema_version: ANSWER_VERSION,
        verdict: Verdict::NothingFits,
        as_of: at,
        since: at,
        onset: None,
        findings: Vec::new(),
        analysis: None,
        considered: 0,
        suspects: Vec::new(),
        none_of_these: None,
        calibrated_on: None,
        ruled_out: Vec::new(),
        unauthorised: Vec::new(),
        similar: Vec::new(),
        experts: Vec::new(),
        runbook: None,
        gaps: Vec::new(),
        searched: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_never_answers_is_missing_when_its_time_is_up() {
    let answer = answer();
    let window = Window { from: answer.since, until: answer.as_of };
    let question = Question {
        text: "what changed?".into(),
        symptom: "5xx".into(),
        services: Vec::new(),
        window,
        onset: None,
        message: None,
        thread: None,
    };
    let sources = Sources::default();
    let subject = Subject {
        question: &question,
        answer: &answer,
        snapshots: &[],
        incident: None,
        sources: &sources,
        budget: SignedDuration::from_secs(2),
    };
    let own = SourceName::new("hearback:investigation").unwrap();
    let limits = Limits {
        turns: 8,
        tokens: 100_000,
        time: SignedDuration::from_secs(20),
        micros: None,
        context_tokens: 32_000,
        output_tokens: 2_000,
        calls_at_once: 6,
    };
    let model: Arc<dyn ModelClient> = Arc::new(Silent(SourceName::new("model:silent").unwrap()));
    let since = tokio::time::Instant::now();
    let begun = subject.begin(&own, Patches::No, limits).await.unwrap();
    let clock = || SignedDuration::try_from(since.elapsed()).unwrap();
    let found = subject.investigate(begun, &model, &own, &Forgetful, &clock).await.found;
    assert_eq!(since.elapsed().as_secs(), 20);
    assert_eq!((found.ending, found.turns), (Ending::Missing, 0));
    let told = render_investigation::lines(&found, None);
    assert_eq!(
        told,
        ["The model is missing: no answer within 20.0 s. What stands above was found without it."]
    );
}
