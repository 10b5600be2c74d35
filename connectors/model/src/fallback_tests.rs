//! Who is asked when, and what is said when nobody can.

use std::collections::VecDeque;

use hearback_core::model::{Ended, Message, ReplyForm, Spent, ToolChoice};

use super::*;

/// Does what it is told, and writes down how much time it was given.
#[derive(Debug)]
struct Scripted {
    name: SourceName,
    context_tokens: u32,
    script: Mutex<VecDeque<Does>>,
    budgets: Mutex<Vec<i64>>,
}

#[derive(Debug, Clone)]
enum Does {
    Answers,
    Fails(ModelError),
    /// Uses up all the time it has.
    Hangs,
}

impl Scripted {
    fn new(name: &str, context_tokens: u32, script: &[Does]) -> Self {
        Scripted {
            name: SourceName::new(name).unwrap(),
            context_tokens,
            script: Mutex::new(script.iter().cloned().collect()),
            budgets: Mutex::default(),
        }
    }

    fn budgets(&self) -> Vec<i64> {
        std::mem::take(&mut self.budgets.lock().unwrap())
    }
}

#[async_trait]
impl ModelClient for Scripted {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn context_tokens(&self) -> u32 {
        self.context_tokens
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        self.budgets.lock().unwrap().push(request.budget.as_secs());
        let does = self.script.lock().unwrap().pop_front().unwrap_or(Does::Answers);
        match does {
            Does::Answers => Ok(ModelReply {
                text: Some("It was the deploy.".into()),
                calls: Vec::new(),
                ended: Ended::Done,
                spent: Spent::once(None, None),
                by: self.name.clone(),
            }),
            Does::Fails(error) => Err(error),
            Does::Hangs => {
                tokio::time::sleep(Duration::try_from(request.budget).unwrap()).await;
                Err(ModelError::TimedOut(request.budget))
            }
        }
    }
}

fn pair(first: &[Does], second: &[Does]) -> Fallback<Scripted, Scripted> {
    let options = FallbackOptions::default();
    Fallback::new(Scripted::new("model:a", 8000, first), Scripted::new("model:b", 4000, second), options)
}

fn request() -> ModelRequest {
    ModelRequest {
        messages: vec![Message::User("What changed?".into())],
        tools: Vec::new(),
        choice: ToolChoice::Auto,
        form: ReplyForm::Text,
        max_output_tokens: 100,
        budget: SignedDuration::from_secs(100),
    }
}

fn busy(retry_after: Option<i64>) -> Does {
    let retry_after = retry_after.map(SignedDuration::from_secs);
    Does::Fails(ModelError::Busy { why: "a is too busy".into(), retry_after })
}

fn not_usable() -> Does {
    Does::Fails(ModelError::NotUsable("a refuses the key".into()))
}

fn failed() -> Does {
    Does::Fails(ModelError::Failed("a can't be reached".into()))
}

async fn by(fallback: &Fallback<Scripted, Scripted>) -> String {
    fallback.complete(&request()).await.unwrap().by.to_string()
}

#[tokio::test(start_paused = true)]
async fn the_second_answers_where_the_first_can_not_and_the_reply_says_so() {
    for does in [busy(None), not_usable(), failed(), Does::Hangs] {
        let fallback = pair(std::slice::from_ref(&does), &[]);
        assert_eq!(by(&fallback).await, "model:b", "{does:?}");
    }
    let fallback = pair(&[], &[]);
    assert_eq!(by(&fallback).await, "model:a");
    assert!(fallback.second.budgets().is_empty());
    assert_eq!((fallback.name().as_str(), fallback.context_tokens()), ("model:a, else model:b", 4000));
}

#[tokio::test(start_paused = true)]
async fn a_first_that_hangs_leaves_time_for_the_second() {
    let fallback = pair(&[Does::Hangs], &[]);
    let begun = Instant::now();
    assert_eq!(by(&fallback).await, "model:b");
    assert_eq!((fallback.first.budgets(), fallback.second.budgets()), (vec![60], vec![40]));
    assert_eq!(begun.elapsed().as_secs(), 60);
    let long = ModelRequest { budget: SignedDuration::from_secs(1000), ..request() };
    fallback.complete(&long).await.unwrap();
    assert_eq!(fallback.first.budgets(), [90]);
}

