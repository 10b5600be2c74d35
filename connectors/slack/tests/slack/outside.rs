//! Outside words on their way to people: they stay words.

use hearback_core::ExternalText;
use hearback_core::chat::{ChatMessage, ChatPort as _, Span};
use serde_json::{Value, json};

use super::fake::Fake;
use super::{AMPLE, channel, chat};

/// What is sent for a line that quotes `words`: its pieces, and the text for notifications.
async fn sent(words: &str) -> (Value, String) {
    let fake = Fake::start().await;
    let quoted = Span::Quoted(ExternalText::new(words));
    let lines = vec![vec![Span::Plain("title: ".into()), quoted, Span::Plain(" by ada".into())]];
    let message = ChatMessage { key: "k".into(), thread: None, lines, buttons: Vec::new() };
    chat(&fake).post(&channel(), &message, AMPLE).await.unwrap();
    fake.assert_kept_the_contract();
    let mut sent = fake.last();
    let pieces = sent["blocks"][0]["elements"][0]["elements"].take();
    (pieces, sent["text"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn markup_mentions_and_links_stay_words() {
    for (words, escaped) in [
        ("<!channel> <!here>", "&lt;!channel&gt; &lt;!here&gt;"),
        ("<@U1> <#C1> <!subteam^S1>", "&lt;@U1&gt; &lt;#C1&gt; &lt;!subteam^S1&gt;"),
        ("@channel @here #general", "@channel @here #general"),
        ("*bold* _italic_ ~gone~ `code` ```pre```", "*bold* _italic_ ~gone~ `code` ```pre```"),
        ("> quote :fire: &lt;!channel&gt;", "&gt; quote :fire: &amp;lt;!channel&amp;gt;"),
        ("<http://evil.example|the runbook>", "&lt;http://evil.example|the runbook&gt;"),
        ("http://evil.example/login", "http://evil.example/login"),
        ("{\"type\": \"user\", \"user_id\": \"U1\"}", "{\"type\": \"user\", \"user_id\": \"U1\"}"),
    ] {
        let (pieces, text) = sent(words).await;
        let expect = json!([
            {"type": "text", "text": "title: "},
            {"type": "text", "text": words, "style": {"code": true}},
            {"type": "text", "text": " by ada"},
        ]);
        assert_eq!(pieces, expect);
        assert_eq!(text, format!("title: {escaped} by ada"));
    }
}

#[tokio::test]
async fn what_hides_or_turns_words_around_is_shown_as_a_sign() {
    let (pieces, text) = sent("safe\u{202e}txt.exe\u{200b}\u{2066}x\u{7}\n\nSECOND LINE").await;
    let shown = "safe\u{fffd}txt.exe\u{fffd}\u{fffd}x\u{fffd} SECOND LINE";
    assert_eq!(pieces[1]["text"], shown);
    assert_eq!(text, format!("title: {shown} by ada"));
}

#[tokio::test]
async fn ten_thousand_characters_are_cut_with_a_sign() {
    for c in ["x", "é", "🔥", "<"] {
        let (pieces, text) = sent(&c.repeat(10_000)).await;
        let shown = pieces[1]["text"].as_str().unwrap();
        assert!(shown.ends_with('…') && shown.encode_utf16().count() <= 3000, "{c}: {}", shown.len());
        assert!(text.encode_utf16().count() <= 4000, "{c}");
    }
}

#[tokio::test]
async fn words_of_nothing_leave_no_empty_piece() {
    let (pieces, _) = sent(" \n ").await;
    assert_eq!(pieces.as_array().unwrap().len(), 2);
}
