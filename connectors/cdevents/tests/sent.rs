//! What is sent to us, in every form, and what is refused and how.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

use hearback_cdevents::{ChangeFormError, MAX_BODY_BYTES, PlainBody, parse_changes};
use hearback_core::change::{Nature, Paths, Review, Rollout, Says};
use hearback_core::{Change, ChangeKind};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn no_header(_: &str) -> Option<&'static str> {
    None
}

fn json_body(body: &Value) -> Result<Vec<Change>, ChangeFormError> {
    parse_changes("application/json; charset=utf-8", no_header, body.to_string().as_bytes())
}

fn one(body: &Value) -> Change {
    let mut changes = json_body(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(changes.len(), 1, "{body}");
    changes.pop().unwrap()
}

fn refused(body: &Value) -> String {
    let error = json_body(body).err().unwrap_or_else(|| panic!("taken: {body}")).to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// `base` with the fields of `different`; `null` takes one out.
fn with(mut base: Value, different: Value) -> Value {
    for (name, value) in different.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name] = value.clone();
        }
    }
    base
}

fn plain(different: Value) -> Value {
    let base =
        json!({"id": "1842", "kind": "config", "title": "Raise pool size", "at": "2026-11-23T13:10:00Z"});
    with(base, different)
}

fn event(kind: &str, subject: &str, content: Value) -> Value {
    json!({
        "context": {
            "specversion": "0.5.1", "id": "e-1", "source": "https://ci.example/cart", "type": kind,
            "timestamp": "2026-11-23T13:10:05.315Z", "chainId": "c-1", "links": [],
        },
        "subject": {"id": subject, "source": "https://ci.example/cart", "content": content},
    })
}

fn deployed() -> Value {
    event(
        "dev.cdevents.service.deployed.0.3.0",
        "service/checkout",
        json!({"environment": {"id": "shop/production"}, "artifactId": format!("pkg:github/shop/checkout@{SHA}")}),
    )
}

#[test]
fn every_field_of_the_plain_form_finds_its_place() {
    let change = one(&json!({
        "id": "1842", "kind": "deploy", "title": "checkout 1.4.2", "services": ["checkout", "cart"],
        "environment": "production", "started_at": "2026-11-23T13:00:00Z", "finished_at": "2026-11-23T15:10:00+02:00",
        "author": {"name": "Ana Ruiz", "email": "ana@shop.example"}, "link": "https://cd.example/1842",
        "body": "two\nlines", "delivers": [format!("shop:{SHA}"), format!("git:team:shop:{SHA}"), "flag:ld:new-cart"],
        "reverts": ["deploy:argocd:1841"], "approved": true, "source": "argocd", "version": "1.4.2",
        "before": " 1.4.1 ",
    }));
    assert_eq!(change.id.as_str(), "deploy:argocd:1842");
    assert_eq!(change.source.as_str(), "sent:argocd");
    assert_eq!((change.kind, change.title.as_untrusted()), (ChangeKind::Deploy, "checkout 1.4.2"));
    assert_eq!(change.services.iter().map(|s| s.as_str()).collect::<Vec<_>>(), ["checkout", "cart"]);
    assert_eq!(change.environment.as_deref(), Some("production"));
    assert_eq!(change.committed_at, at("2026-11-23T13:00:00Z"));
    assert_eq!(change.effective_at, at("2026-11-23T13:10:00Z"));
    assert_eq!(change.author.name.as_untrusted(), "Ana Ruiz");
    assert_eq!(change.author.email.unwrap().as_untrusted(), "ana@shop.example");
    assert_eq!(change.link.as_deref(), Some("https://cd.example/1842"));
    assert_eq!(change.body.as_untrusted(), "two\nlines");
    let delivers: Vec<&str> = change.delivers.iter().map(|id| id.as_str()).collect();
    assert_eq!(
        delivers,
        [format!("git:shop:{SHA}"), format!("git:team:shop:{SHA}"), "flag:ld:new-cart".into()]
    );
    assert_eq!(change.revert.reverts[0].as_str(), "deploy:argocd:1841");
    assert_eq!((change.revert.says, change.review), (Says::Reverts, Review::Approved));
    assert_eq!(change.rollout, Some(Rollout { version: "1.4.2".into(), before: Some("1.4.1".into()) }));
}

