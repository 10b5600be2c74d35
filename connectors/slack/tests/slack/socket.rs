//! Socket Mode: nothing is lost and nothing acknowledged too early, whatever happens to the socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearback_core::chat::Heard;
use hearback_http::Secret;
use hearback_slack::{Installation, SlackSocket, SocketError, SocketOptions};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::contract::{APP_TOKEN, BOT_TOKEN, BOT_USER, TEAM};
use super::fake::{Fake, Line, Trouble};
use super::sends::ADA;
use super::sent::{self, approve, line};
use super::{now, ours};

/// Somebody who listens, and what they have heard.
struct Listener {
    heard: Arc<Mutex<Vec<Heard>>>,
    /// How many may be taken; each taken one uses one up.
    may_take: Arc<Semaphore>,
    stop: CancellationToken,
    running: JoinSet<Result<(), SocketError>>,
}

impl Listener {
    fn of(options: SocketOptions) -> Listener {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let may_take = Arc::new(Semaphore::new(1000));
        let stop = CancellationToken::new();
        let (kept, permits) = (Arc::clone(&heard), Arc::clone(&may_take));
        let deliver = move |one: Heard| {
            let (kept, permits) = (Arc::clone(&kept), Arc::clone(&permits));
            async move {
                permits.acquire().await.map_err(|_| "the disk is full")?.forget();
                kept.lock().unwrap().push(one);
                Ok::<(), &str>(())
            }
        };
        let mut running = JoinSet::new();
        running.spawn(SlackSocket::new(options).unwrap().run(deliver, stop.clone()));
        Listener { heard, may_take, stop, running }
    }

    /// From now on nothing is taken until it may be.
    fn hold(&self) {
        let held = self.may_take.forget_permits(1000);
        assert!(held > 0);
    }

    fn deliveries(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|heard| heard.delivery.clone()).collect()
    }

    async fn end(&mut self) -> Result<(), SocketError> {
        tokio::time::timeout(Duration::from_secs(20), self.running.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }

    async fn stopped(mut self) -> Result<(), SocketError> {
        self.stop.cancel();
        self.end().await
    }
}

fn envelope(id: &str, kind: &str, payload: &Value) -> Value {
    json!({"envelope_id": id, "type": kind, "payload": payload, "accepts_response_payload": kind != "events_api",
        "retry_attempt": 0, "retry_reason": ""})
}

/// The envelope `E{n}` with a message of its own.
fn said(n: u32) -> Value {
    let message = sent::message(&format!("1795442400.{n:06}"), &format!("message {n}"));
    envelope(&format!("E{n}"), "events_api", &sent::event(&format!("Ev{n}"), message))
}

fn delivery(n: u32) -> String {
    format!("C024BE91L:1795442400.{n:06}")
}

fn disconnect(reason: &str) -> Value {
    json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "wss-1"}})
}