#[tokio::test(start_paused = true)]
async fn what_is_about_the_conversation_is_not_asked_of_the_second() {
    let malformed = ModelError::Malformed { why: "a sent nothing".into(), spent: Box::default() };
    for error in [ModelError::TooLong("too long".into()), malformed] {
        let fallback = pair(&[Does::Fails(error.clone())], &[]);
        assert_eq!(fallback.complete(&request()).await, Err(error));
        assert!(fallback.second.budgets().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_that_is_down_is_not_waited_for_every_time() {
    let fallback = pair(&[Does::Hangs, Does::Hangs, Does::Hangs], &[]);
    for _ in 0..2 {
        assert_eq!(by(&fallback).await, "model:b");
    }
    assert_eq!(fallback.first.budgets().len(), 2);
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(by(&fallback).await, "model:b");
    }
    assert_eq!((fallback.first.budgets().len(), begun.elapsed()), (0, Duration::ZERO));
    // After its rest it is asked once; it hangs again, and rests again.
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(by(&fallback).await, "model:b");
    assert_eq!(by(&fallback).await, "model:b");
    assert_eq!(fallback.first.budgets().len(), 1);
    // Then it is back.
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(by(&fallback).await, "model:a");
    assert_eq!(by(&fallback).await, "model:a");
}

#[tokio::test(start_paused = true)]
async fn failures_have_to_come_in_a_row() {
    let fallback = pair(&[failed(), Does::Answers, failed(), Does::Answers], &[]);
    for expect in ["model:b", "model:a", "model:b", "model:a"] {
        assert_eq!(by(&fallback).await, expect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_rests_at_once_and_a_busy_one_as_long_as_it_asks() {
    let fallback = pair(&[not_usable()], &[]);
    by(&fallback).await;
    assert_eq!((by(&fallback).await.as_str(), fallback.first.budgets().len()), ("model:b", 1));
    let fallback = pair(&[busy(Some(600)), busy(Some(600))], &[]);
    by(&fallback).await;
    by(&fallback).await;
    tokio::time::advance(Duration::from_secs(599)).await;
    assert_eq!(by(&fallback).await, "model:b");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(by(&fallback).await, "model:a");
}

#[tokio::test(start_paused = true)]
async fn one_request_finds_out_whether_the_first_is_back() {
    let fallback = pair(&[not_usable(), Does::Hangs], &[]);
    by(&fallback).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let (one, other) = tokio::join!(by(&fallback), async {
        tokio::task::yield_now().await;
        by(&fallback).await
    });
    assert_eq!((one.as_str(), other.as_str()), ("model:b", "model:b"));
    assert_eq!(fallback.first.budgets().len(), 2, "the second question did not ask it");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_gives_its_turn_back() {
    let fallback = pair(&[not_usable(), Does::Hangs], &[]);
    by(&fallback).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let dropped = tokio::time::timeout(Duration::from_secs(1), by(&fallback)).await;
    assert!(dropped.is_err());
    assert_eq!(by(&fallback).await, "model:a");
}

#[tokio::test(start_paused = true)]
async fn where_both_fail_both_are_said() {
    let fails = |told: &str| Does::Fails(ModelError::Failed(told.into()));
    let mend = |told: &str| Does::Fails(ModelError::NotUsable(told.into()));
    let told = |first: Does, second: Does| async move {
        let fallback = pair(&[first], &[second]);
        fallback.complete(&request()).await.unwrap_err()
    };
    assert_eq!(told(mend("x"), mend("y")).await, ModelError::NotUsable("x; y".into()));
    assert_eq!(told(mend("x"), fails("y")).await, ModelError::Failed("x; y".into()));
    let both = told(busy(Some(7)), mend("y")).await;
    let retry_after = Some(SignedDuration::from_secs(7));
    assert_eq!(both, ModelError::Busy { why: "a is too busy; y".into(), retry_after });
    let too_long = ModelError::TooLong("too long".into());
    assert_eq!(told(fails("x"), Does::Fails(too_long.clone())).await, too_long);
    assert_eq!(told(Does::Hangs, Does::Hangs).await, ModelError::TimedOut(SignedDuration::from_secs(100)));
}