#[test]
fn what_the_plain_form_leaves_out_is_not_known() {
    let change = one(&plain(json!({})));
    assert_eq!(change.id.as_str(), "config:sent:1842");
    assert_eq!(
        (change.committed_at, change.effective_at),
        (at("2026-11-23T13:10:00Z"), at("2026-11-23T13:10:00Z"))
    );
    assert_eq!((change.review, change.revert.says), (Review::Unknown, Says::Nothing));
    assert_eq!((change.author.name.as_untrusted(), change.author.nature), ("sent", Nature::Person));
    assert_eq!(change.paths, Paths::Known(vec![]));
    assert_eq!(one(&plain(json!({"approved": false}))).review, Review::Missing);
    assert_eq!(one(&plain(json!({"kind": "commit"}))).paths, Paths::Unknown);
    assert_eq!(one(&plain(json!({"author": "renovate[bot]"}))).author.nature, Nature::Bot);
    assert_eq!(one(&plain(json!({"environment": " ", "link": "", "body": ""}))).environment, None);
    let ahead = one(&plain(json!({"kind": "certificate", "at": "2031-01-01T00:00:00Z"})));
    assert_eq!(ahead.effective_at, at("2031-01-01T00:00:00Z"), "what is planned may lie ahead");
}

#[test]
fn sending_twice_gives_the_same_id_and_two_senders_never_share_one() {
    let id = |different: Value| one(&plain(different)).id;
    assert_eq!(id(json!({})), id(json!({"title": "Another title", "at": "2026-11-23T14:00:00Z"})));
    let ids = [
        id(json!({"source": "a:b", "id": "c"})),
        id(json!({"source": "a", "id": "b:c"})),
        id(json!({"source": "a%3Ab", "id": "c"})),
        id(json!({"source": "a", "id": "c"})),
        id(json!({"source": "a", "id": "c", "kind": "flag"})),
        id(json!({"source": "a", "id": "x".repeat(400)})),
        id(json!({"source": "a", "id": format!("{}y", "x".repeat(399))})),
        id(json!({"source": "é:".repeat(33), "id": "c".repeat(300)})),
    ];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    assert!(ids.iter().all(|id| id.as_str().len() <= 300), "{ids:?}");
}