#[tokio::test]
async fn all_kinds_are_heard_and_acknowledged_in_order() {
    let fake = Fake::start().await;
    let listener = Listener::of(fake.socket_options());
    let mut slack = fake.line().await;
    let joined = ADA.invites(sent::CHANNEL, now());
    let changed = json!({"type": "message", "subtype": "message_changed", "channel": sent::CHANNEL, "ts": "1795442400.000200"});
    let mut foreign = sent::command("1.2.x", "/incident", "status");
    foreign["team_id"] = json!("T0OTHER");
    for envelope in [
        said(1),
        envelope("E2", "slash_commands", &sent::command("1.2.b", "/incident", "status")),
        envelope("E3", "interactive", &sent::press("1.2.c", "press.approve", &approve())),
        envelope("E4", "events_api", &sent::event("Ev4", joined)),
        // These have no effect, and are acknowledged so that they are not repeated.
        envelope("E5", "events_api", &sent::event("Ev5", changed)),
        envelope("E6", "slash_commands", &foreign),
        envelope("E7", "events_api", &json!({"odd": true})),
        envelope("E8", "some_new_kind", &json!({})),
    ] {
        slack.send(&envelope).await;
    }
    slack.send_text("not json").await;
    for n in 1..=8 {
        assert_eq!(slack.ack().await, Some(format!("E{n}")));
    }
    let heard: Vec<String> = listener.heard.lock().unwrap().iter().map(line).collect();
    assert_eq!(heard.len(), 4);
    assert!(heard[0].ends_with(&format!("slack:{TEAM}:C024BE91L: said 1795442400.000001: message 1")));
    assert!(heard[1].ends_with(": /incident: status"));
    assert!(heard[2].ends_with(": pressed Approve under 1795442400.000001"));
    assert!(heard[3].ends_with(": joined"));
    listener.stopped().await.unwrap();
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn an_envelope_is_acknowledged_after_it_is_taken_and_not_before() {
    let fake = Fake::start().await;
    let listener = Listener::of(fake.socket_options());
    let mut slack = fake.line().await;
    listener.hold();
    slack.send(&said(1)).await;
    slack.send(&said(2)).await;
    let nothing = tokio::time::timeout(Duration::from_millis(200), slack.ack()).await;
    assert!(nothing.is_err(), "acknowledged before it was taken");
    listener.may_take.add_permits(1);
    assert_eq!(slack.ack().await.as_deref(), Some("E1"));
    assert_eq!(listener.deliveries(), [delivery(1)]);
    listener.may_take.add_permits(1);
    assert_eq!(slack.ack().await.as_deref(), Some("E2"));
    listener.stopped().await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_taken_is_not_acknowledged_and_comes_again() {
    let fake = Fake::start().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    let deliver = move |one: Heard| {
        let mut kept = kept.lock().unwrap();
        kept.push(one.delivery);
        std::future::ready(if kept.len() == 1 { Err("the disk is full") } else { Ok(()) })
    };
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(SlackSocket::new(fake.socket_options()).unwrap().run(deliver, stop.clone()));
    let mut slack = fake.line().await;
    slack.send(&said(1)).await;
    slack.send(&said(2)).await;
    assert_eq!(slack.ack().await.as_deref(), Some("E2"));
    let mut again = said(1);
    (again["retry_attempt"], again["retry_reason"], again["envelope_id"]) =
        (json!(1), json!("timeout"), json!("E3"));
    slack.send(&again).await;
    assert_eq!(slack.ack().await.as_deref(), Some("E3"));
    assert_eq!(*heard.lock().unwrap(), [delivery(1), delivery(2), delivery(1)]);
    stop.cancel();
    running.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_socket_that_breaks_before_the_ack_loses_nothing_and_repeats_under_the_same_id() {
    let fake = Fake::start().await;
    let listener = Listener::of(fake.socket_options());
    let mut slack = fake.line().await;
    listener.hold();
    for n in 1..=3 {
        slack.send(&said(n)).await;
    }
    // A click is never repeated: what was read has to be heard.
    slack.send(&envelope("E4", "interactive", &sent::press("1.2.c", "press.approve", &approve()))).await;
    // A pong says that all of it has been read.
    slack.pinged().await;
    slack.break_off();
    // The next socket opens once the old one is done with.
    listener.may_take.add_permits(1000);
    let mut slack = fake.line().await;
    slack.send(&said(3)).await;
    slack.send(&said(5)).await;
    assert_eq!(slack.ack().await.as_deref(), Some("E3"));
    assert_eq!(slack.ack().await.as_deref(), Some("E5"));
    let expect = [delivery(1), delivery(2), delivery(3), "1.2.c".into(), delivery(3), delivery(5)];
    assert_eq!(listener.deliveries(), expect);
    listener.stopped().await.unwrap();
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn when_slack_asks_for_another_socket_there_is_no_moment_without_one() {
    for reason in ["warning", "refresh_requested"] {
        let fake = Fake::start().await;
        let listener = Listener::of(fake.socket_options());
        let mut old = fake.line().await;
        old.send(&said(1)).await;
        assert_eq!(old.ack().await.as_deref(), Some("E1"));
        old.send(&disconnect(reason)).await;
        old.send(&disconnect("refresh_requested")).await;
        let mut new = fake.line().await;
        // Both are read until Slack closes the old one.
        old.send(&said(2)).await;
        assert_eq!(old.ack().await.as_deref(), Some("E2"));
        new.send(&said(3)).await;
        assert_eq!(new.ack().await.as_deref(), Some("E3"));
        old.break_off();
        new.send(&said(4)).await;
        assert_eq!(new.ack().await.as_deref(), Some("E4"));
        assert_eq!(listener.deliveries(), [delivery(1), delivery(2), delivery(3), delivery(4)]);
        listener.stopped().await.unwrap();
        assert_eq!(fake.called(), ["apps.connections.open"; 2]);
    }
}

#[tokio::test]
async fn slack_away_is_waited_for_and_its_pause_is_kept() {
    let fake = Fake::start().await;
    for trouble in
        [Trouble::Status(503), Trouble::Status(503), Trouble::Status(503), Trouble::Says("internal_error")]
    {
        fake.trouble("apps.connections.open", trouble);
    }
    fake.trouble("apps.connections.open", Trouble::NotJson);
    fake.trouble("apps.connections.open", Trouble::Answers(json!({"ok": true})));
    fake.trouble("apps.connections.open", Trouble::Busy(Some(1)));
    fake.trouble(
        "apps.connections.open",
        Trouble::Answers(json!({"ok": true, "url": "ws://127.0.0.1:1/?ticket=secret"})),
    );
    fake.trouble(
        "apps.connections.open",
        Trouble::Answers(json!({"ok": true, "url": "https://evil.example/"})),
    );
    let begun = std::time::Instant::now();
    let listener = Listener::of(fake.socket_options());
    let mut slack = fake.line().await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    slack.send(&said(1)).await;
    assert_eq!(slack.ack().await.as_deref(), Some("E1"));
    listener.stopped().await.unwrap();
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn what_can_not_be_mended_by_trying_again_ends_it_with_a_sentence() {
    let fake = Fake::start().await;
    let with_token = |token: &str| SocketOptions { app_token: Secret::new(token), ..fake.socket_options() };
    let check = |error: SocketError, expect: &str| {
        assert_eq!(error.to_string(), format!("Slack is not listened to: {expect}"))
    };
    check(
        Listener::of(with_token(BOT_TOKEN)).end().await.unwrap_err(),
        "the token is of the wrong kind; messages need the bot token (xoxb-), Socket Mode the app token (xapp-)",
    );
    check(
        Listener::of(with_token("xapp-revoked")).end().await.unwrap_err(),
        "the token is not accepted (invalid_auth); set the one that stands on the app's page",
    );
    let other = Installation::new(TEAM, "A0OTHER", BOT_USER).unwrap();
    check(
        Listener::of(SocketOptions { installation: other, ..fake.socket_options() }).end().await.unwrap_err(),
        "the app token is of another app than is configured; set the token or the app's id",
    );
    let _ = fake.line().await;
    let mut listener = Listener::of(fake.socket_options());
    let mut slack = fake.line().await;
    slack.send(&disconnect("link_disabled")).await;
    check(
        listener.end().await.unwrap_err(),
        "Socket Mode was switched off for the app; switch it on on the app's page and start again",
    );
}

#[tokio::test]
async fn a_socket_that_does_not_say_hello_is_replaced() {
    let fake = Fake::start().await;
    fake.greet_with(disconnect("too_many_websockets"));
    let listener = Listener::of(fake.socket_options());
    fake.line().await.break_off();
    let mut slack = fake.line().await;
    slack.send(&said(1)).await;
    assert_eq!(slack.ack().await.as_deref(), Some("E1"));
    listener.stopped().await.unwrap();
}

#[tokio::test]
async fn repeated_and_reordered_events_keep_their_own_ids_and_times() {
    let fake = Fake::start().await;
    let listener = Listener::of(fake.socket_options());
    let mut slack = fake.line().await;
    for (n, id) in [(3, "E1"), (1, "E2"), (3, "E3"), (2, "E4")] {
        let mut envelope = said(n);
        envelope["envelope_id"] = json!(id);
        slack.send(&envelope).await;
        assert_eq!(slack.ack().await.as_deref(), Some(id));
    }
    assert_eq!(listener.deliveries(), [3, 1, 3, 2].map(delivery));
    let mut heard = listener.heard.lock().unwrap().clone();
    heard.sort_by_key(|heard| heard.at);
    heard.dedup_by_key(|heard| heard.delivery.clone());
    let told: Vec<String> =
        heard.iter().map(|heard| line(heard).split(": ").last().unwrap().to_owned()).collect();
    assert_eq!(told, ["message 1", "message 2", "message 3"]);
    listener.stopped().await.unwrap();
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_taken_for_dead() {
    let fake = Fake::start().await;
    let options = SocketOptions {
        ping_every: Duration::from_millis(20),
        silence: Duration::from_millis(200),
        ..fake.socket_options()
    };
    let listener = Listener::of(options);
    // Not read by anybody, it does not even answer pings.
    let _silent: Line = fake.line().await;
    let mut slack = fake.line().await;
    slack.send(&said(1)).await;
    assert_eq!(slack.ack().await.as_deref(), Some("E1"));
    listener.stopped().await.unwrap();
}

#[tokio::test]
async fn stopping_hands_over_what_was_read_and_opens_nothing_new() {
    let fake = Fake::start().await;
    let listener = Listener::of(fake.socket_options());
    let mut slack = fake.line().await;
    listener.hold();
    for n in 1..=3 {
        slack.send(&said(n)).await;
    }
    slack.pinged().await;
    listener.stop.cancel();
    listener.may_take.add_permits(1000);
    for n in 1..=3 {
        assert_eq!(slack.ack().await, Some(format!("E{n}")));
    }
    assert_eq!(slack.ack().await, None);
    let mut listener = listener;
    listener.end().await.unwrap();
    assert_eq!(listener.deliveries(), [delivery(1), delivery(2), delivery(3)]);
    assert_eq!(fake.called(), ["apps.connections.open"]);
}

#[tokio::test]
async fn three_thousand_messages_keep_their_order_over_a_socket_that_breaks() {
    let fake = Fake::start().await;
    let listener = Listener::of(SocketOptions {
        app_token: Secret::new(APP_TOKEN),
        installation: ours(),
        ..fake.socket_options()
    });
    listener.may_take.add_permits(10_000);
    let mut acknowledged = 0;
    while acknowledged < 3000 {
        let mut slack = fake.line().await;
        let last = (acknowledged + 700).min(3000);
        for n in acknowledged + 1..=last {
            slack.send(&said(n)).await;
        }
        // Slack has heard of some of them when the socket breaks, and repeats the rest.
        for _ in 0..(last - acknowledged).min(500) {
            assert_eq!(slack.ack().await, Some(format!("E{}", acknowledged + 1)));
            acknowledged += 1;
        }
        slack.break_off();
    }
    listener.stop.cancel();
    let mut listener = listener;
    listener.end().await.unwrap();
    let mut first: Vec<String> = Vec::new();
    for delivery in listener.deliveries() {
        if !first.contains(&delivery) {
            first.push(delivery);
        }
    }
    assert_eq!(first, (1..=3000).map(delivery).collect::<Vec<_>>());
}
