//! Pauses before a request is made again, by a clock that the test moves. The loops never let the program fall idle, so that
//! nobody moves the clock but they.

use std::time::Duration;

use hearback_core::model::{ModelClient as _, ModelError, ModelReply, ModelRequest};
use hearback_fake_model::{FakeModel, Play};
use hearback_model::{ChatOptions, OpenAiChat};
use jiff::SignedDuration;
use tokio::time::{Instant, advance};

use crate::asking::{options, question};

/// Asks, and moves the clock once the first request is there.
async fn ask(fake: &FakeModel, chat: &OpenAiChat, request: &ModelRequest) -> Result<ModelReply, ModelError> {
    let mut asking = std::pin::pin!(chat.complete(request));
    loop {
        tokio::select! {
            biased;
            reply = &mut asking => return reply,
            () = tokio::task::yield_now() => {
                if !fake.asked().is_empty() {
                    advance(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

fn patient(fake: &FakeModel) -> OpenAiChat {
    let mut options = options(fake);
    options.longest_pause = Duration::from_secs(60);
    options.first_piece_within = Duration::from_secs(100_000);
    OpenAiChat::new(ChatOptions { next_piece_within: Duration::from_secs(100_000), ..options }).unwrap()
}

fn request() -> ModelRequest {
    ModelRequest { budget: SignedDuration::from_secs(100_000), ..question() }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_asked_for_is_kept() {
    let fake = FakeModel::playing([Play::busy(Some(30)), Play::says("A deploy.")]).await;
    let begun = Instant::now();
    ask(&fake, &patient(&fake), &request()).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_too_long_is_not_waited_for() {
    let busy =
        |error| matches!(error, ModelError::Busy { retry_after: Some(wanted), .. } if wanted.as_secs() == 61);
    let short = ModelRequest { budget: SignedDuration::from_secs(50), ..question() };
    for request in [request(), short] {
        let fake = FakeModel::playing([Play::busy(Some(61))]).await;
        assert!(busy(ask(&fake, &patient(&fake), &request).await.unwrap_err()));
        assert_eq!(fake.asked().len(), 1, "it was asked once");
    }
}

#[tokio::test(start_paused = true)]
async fn time_that_is_used_up_by_failures_is_said_to_be_up() {
    let fake = FakeModel::playing([Play::busy(Some(30)), Play::hangs()]).await;
    let budget = SignedDuration::from_secs(1000);
    let told = ask(&fake, &patient(&fake), &ModelRequest { budget, ..question() }).await;
    assert_eq!((told, fake.asked().len()), (Err(ModelError::TimedOut(budget)), 2));
}