#[test]
fn mistakes_in_the_plain_form_are_named() {
    let check = |different: Value, expect: &str| {
        let error = refused(&plain(different));
        assert!(error.contains(expect), "{error}");
    };
    check(json!({"enviroment": "production"}), "unknown field `enviroment`, expected one of `id`, `kind`");
    check(
        json!({"author": {"name": "a", "mail": "b"}}),
        "author must be a name, or an object with name and email",
    );
    check(json!({"id": null}), "missing field `id`");
    check(json!({"id": " "}), "id is empty");
    check(json!({"id": "a\nb"}), "id has control characters");
    check(json!({"id": 7}), "a value has the wrong type, a string is expected");
    check(json!({"id": "x".repeat(501)}), "id has 501 bytes and 500 are read at most");
    check(json!({"kind": "deply"}), "unknown variant `deply`, expected one of `deploy`, `commit`");
    check(json!({"title": ""}), "title is empty");
    check(json!({"title": "x".repeat(1001)}), "title has 1001 bytes");
    check(json!({"body": "x".repeat(20_001)}), "body has 20001 bytes");
    check(json!({"services": ["a b"]}), "\"a b\" is not a service name");
    check(json!({"services": vec!["a"; 101]}), "services has 101 entries");
    check(json!({"services": "checkout"}), "a value has the wrong type, a sequence is expected");
    check(json!({"at": null}), "when is missing: give at, or started_at and finished_at");
    check(json!({"at": "13:10"}), "at \"13:10\" is not a time; write it as 2026-11-23T14:05:00Z");
    check(json!({"at": "1970-01-01T00:00:00Z"}), "at \"1970-01-01T00:00:00Z\" can't be");
    check(json!({"at": "2200-01-01T00:00:00Z"}), "can't be; times from 2000 to 2199");
    check(json!({"finished_at": "2026-11-23T13:10:00Z"}), "not both");
    check(
        json!({"at": null, "started_at": "2026-11-23T13:10:00Z", "finished_at": "2026-11-23T13:09:59Z"}),
        "finished_at is before started_at",
    );
    check(json!({"link": "javascript:alert(1)"}), "link must begin with https://");
    check(
        json!({"delivers": ["shop:3f2a91c"]}),
        "delivers has \"shop:3f2a91c\"; write a commit as repository:sha",
    );
    check(json!({"delivers": [SHA]}), "delivers has");
    check(json!({"delivers": [format!(":{SHA}")]}), "delivers has");
    check(json!({"reverts": ["git:shop:3f2a91c"]}), "reverts has");
    check(json!({"delivers": vec![format!("shop:{SHA}"); 5001]}), "delivers has 5001 entries");
    check(json!({"approved": "yes"}), "a value has the wrong type, a boolean is expected");
    check(json!({"version": "v1"}), "version is for deploys; leave it out of a change of another kind");
    check(json!({"before": "v1"}), "before is for deploys");
    check(json!({"kind": "deploy", "before": "v1"}), "before is given and version is not");
    check(json!({"kind": "deploy", "version": "v\t1"}), "version has control characters");
    check(
        json!({"kind": "deploy", "version": "v".repeat(301)}),
        "version has 301 bytes and 300 are read at most",
    );
    check(json!({"kind": "deploy", "version": 2}), "a value has the wrong type, a string is expected");
    assert_eq!(refused(&json!(5)), "a change is a JSON object");
}

#[test]
fn an_array_is_taken_whole_or_not_at_all() {
    assert_eq!(json_body(&json!([])).unwrap(), vec![]);
    let many = json_body(&json!([plain(json!({})), plain(json!({"id": "2"})), deployed()])).unwrap();
    assert_eq!(many.len(), 3);
    let error = refused(&json!([plain(json!({})), plain(json!({"kind": "x"}))]));
    assert!(error.starts_with("change 2 of 2: unknown variant `x`"), "{error}");
    assert!(error.ends_with("; none was taken"), "{error}");
    let error = json_body(&Value::Array(vec![plain(json!({})); 1001])).unwrap_err();
    assert!(matches!(error, ChangeFormError::TooLarge(_)), "{error}");
}

#[test]
fn a_deploy_of_cdevents_names_service_environment_and_commit() {
    let change = one(&deployed());
    assert_eq!(change.id.as_str(), "cdevents:https%3A//ci.example/cart:e-1");
    assert_eq!(change.source.as_str(), "cdevents:https://ci.example/cart");
    assert_eq!(change.kind, ChangeKind::Deploy);
    assert_eq!(change.services[0].as_str(), "checkout");
    assert_eq!(change.environment.as_deref(), Some("production"));
    assert_eq!(change.delivers[0].as_str(), format!("git:checkout:{SHA}"));
    assert_eq!(change.effective_at, at("2026-11-23T13:10:05.315Z"));
    assert_eq!(
        change.title.as_untrusted(),
        format!("checkout deployed in production: pkg:github/shop/checkout@{SHA}")
    );
}

