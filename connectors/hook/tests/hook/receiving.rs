//! The reference receiver alone: what it takes, what it refuses, and that a key is done once.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::contract::{KEY, now_s, signature};
use crate::front::{hand_on, read_answer};
use crate::real::World;
use crate::receiver::verify;

const BODY: &[u8] = br#"{"contract":1,"do":"look","key":"hearback-1"}"#;

fn key(number: u32) -> String {
    format!("hearback-{number:064x}")
}

fn execute(number: u32, different: Value) -> Value {
    let mut body = json!({
        "contract": 1, "do": "execute", "key": key(number), "service": "cart", "environment": "production",
        "from": "v12", "to": "v11", "proposal": "INC-3.P1", "approved_by": ["Ana"], "glass_broken": false,
        "at": "2026-11-23T14:00:00Z",
    });
    for (name, value) in different.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn signed(id: &str, body: &Value, at_s: u64, signing: &[u8]) -> (String, String) {
    let (body, at) = (body.to_string(), at_s.to_string());
    let signature = signature(signing, id, &at, body.as_bytes());
    let head = format!(
        "POST /deploys HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nwebhook-id: {id}\r\n\
         webhook-timestamp: {at}\r\nwebhook-signature: {signature}",
        body.len()
    );
    (head, body)
}

async fn answered(at: SocketAddr, request: &(String, String)) -> (u16, Value) {
    read_answer(&hand_on(at, request).await.unwrap())
}

#[tokio::test]
async fn of_many_requests_with_one_key_one_is_done() {
    let world = World::new();
    let receiver = world.receiver();
    let request = signed(&key(1), &execute(1, json!({})), now_s(), KEY);
    let answers = tokio::join!(
        answered(receiver.at, &request),
        answered(receiver.at, &request),
        answered(receiver.at, &request),
    );
    for (status, told) in [answers.0, answers.1, answers.2] {
        assert!(
            matches!((status, told["state"].as_str()), (200, Some("done")) | (202, Some("under_way"))),
            "{told}"
        );
    }
    assert_eq!(answered(receiver.at, &request).await.0, 200);
    assert_eq!(world.changes(), ["cart production v12 v11"]);
    // The world has moved on, and the first answer stands.
    let other = signed(&key(2), &execute(2, json!({})), now_s(), KEY);
    let (status, told) = answered(receiver.at, &other).await;
    assert_eq!((status, told), (409, json!({"state": "not_as_expected", "running": "v11"})));
    assert_eq!(answered(receiver.at, &request).await.1["state"], "done");
    assert_eq!(world.changes().len(), 1);
}

#[tokio::test]
async fn what_is_not_signed_lately_and_rightly_is_refused() {
    let world = World::new();
    let receiver = world.receiver();
    let body = execute(1, json!({}));
    let right = signed(&key(1), &body, now_s(), KEY);
    let changed = (right.0.clone(), right.1.replace("v11", "v10"));
    let unsigned = (right.0.replace("webhook-signature", "x-signature"), right.1.clone());
    let empty = (format!("{},", right.0.rsplit_once(',').unwrap().0), right.1.clone());
    for request in [
        changed,
        unsigned,
        empty,
        signed(&key(1), &body, now_s() - 301, KEY),
        signed(&key(1), &body, now_s() + 320, KEY),
        signed(&key(1), &body, now_s(), b"another secret, as long as that."),
    ] {
        let (status, told) = answered(receiver.at, &request).await;
        assert_eq!(status, 401, "{told}: {request:?}");
    }
    assert!(world.changes().is_empty());
}

#[tokio::test]
async fn words_that_could_do_harm_reach_no_command() {
    let world = World::new();
    let receiver = world.receiver();
    for different in [
        json!({"to": "-rf"}),
        json!({"to": "--help"}),
        json!({"to": "../../etc"}),
        json!({"to": "a b"}),
        json!({"to": "$(reboot)"}),
        json!({"to": "v11;reboot"}),
        json!({"to": "v11\nreboot"}),
        json!({"to": "ｖ11"}),
        json!({"to": "v".repeat(201)}),
        json!({"service": ""}),
        json!({"environment": "a/b"}),
        json!({"from": "*"}),
        json!({"contract": 2}),
        json!({"do": "delete"}),
        json!({"do": "rehearse"}),
        json!({"key": key(2)}),
        json!({"key": null}),
        json!({"key": "../outcome"}),
    ] {
        let request = signed(&key(1), &execute(1, different.clone()), now_s(), KEY);
        let (status, told) = answered(receiver.at, &request).await;
        assert_eq!(status, 400, "{told}: {different}");
    }
    assert!(world.changes().is_empty());
}

fn headers(id: &str, at: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)] {
        headers.insert(name, value.parse().unwrap());
    }
    headers
}

#[test]
fn one_good_signature_among_several_is_enough() {
    let good = signature(KEY, "look-1", "1000", BODY);
    let other = signature(b"another secret, as long as that.", "look-1", "1000", BODY);
    let check = |signatures: &str, expect: bool| {
        assert_eq!(
            verify(KEY, &headers("look-1", "1000", signatures), BODY, 1000).is_ok(),
            expect,
            "{signatures}"
        );
    };
    check(&good, true);
    check(&format!("{other} v1a,zzz {good}"), true);
    for none in [&other, "", "v1,", "v1", &good[3..], &good.replace("v1,", "v2,"), &good[..20]] {
        check(none, false);
    }
}

proptest! {
    #[test]
    fn any_changed_byte_is_refused(
        body in proptest::collection::vec(any::<u8>(), 1..200), id in "[a-z0-9-]{1,60}", at in 0u64..10_000_000_000,
        place in any::<proptest::sample::Index>(), by in 1u8..=255, late in -300i64..=300, part in 0usize..4,
    ) {
        let now = at.saturating_add_signed(late);
        let at = at.to_string();
        let signature = signature(KEY, &id, &at, &body);
        prop_assert!(verify(KEY, &headers(&id, &at, &signature), &body, now).is_ok());
        let change = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let place = place.index(bytes.len());
            // Another letter or digit: what can't stand in a header is refused before.
            bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
            String::from_utf8(bytes).unwrap()
        };
        let mut other = body.clone();
        other[place.index(body.len())] ^= by;
        let (headers, body) = match part {
            0 => (headers(&id, &at, &signature), &other),
            1 => (headers(&change(&id), &at, &signature), &body),
            2 => (headers(&id, &change(&at), &signature), &body),
            _ => (headers(&id, &at, &change(&signature)), &body),
        };
        prop_assert!(verify(KEY, &headers, body, now).is_err());
    }
}
