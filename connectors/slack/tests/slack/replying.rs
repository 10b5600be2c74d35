//! Answering somebody who spoke to the copilot: where the answer stands, who sees it, and what is said when it can't.

use hearback_core::chat::{ChatError, ChatPort as _, Heard, Press, Reply, Span};
use hearback_core::{ChannelId, ChatUserId, ExternalText, IncidentId};
use hearback_slack::SlackChat;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::contract::{BOT_USER, SIGNING_SECRET, TEAM};
use super::fake::{Fake, Trouble};
use super::sends::{ADA, GRACE, Request, ts};
use super::sent::{CHANNEL, heard};
use super::{AMPLE, channel, chat, now, says};

fn told(event: &Value) -> Heard {
    heard(&Request::event(SIGNING_SECRET, event, now()))
}

fn command(channel: &str) -> Heard {
    heard(&Request::command(SIGNING_SECRET, &ADA.commands(channel, "/incident", "status", now()), now()))
}

fn answer(key: &str, words: &str) -> Reply {
    Reply { key: key.into(), lines: vec![vec![Span::Plain(words.into())]] }
}

#[tokio::test]
async fn a_message_is_answered_in_its_thread_where_others_can_read_it() {
    let fake = Fake::start().await;
    let question = ADA.says(CHANNEL, &format!("<@{BOT_USER}> what changed?"), now());
    fake.put(question.clone());
    chat(&fake).reply(&told(&question).from(), &answer("k", "The deploy at 13:52."), AMPLE).await.unwrap();
    let [asked, answered] = fake.messages(CHANNEL).try_into().unwrap();
    assert_eq!((asked.by.as_str(), asked.thread), (ADA.id, None));
    assert_eq!((answered.by.as_str(), answered.thread), (BOT_USER, Some(asked.ts)));
    assert_eq!((answered.words.as_str(), answered.key.as_deref()), ("The deploy at 13:52.", Some("k")));
    assert!(answered.buttons.is_empty());
    assert_eq!(fake.called(), ["chat.postMessage"]);
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn a_message_in_a_thread_is_answered_in_that_thread_whose_first_message_names_it() {
    let fake = Fake::start().await;
    let root = ts(now() - SignedDuration::from_mins(5));
    fake.put(ADA.says(CHANNEL, "it burns", now() - SignedDuration::from_mins(5)));
    let question = GRACE.answers(CHANNEL, &root, &format!("<@{BOT_USER}> why?"), now());
    fake.put(question.clone());
    chat(&fake).reply(&told(&question).from(), &answer("k", "x"), AMPLE).await.unwrap();
    assert_eq!(fake.messages(CHANNEL)[2].thread, Some(root));
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn a_command_a_press_and_an_invitation_are_answered_to_the_person_alone() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    let mut proposal = says("INC-17.answer.7", "Likely the deploy.");
    proposal.buttons = vec![Press::Why { incident: IncidentId::numbered(17), answer: 7 }];
    chat.post(&channel(), &proposal, AMPLE).await.unwrap();
    let click = ADA.clicks(&fake.messages(CHANNEL)[0], "Why?", now());
    for heard in [
        command(CHANNEL),
        heard(&Request::click(SIGNING_SECRET, &click, now())),
        told(&ADA.invites(CHANNEL, now())),
    ] {
        chat.reply(&heard.from(), &answer(&heard.delivery, "Only you see this."), AMPLE).await.unwrap();
    }
    let whispers = fake.whispers(CHANNEL, ADA.id);
    assert_eq!(whispers.len(), 3);
    assert!(whispers.iter().all(|seen| seen.words == "Only you see this." && seen.thread.is_none()));
    assert_eq!((fake.whispers(CHANNEL, GRACE.id).len(), fake.messages(CHANNEL).len()), (0, 1));
    assert_eq!(fake.calls("chat.postEphemeral"), (3, 3));
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn a_guest_of_another_workspace_is_answered_under_their_own_id() {
    let fake = Fake::start().await;
    let mut heard = command(CHANNEL);
    heard.by = ChatUserId::new("slack:T0PARTNER:U0GUEST").unwrap();
    chat(&fake).reply(&heard.from(), &answer("k", "x"), AMPLE).await.unwrap();
    assert_eq!(fake.last()["user"], "U0GUEST");
    fake.assert_kept_the_contract();
}

async fn refused(method: &'static str, heard: &Heard, code: &'static str, expect: &str) {
    let fake = Fake::start().await;
    fake.trouble(method, Trouble::Says(code));
    let error = chat(&fake).reply(&heard.from(), &answer("k", "x"), AMPLE).await.unwrap_err();
    assert_eq!(error, ChatError::Refused(expect.into()), "{code}");
    assert_eq!((fake.calls(method), fake.kept().len()), ((1, 0), 0));
}

#[tokio::test]
async fn an_answer_that_slack_refuses_is_a_sentence_that_says_what_to_do() {
    let to_one = [
        (
            "user_not_in_channel",
            "the person is not in the channel, where only they would see the answer; they have to join it and ask again",
        ),
        (
            "channel_not_found",
            "there is no such channel, or it is private and the copilot is not in it; invite it or bind another",
        ),
        ("not_in_channel", "the copilot is not in the channel; invite it there with /invite @hearback"),
        ("is_archived", "the channel is archived; unarchive it or bind another"),
        (
            "messages_tab_disabled",
            "the app takes no direct messages; switch on the Messages tab on the app's page (App Home)",
        ),
        (
            "missing_scope",
            "the app lacks the scope chat:write; update it from connectors/slack/manifest.json and install it again",
        ),
        (
            "restricted_action",
            "the workspace does not let the copilot post there (restricted_action); ask an admin to allow it",
        ),
        (
            "two_factor_setup_required",
            "the workspace does not let the app in (two_factor_setup_required); ask an admin to allow it",
        ),
        (
            "invalid_blocks",
            "the message is not of a form that Slack takes (invalid_blocks); report it as a fault of Hearback",
        ),
    ];
    for (code, expect) in to_one {
        refused("chat.postEphemeral", &command(CHANNEL), code, expect).await;
    }
    let question = told(&ADA.says(CHANNEL, "x", now()));
    let expect = "Slack lets nobody answer that message in a thread; ask again with a message of your own";
    refused("chat.postMessage", &question, "cannot_reply_to_message", expect).await;
}

#[tokio::test]
async fn an_answer_that_fails_says_whether_it_may_have_been_seen() {
    let busy = |seconds| ChatError::Busy(SignedDuration::from_secs(seconds));
    for (trouble, expect, seen) in [
        (Trouble::Busy(Some(7)), busy(7), 0),
        (Trouble::Says("ratelimited"), busy(30), 0),
        (Trouble::Says("message_limit_exceeded"), busy(30), 0),
        (Trouble::Status(503), ChatError::Away("HOST is too busy or failing (503); ask again".into()), 0),
        (Trouble::Says("fatal_error"), ChatError::Unclear("Slack answers fatal_error".into()), 0),
        (Trouble::Hangs, ChatError::Unclear("no answer in time".into()), 0),
        (Trouble::TakesAndHangs, ChatError::Unclear("no answer in time".into()), 1),
    ] {
        let fake = Fake::start().await;
        fake.trouble("chat.postEphemeral", trouble.clone());
        let millis = if format!("{trouble:?}").contains("Hangs") { 300 } else { 20_000 };
        let budget = SignedDuration::from_millis(millis);
        let error = chat(&fake).reply(&command(CHANNEL).from(), &answer("k", "x"), budget).await.unwrap_err();
        let told = match error {
            ChatError::Away(why) => ChatError::Away(fake.anonymous(&why)),
            other => other,
        };
        assert_eq!(told, expect, "{trouble:?}");
        assert_eq!(fake.whispers(CHANNEL, ADA.id).len(), seen, "{trouble:?}");
        fake.assert_kept_the_contract();
    }
}

/// Repeats an answer until Slack takes it, as whoever has one to give does.
async fn insist(chat: &SlackChat, heard: &Heard, reply: &Reply) {
    loop {
        match chat.reply(&heard.from(), reply, AMPLE).await {
            Ok(()) => return,
            Err(ChatError::Busy(pause)) => tokio::time::sleep(pause.try_into().unwrap()).await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_pause_that_slack_asked_for_holds_for_answers_to_one_person_in_every_channel_and_not_for_posts() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    fake.busy("chat.postEphemeral", 1, 30);
    for heard in [command(CHANNEL), command(CHANNEL), command("C0OTHER")] {
        let error = chat.reply(&heard.from(), &answer("k", "x"), AMPLE).await.unwrap_err();
        assert!(
            matches!(error, ChatError::Busy(pause) if pause <= SignedDuration::from_secs(30)),
            "{error:?}"
        );
    }
    assert_eq!(fake.calls("chat.postEphemeral"), (1, 0));
    chat.post(&channel(), &says("k", "x"), AMPLE).await.unwrap();
}

#[tokio::test]
async fn a_pause_ends_and_the_answer_is_given_once() {
    let fake = Fake::start().await;
    fake.busy("chat.postEphemeral", 1, 1);
    insist(&chat(&fake), &command(CHANNEL), &answer("k", "x")).await;
    assert_eq!(fake.calls("chat.postEphemeral"), (2, 1));
    assert_eq!(fake.whispers(CHANNEL, ADA.id).len(), 1);
}

#[tokio::test]
async fn an_answer_in_a_thread_keeps_the_pause_of_its_channel() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    fake.busy("chat.postMessage", 1, 30);
    chat.post(&channel(), &says("k", "x"), AMPLE).await.unwrap_err();
    let question = told(&ADA.says(CHANNEL, "x", now()));
    let error = chat.reply(&question.from(), &answer("k2", "x"), AMPLE).await.unwrap_err();
    assert!(matches!(error, ChatError::Busy(_)), "{error:?}");
    let elsewhere = told(&ADA.says("C0OTHER", "x", now()));
    chat.reply(&elsewhere.from(), &answer("k3", "x"), AMPLE).await.unwrap();
    assert_eq!(fake.calls("chat.postMessage"), (2, 1));
}

#[tokio::test]
async fn outside_words_in_an_answer_stay_words() {
    let words = "<!channel> <@U1> *bold* `code` http://evil.example &lt;";
    let lines = vec![vec![Span::Plain("title: ".into()), Span::Quoted(ExternalText::new(words))]];
    let pieces = json!([
        {"type": "text", "text": "title: "},
        {"type": "text", "text": words, "style": {"code": true}},
    ]);
    for heard in [command(CHANNEL), told(&ADA.says(CHANNEL, "x", now()))] {
        let fake = Fake::start().await;
        let reply = Reply { key: "k".into(), lines: lines.clone() };
        chat(&fake).reply(&heard.from(), &reply, AMPLE).await.unwrap();
        let sent = fake.last();
        assert_eq!(sent["blocks"][0]["elements"][0]["elements"], pieces);
        let escaped =
            "title: &lt;!channel&gt; &lt;@U1&gt; *bold* `code` http://evil.example &amp;lt;".to_owned();
        assert_eq!(sent["text"], escaped);
        fake.assert_kept_the_contract();
    }
}

#[tokio::test]
async fn what_can_not_be_answered_is_refused_before_it_is_sent() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    let refused = async |heard: &Heard, reply: Reply| match chat.reply(&heard.from(), &reply, AMPLE).await {
        Err(ChatError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    let good = command(CHANNEL);
    for reply in [answer("", "x"), answer(&"k".repeat(2000), "x"), answer("k", "")] {
        assert!(refused(&good, reply).await.ends_with("report it as a fault of Hearback"));
    }
    let place = ChannelId::new("slack:T0OTHER:C024BE91L").unwrap();
    let elsewhere = Heard { channel: place, ..good.clone() };
    assert_eq!(
        refused(&elsewhere, answer("k", "x")).await,
        format!("slack:T0OTHER:C024BE91L is no channel of the workspace {TEAM}; bind another")
    );
    let nobody = Heard { by: ChatUserId::new("terminal:ana").unwrap(), ..good };
    assert_eq!(refused(&nobody, answer("k", "x")).await, "terminal:ana is nobody in Slack");
    assert_eq!(fake.called(), [""; 0]);
}