#[test]
fn a_rollout_is_told_by_what_was_deployed() {
    let check = |kind: &str, artifact: Value, added: Value, expect: Option<(&str, Option<&str>)>| {
        let content = json!({"environment": {"id": "prod"}, "artifactId": artifact});
        let body = with(event(kind, "cart", content), json!({"customData": {"hearback": added}}));
        let expect = expect.map(|(version, before)| Rollout {
            version: version.to_owned(),
            before: before.map(str::to_owned),
        });
        assert_eq!(one(&body).rollout, expect, "{body}");
    };
    let none = || json!({});
    for kind in ["deployed", "upgraded", "rolledback"] {
        let kind = format!("dev.cdevents.service.{kind}.0.3.0");
        check(&kind, json!("pkg:oci/cart@sha256%3Aab?tag=v7"), none(), Some(("sha256:ab", None)));
        check(&kind, json!("cart:v7"), none(), Some(("cart:v7", None)));
        check(&kind, json!("pkg:oci/cart"), none(), None);
        check(&kind, Value::Null, none(), None);
        check(&kind, json!("pkg:oci/cart@v7"), json!({"before": "v6"}), Some(("v7", Some("v6"))));
        check(&kind, json!("pkg:oci/cart@sha256%3Aab"), json!({"version": "v7"}), Some(("v7", None)));
    }
    for kind in ["service.removed", "service.published", "environment.modified"] {
        check(&format!("dev.cdevents.{kind}.0.3.0"), json!("pkg:oci/cart@v7"), none(), None);
    }
    assert_eq!(one(&plain(json!({"kind": "deploy"}))).rollout, None);
    assert_eq!(one(&plain(json!({"kind": "deploy", "version": " ", "before": ""}))).rollout, None);
    let alone = one(&plain(json!({"kind": "deploy", "version": "v7"}))).rollout;
    assert_eq!(alone, Some(Rollout { version: "v7".into(), before: None }));
    let merged = event("dev.cdevents.change.merged.0.3.0", SHA, json!({}));
    let merged = with(merged, json!({"customData": {"hearback": {"version": "v7"}}}));
    assert!(refused(&merged).contains("version is for deploys"), "{}", refused(&merged));
}

#[test]
fn which_events_are_changes() {
    let check = |kind: &str, expect: Option<(ChangeKind, Says)>| {
        let body = event(kind, "payments", json!({"environment": {"id": "prod"}}));
        let found = json_body(&body).unwrap_or_else(|error| panic!("{kind}: {error}")).pop();
        assert_eq!(found.map(|change| (change.kind, change.revert.says)), expect, "{kind}");
    };
    let deploy = Some((ChangeKind::Deploy, Says::Nothing));
    let infra = Some((ChangeKind::Infra, Says::Nothing));
    // The versions of these events in CDEvents 0.1 to 0.5, and ones to come.
    for version in ["0.1.0", "0.1.1", "0.2.0", "0.3.0", "0.3.0-draft", "0.17.2"] {
        check(&format!("dev.cdevents.service.deployed.{version}"), deploy);
    }
    check("dev.cdevents.service.upgraded.0.3.0", deploy);
    check("dev.cdevents.service.removed.0.3.0", deploy);
    check("dev.cdevents.service.published.0.3.0", deploy);
    check("dev.cdevents.service.rolledback.0.3.0", Some((ChangeKind::Deploy, Says::Reverts)));
    check("dev.cdevents.environment.created.0.3.0", infra);
    check("dev.cdevents.environment.modified.0.3.0", infra);
    check("dev.cdevents.environment.deleted.0.3.0", infra);
    check("dev.cdevents.change.merged.0.3.0", Some((ChangeKind::Commit, Says::Nothing)));
    for none in [
        "dev.cdevents.change.created.0.4.0",
        "dev.cdevents.pipelinerun.finished.0.3.0",
        "dev.cdevents.taskrun.finished.0.3.0",
        "dev.cdevents.artifact.published.0.3.0",
        "dev.cdevents.incident.detected.0.3.0",
        "dev.cdevents.testsuiterun.finished.9.0.0",
        "dev.cdeventsx.acme-deploy.done.0.1.0",
        "com.example.other",
    ] {
        check(none, None);
    }
}

