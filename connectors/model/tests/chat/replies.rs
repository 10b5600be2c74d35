//! What is made of replies, streamed and whole.

use hearback_core::ExternalText;
use hearback_core::ids::ToolName;
use hearback_core::model::{Ended, ModelClient as _, ModelRequest, Price, ReplyForm, Usage};
use hearback_fake_model::{FakeModel, Play, Tap};
use hearback_model::{ChatOptions, OpenAiChat};
use serde_json::json;

use crate::asking::{chat, options, question, replies};

fn text(of: Option<&ExternalText>) -> &str {
    of.map_or("", |text| text.as_untrusted())
}

#[tokio::test]
async fn a_text_comes_as_it_was_said() {
    let said = "Die Änderung um 14:02 🛫 war's: „retry“ fehlt.\n\n- Zeile zwei";
    for reply in replies(Play::says(said)).await {
        assert_eq!((text(reply.text.as_ref()), reply.ended), (said, Ended::Done));
        assert!(reply.calls.is_empty());
        assert_eq!(reply.spent.usage, Usage { input_tokens: 100, cached_input_tokens: 0, output_tokens: 10 });
    }
}

#[tokio::test]
async fn where_the_network_cuts_makes_no_difference() {
    for bytes in [1, 2, 3, 7, 64, 1000] {
        let fake = FakeModel::playing([Play::says("Änderung 🛫").in_pieces_of(1).in_packets_of(bytes)]).await;
        let reply = chat(&fake).complete(&question()).await.unwrap();
        assert_eq!(text(reply.text.as_ref()), "Änderung 🛫", "{bytes}");
        assert!(reply.spent.is_whole() || reply.spent.unmetered == 0, "{bytes}");
    }
}

#[tokio::test]
async fn calls_come_with_their_arguments_as_they_were_written() {
    let calls = [("logs", "{\"q\": \"panic\"}"), ("series", "{\"q\": \"err"), ("logs", "")];
    for reply in replies(Play::calls(&calls).saying("I look.")).await {
        let made: Vec<_> =
            reply.calls.iter().map(|call| (call.name.as_str(), call.arguments.as_untrusted())).collect();
        assert_eq!((made.as_slice(), reply.ended), (&calls[..], Ended::Calls));
        assert_eq!(text(reply.text.as_ref()), "I look.");
    }
}

#[tokio::test]
async fn a_storm_of_calls_is_bounded() {
    let storm = vec![("logs", "{}"); 100];
    for reply in replies(Play::calls(&storm)).await {
        assert_eq!(reply.calls.len(), 100);
    }
    let fake = FakeModel::playing([Play::calls(&vec![("logs", "{}"); 200])]).await;
    let told = chat(&fake).complete(&question()).await.unwrap_err().to_string();
    assert!(told.contains("calls more than 128 tools at once"), "{told}");
}

#[tokio::test]
async fn an_end_that_is_none_is_told() {
    let check = |play: Play, expect: Ended, said: &'static str| async move {
        for reply in replies(play).await {
            assert_eq!((reply.ended, text(reply.text.as_ref())), (expect, said));
        }
    };
    check(Play::says("It was the dep").cut(), Ended::Length, "It was the dep").await;
    check(Play::calls(&[("logs", "{\"q\":")]).cut(), Ended::Length, "").await;
    check(Play::refuses("I can't help with that."), Ended::Refused, "I can't help with that.").await;
    check(Play::withholds(), Ended::Filtered, "").await;
    // Some say "stop" where they call, or words of their own.
    check(Play::calls(&[("logs", "{}")]).ending("stop"), Ended::Calls, "").await;
    check(Play::says("A deploy.").ending("eos_token"), Ended::Done, "A deploy.").await;
}

#[tokio::test]
async fn what_it_cost_is_exact_and_what_is_not_known_is_said() {
    let price = Price {
        input_per_million: "0.40".parse().unwrap(),
        cached_input_per_million: "0.10".parse().unwrap(),
        output_per_million: "1.60".parse().unwrap(),
        currency: "USD".parse().unwrap(),
    };
    let counted = Play::says("A deploy.").counting(1_000, 400, 7);
    let fake = FakeModel::playing([counted, Play::says("A deploy.").uncounted()]).await;
    let chat = OpenAiChat::new(ChatOptions { price: Some(price), ..options(&fake) }).unwrap();
    let spent = chat.complete(&question()).await.unwrap().spent;
    assert_eq!((spent.costs[0].exact().as_str(), spent.is_whole()), ("0.0002912", true));
    let spent = chat.complete(&question()).await.unwrap().spent;
    assert_eq!((spent.requests, spent.unmetered, spent.costs.len()), (1, 1, 0));
}

#[tokio::test]
async fn json_comes_without_the_fence_that_models_put_around_it() {
    let form =
        ReplyForm::Json { name: ToolName::new("finding").unwrap(), schema: json!({ "type": "object" }) };
    let fake = FakeModel::playing([Play::says("```json\n{\"cause\": \"deploy\"}\n```")]).await;
    let reply = chat(&fake).complete(&ModelRequest { form, ..question() }).await.unwrap();
    assert_eq!(text(reply.text.as_ref()), "{\"cause\": \"deploy\"}");
}

#[tokio::test]
async fn a_stream_that_drips_is_waited_for() {
    let tap = Tap::new();
    let fake = FakeModel::playing([Play::says("It was the deploy.").through(&tap)]).await;
    let chat = chat(&fake);
    let request = question();
    let mut asking = std::pin::pin!(chat.complete(&request));
    let early = tokio::select! {
        biased;
        reply = &mut asking => Some(reply),
        () = async {
            while fake.asked().is_empty() {
                tokio::task::yield_now().await;
            }
            tap.let_out(3);
        } => None,
    };
    assert!(early.is_none(), "it ended before it was let out");
    tap.open();
    assert_eq!(text(asking.await.unwrap().text.as_ref()), "It was the deploy.");
}

#[tokio::test]
async fn a_stream_needs_neither_an_end_mark_nor_a_count() {
    for play in [Play::says("A deploy.").without_done(), Play::says("A deploy.").without_done().uncounted()] {
        let fake = FakeModel::playing([play]).await;
        assert_eq!(chat(&fake).complete(&question()).await.unwrap().ended, Ended::Done);
    }
}

#[tokio::test]
async fn a_server_that_streams_nothing_is_understood() {
    let whole = json!({ "choices": [{ "message": { "content": "A deploy." }, "finish_reason": "stop" }] });
    let fake = FakeModel::playing([Play::sends(200, "application/json", whole.to_string())]).await;
    let reply = chat(&fake).complete(&question()).await.unwrap();
    assert_eq!((text(reply.text.as_ref()), reply.spent.unmetered), ("A deploy.", 1));
}