#[test]
fn environments_and_merges_are_read_from_their_own_fields() {
    let made = one(&event("dev.cdevents.environment.modified.0.3.0", "env/17", json!({"name": "staging"})));
    assert_eq!((made.environment.as_deref(), made.services.len()), (Some("staging"), 0));
    let unnamed = one(&event("dev.cdevents.environment.created.0.3.0", "env/qa", json!({})));
    assert_eq!(unnamed.environment.as_deref(), Some("qa"));
    let repository = json!({"repository": {"id": "shop/checkout.git", "source": "https://git.example"}});
    let merged = one(&event("dev.cdevents.change.merged.0.3.0", SHA, repository.clone()));
    assert_eq!(merged.id.as_str(), format!("git:checkout:{SHA}"), "the id that git's source gives");
    assert_eq!(merged.paths, Paths::Unknown);
    let by_number = one(&event("dev.cdevents.change.merged.0.3.0", "pull/17", repository));
    assert_eq!(by_number.id.as_str(), "cdevents:https%3A//ci.example/cart:e-1");
}

#[test]
fn what_cdevents_has_no_field_for_stands_in_custom_data() {
    let body = with(
        deployed(),
        json!({"customData": {"other": 1, "hearback": {
            "title": "checkout 1.4.2", "author": "Ana", "link": "https://cd.example/7",
            "delivers": [format!("shop:{}", SHA.replace('0', "f"))], "approved": false, "reverts": ["deploy:argocd:3"],
        }}}),
    );
    let change = one(&body);
    assert_eq!(change.title.as_untrusted(), "checkout 1.4.2");
    assert_eq!(change.author.name.as_untrusted(), "Ana");
    assert_eq!(change.delivers.len(), 2, "those said, and the one in the artifact's id");
    assert_eq!((change.review, change.revert.says), (Review::Missing, Says::Reverts));
    let wrong = with(deployed(), json!({"customData": {"hearback": {"titel": "x"}}}));
    assert!(refused(&wrong).starts_with("customData.hearback: unknown field `titel`"), "{}", refused(&wrong));
    one(&with(deployed(), json!({"customData": "aGVsbG8=", "customDataContentType": "text/plain"})));
}

#[test]
fn cloud_events_carry_them_in_three_ways() {
    let inside = deployed();
    let structured = json!({
        "specversion": "1.0", "id": "e-1", "source": "https://ci.example/cart", "subject": "service/checkout",
        "type": "dev.cdevents.service.deployed.0.3.0", "datacontenttype": "application/json", "data": inside,
    });
    let expect = vec![one(&inside)];
    let parse = |content_type: &str, body: &Value| {
        parse_changes(content_type, no_header, body.to_string().as_bytes())
    };
    assert_eq!(parse("application/cloudevents+json; charset=UTF-8", &structured).unwrap(), expect);
    assert_eq!(parse("application/cloudevents-batch+json", &json!([structured])).unwrap(), expect);
    assert_eq!(parse("application/json", &structured).unwrap(), expect, "by its fields");
    let headers = |name: &str| match name {
        "ce-specversion" => Some("1.0"),
        "ce-type" => Some("dev.cdevents.service.deployed.0.3.0"),
        "ce-id" => Some("e-1"),
        "ce-source" => Some("https://ci.example/cart"),
        _ => None,
    };
    assert_eq!(parse_changes("application/json", headers, inside.to_string().as_bytes()).unwrap(), expect);

    let check = |content_type: &str, different: Value, expect: &str| {
        let error = parse(content_type, &with(structured.clone(), different)).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    let ce = "application/cloudevents+json";
    check(ce, json!({"specversion": "0.3"}), "version \"0.3\" of CloudEvents is not read; 1.0 is");
    check(ce, json!({"specversion": null}), "has no specversion");
    check(ce, json!({"type": null}), "has no type");
    check(ce, json!({"id": "e-2"}), "id of the CloudEvent and of the CDEvent in it differ");
    check(
        ce,
        json!({"type": "dev.cdevents.service.removed.0.3.0"}),
        "type of the CloudEvent and of the CDEvent",
    );
    check(ce, json!({"data": null}), "the CloudEvent has no data");
    check(ce, json!({"data": null, "data_base64": "e30="}), "data_base64 is not read; send data as JSON");
    check("application/cloudevents-batch+json", json!({}), "a batch of CloudEvents is a JSON array");
    check("text/xml", json!({}), "content type \"text/xml\" is not read; send application/json");
    let other = with(structured, json!({"type": "com.example.order.placed", "data": {"x": 1}}));
    assert_eq!(parse(ce, &other).unwrap(), vec![], "another event is welcome and tells of no change");
}

#[test]
fn mistakes_in_cdevents_are_named() {
    let check = |path: &[&str], value: Value, expect: &str| {
        let mut body = deployed();
        let (last, parents) = path.split_last().unwrap();
        let place = parents.iter().fold(&mut body, |place, name| &mut place[*name]);
        place[*last] = value;
        let error = refused(&body);
        assert!(error.contains(expect), "{error}");
    };
    check(
        &["context", "type"],
        json!("dev.cdevents.service.deployed.1.0.0"),
        "version \"1.0.0\" of service deployed",
    );
    check(&["context", "type"], json!("dev.cdevents.service"), "it ends in its version, as in .0.3.0");
    check(&["context", "timestamp"], json!("now"), "context.timestamp \"now\" is not a time");
    check(&["context", "id"], json!(""), "context.id is empty");
    check(&["context", "source"], json!("a\u{0}b"), "context.source has control characters");
    check(&["context"], json!("x"), "not a CDEvent: a value has the wrong type, an object is expected");
    check(&["subject", "id"], json!(7), "wrong type, a string is expected");
    check(&["subject"], json!({}), "missing field `id`");
    check(&["subject", "content", "environment"], json!("prod"), "an object with an id is expected");
    check(&["subject", "id"], json!("x".repeat(501)), "subject.id has 501 bytes");
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let deep = format!("{{\"id\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let check = |body: &[u8], expect: &str| {
        let error = parse_changes("application/json", no_header, body).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(b"", "the body ends too early (line 1, column 0)");
    check(b"{\"id\":", "the body ends too early");
    check(b"id=7", "the body is not JSON (line 1, column 1)");
    check(b"{\"id\": \"\xff\"}", "the body is not JSON");
    check(deep.as_bytes(), "the body is not JSON");
    check(&vec![b' '; MAX_BODY_BYTES + 1], "2097152 are read at most; send the changes in parts");
}

#[test]
fn the_schema_takes_what_is_read_and_refuses_what_is_refused() {
    let schema = schemars::schema_for!(PlainBody);
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let check = |body: Value, expect: bool| {
        assert_eq!(validator.is_valid(&body), expect, "schema: {body}");
        assert_eq!(json_body(&body).is_ok(), expect, "reader: {body}");
    };
    check(plain(json!({})), true);
    check(json!([plain(json!({})), plain(json!({"author": {"name": "Ana"}}))]), true);
    check(plain(json!({"author": "Ana", "approved": true, "services": ["a"]})), true);
    check(plain(json!({"enviroment": "production"})), false);
    check(plain(json!({"kind": "deply"})), false);
    check(plain(json!({"id": 5})), false);
    check(plain(json!({"title": null})), false);
    check(plain(json!({"author": 5})), false);
    check(json!("x"), false);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), ce in any::<bool>()) {
        let header = |name: &str| (ce && name.starts_with("ce-")).then_some("1.0");
        let _ = parse_changes("application/json", header, &bytes);
    }

    #[test]
    fn no_values_make_it_panic_and_ids_repeat(
        texts in proptest::collection::vec(".{0,60}", 6),
        time in prop_oneof![Just("2026-11-23T13:10:00Z".to_owned()), "[0-9TZ:.+-]{0,30}"],
    ) {
        let body = plain(json!({
            "id": texts[0], "title": texts[1], "source": texts[2], "environment": texts[3], "at": time,
            "delivers": [texts[4]], "author": texts[5],
        }));
        prop_assert_eq!(json_body(&body), json_body(&body));
        let mut event = deployed();
        event["context"]["type"] = json!(format!("dev.cdevents.{}", texts[0]));
        event["subject"] = json!({"id": texts[1], "content": {"artifactId": texts[2], "repository": {"id": texts[3]}}});
        let _ = json_body(&event);
        event["context"]["type"] = json!("dev.cdevents.service.deployed.0.3.0");
        let _ = json_body(&event);
    }
}
