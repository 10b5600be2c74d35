//! Memory that is not in a folder of the command line's own: in a Qdrant server, in a running service, under a new model.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::{Json, Router, routing::post};
use hearback_e2e::{Home, Repository, Run, service::Service};
use hearback_fake_qdrant::FakeQdrant;
use serde_json::{Value, json};

const POOL: &str = "---\ntitle: Checkout answers 5xx after a deploy\ndate: 2026-01-10T10:00Z\nservices: [checkout]\n---\n\
    ## Root cause\nA deploy halved the connection pool of the database.\n\n## Fix\nWe rolled back the deploy.\n";
const RUNBOOK: &str = "---\nservices: [checkout]\ndate: 2026-01-15\nowner: payments\n---\n# Connection pool exhausted\n\n\
    ## What to do\n1. Look at the pool\n2. Roll back the last deploy\n";
const SYMPTOM: &str = "checkout 5xx after deploy, connection pool";

/// A home whose documents are followed, with this beside it in its configuration.
fn home(memory: &str) -> Result<Home> {
    let home = Home::new()?;
    std::fs::create_dir_all(home.path("docs/runbooks"))?;
    std::fs::write(home.path("docs/pool.md"), POOL)?;
    std::fs::write(home.path("docs/runbooks/pool.md"), RUNBOOK)?;
    configure(&home, memory)?;
    Ok(home)
}

fn configure(home: &Home, memory: &str) -> Result<()> {
    let text = format!("[memory]\n{memory}\n[[memory.folder]]\npath = \"docs\"\n");
    Ok(std::fs::write(home.path("hearback.toml"), text)?)
}

fn titles(found: &Value) -> Vec<&str> {
    found["similar"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect()
}

#[track_caller]
fn refused(run: &Run, code: i32, says: &str) {
    assert_eq!(run.code, Some(code), "{run:?}");
    assert!(run.err.contains(says) && run.err.lines().count() == 1, "{run:?}");
}

#[test]
fn memory_moves_to_a_server_and_back() -> Result<()> {
    let server = FakeQdrant::start(Some("s3cret"));
    let key = "api_key = { file = \"qdrant.key\" }";
    let home = home(key)?;
    std::fs::write(home.path("qdrant.key"), "s3cret\n")?;
    home.run(["memory", "sync"])?.ok()?;
    let moved = home.run(["memory", "move", "--to", &server.url()])?.ok()?;
    assert!(moved.starts_with("2 documents carried; 2 are there now. Set [memory] at = "), "{moved}");
    let again = home.run(["memory", "move", "--to", &server.url(), "--json"])?.json()?;
    assert_eq!(again["carried"], 0, "what is there stays");

    configure(&home, &format!("at = {:?}\n{key}", server.url()))?;
    let found = home.run(["similar", SYMPTOM, "--json"])?.json()?;
    assert_eq!(titles(&found), ["Checkout answers 5xx after a deploy"]);
    let sync = home.run(["memory", "sync"])?.ok()?;
    assert!(sync.contains("memory:docs: 0 new, 0 changed, 2 as before, 0 gone"), "{sync}");
    home.run(["memory", "remove", "--source", "memory:docs"])?.ok()?;
    let none = home.run(["similar", SYMPTOM, "--json"])?.json()?;
    assert!(titles(&none).is_empty(), "what was removed is gone on the server too: {none}");
    home.run(["memory", "sync"])?.ok()?;
    let back = home.run(["memory", "move", "--to", "elsewhere"])?.ok()?;
    assert!(back.starts_with("2 documents carried"), "{back}");
    Ok(())
}

#[test]
fn a_server_that_refuses_or_is_away_is_one_sentence_and_a_gap_in_answers() -> Result<()> {
    let server = FakeQdrant::start(Some("s3cret"));
    let home = home(&format!("at = {:?}\napi_key = {{ file = \"qdrant.key\" }}", server.url()))?;
    std::fs::write(home.path("qdrant.key"), "s3cret")?;
    home.run(["memory", "sync"])?.ok()?;

    std::fs::write(home.path("qdrant.key"), "wr0ng")?;
    let wrong = home.run(["similar", SYMPTOM])?;
    refused(&wrong, 1, "refuses the API key");
    assert!(!wrong.err.contains("wr0ng"), "{wrong:?}");
    let doctor = home.run(["doctor"])?;
    assert!(doctor.out.contains("BROKEN memory: Qdrant at "), "{doctor:?}");

    std::fs::write(home.path("qdrant.key"), "s3cret")?;
    let shop = Repository::new()?;
    shop.commit("2026-03-02T13:30:00Z", "Smaller pool", &[("pool.yaml", "size: 5\n")])?;
    let ask = ["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--symptom", SYMPTOM];
    let whole = home.run(ask)?.ok()?;
    assert!(whole.contains("Seen before: 2026-01-10 Checkout answers 5xx"), "{whole}");
    server.go_away();
    refused(&home.run(["similar", SYMPTOM])?, 1, "can't be reached");
    let answer = home.run(ask)?.ok()?;
    assert!(answer.contains("Smaller pool"), "the changes are told nevertheless: {answer}");
    assert!(answer.contains("memory: Qdrant at "), "and the gap is named: {answer}");
    Ok(())
}

#[test]
fn a_running_service_is_asked_for_what_it_remembers() -> Result<()> {
    let home = home("")?;
    let shop = Repository::new()?;
    shop.commit("2026-03-02T13:30:00Z", "Smaller pool", &[("pool.yaml", "size: 5\n")])?;
    let text = std::fs::read_to_string(home.path("hearback.toml"))?;
    std::fs::write(home.path("hearback.toml"), format!("{text}[[repository]]\npath = {:?}\n", shop.path()))?;
    home.run(["memory", "sync"])?.ok()?;
    let id =
        home.run(["declare", "Checkout 5xx after deploy, connection pool", "--severity", "SEV-2"])?.ok()?;
    let id = id.split(' ').next().unwrap().to_owned();
    let service = Service::start(&home)?;
    std::fs::write(home.path("token"), &service.token)?;
    let run = |arguments: &[&str]| {
        let place = ["--server", &service.url, "--token-file", "token"];
        home.run(arguments.iter().chain(&place))
    };

    refused(&home.run(["similar", SYMPTOM])?, 1, "ask that one (--server), or stop it first");
    let doctor = home.run(["doctor"])?;
    assert!(doctor.out.contains("in use by a running hearback"), "{doctor:?}");
    let found = run(&["similar", SYMPTOM, "--json"])?.json()?;
    assert_eq!(titles(&found), ["Checkout answers 5xx after a deploy"]);
    let text = run(&["similar", "--incident", &id])?.ok()?;
    assert!(text.starts_with("One incident was like this:\n1 "), "{text}");
    let runbook = run(&["runbook", "--service", "checkout", "--symptom", "pool exhausted"])?.ok()?;
    assert!(runbook.contains("[ ] Look at the pool\n[ ] Roll back the last deploy"), "{runbook}");
    let experts = run(&["experts", "--symptom", "pool", "--as-of", "2026-03-02T14:00Z"])?.ok()?;
    assert!(experts.contains("Ana Ruiz"), "{experts}");
    let experts = run(&["experts", "--incident", &id, "--json"])?.json()?;
    assert!(!experts["searched"].as_array().unwrap().is_empty(), "{experts}");

    refused(&run(&["similar", "--incident", "INC-9"])?, 2, "INC-9");
    refused(&run(&["experts", "--repo", "."])?, 2, "a service asks its own");
    for (path, body) in [("/v1/similar", json!({})), ("/v1/runbook", json!({ "what": 1 }))] {
        assert_eq!(service.post(path, &body)?.status, 400, "{path}");
    }
    let nobody = service.send("POST", "/v1/similar", &[("content-type", "application/json")], b"{}")?;
    assert_eq!(nobody.status, 401);
    Ok(())
}

/// An endpoint whose vectors say how often each letter is there. Says how many texts it was given.
fn letters() -> Result<(String, Arc<AtomicUsize>)> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let answer = move |Json(asked): Json<Value>| {
        let texts = asked["input"].as_array().unwrap().clone();
        counted.fetch_add(texts.len(), Ordering::SeqCst);
        let vector = |text: &Value| -> Vec<f64> {
            let text = text.as_str().unwrap().to_lowercase();
            ('a'..='h').map(|letter| 1.0 + text.matches(letter).count() as f64).collect()
        };
        let data = texts
            .iter()
            .enumerate()
            .map(|(index, text)| json!({ "object": "embedding", "index": index, "embedding": vector(text) }));
        let usage = json!({ "prompt_tokens": 1, "total_tokens": 1 });
        std::future::ready(Json(
            json!({ "object": "list", "model": "letters", "data": data.collect::<Vec<_>>(), "usage": usage }),
        ))
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().route("/v1/embeddings", post(answer))).await.unwrap();
        });
    });
    Ok((url, count))
}

#[test]
fn a_new_model_embeds_everything_anew_while_the_service_answers() -> Result<()> {
    let home = home("[memory.embedding]\nby = \"none\"")?;
    home.run(["memory", "sync"])?.ok()?;
    let (url, texts) = letters()?;
    let endpoint = |model: &str| {
        format!("[memory.embedding]\nby = \"endpoint\"\nurl = {url:?}\nmodel = {model:?}\ndimension = 8")
    };
    configure(&home, &endpoint("letters"))?;
    let service = Service::start(&home)?;
    let ask = json!({ "symptom": SYMPTOM });
    let searched = || -> Result<String> {
        let found = service.post("/v1/similar", &ask)?.ok()?;
        assert_eq!(titles(&found), ["Checkout answers 5xx after a deploy"], "it answers all the while");
        Ok(found["searched"]["searched"].as_str().unwrap().to_owned())
    };
    service.wait_for("/healthz", |_| {
        searched().ok()?.ends_with("by words and by meaning (letters)").then_some(())
    })?;
    assert!(texts.load(Ordering::SeqCst) >= 2, "every passage was embedded");
    drop(service);
    // What is left of the former store goes with the next sync, and nothing is embedded a second time.
    let before = texts.load(Ordering::SeqCst);
    let sync = home.run(["memory", "sync"])?.ok()?;
    assert!(sync.contains("memory:docs: 0 new, 0 changed, 2 as before, 0 gone"), "{sync}");
    assert_eq!(texts.load(Ordering::SeqCst), before);
    let stores = home.shell("find .local/share/hearback/memory -type d -name segments")?.ok()?;
    assert_eq!(stores.lines().count(), 1, "{stores}");

    configure(&home, &endpoint("other letters"))?;
    let doctor = home.run(["doctor"])?;
    assert!(doctor.out.contains("The model has changed"), "{doctor:?}");
    home.run(["memory", "sync"])?.ok()?;
    let status = home.run(["memory", "status"])?.ok()?;
    assert!(status.contains("Found by words and by meaning (other letters)."), "{status}");
    Ok(())
}

#[test]
fn a_runbook_whose_pages_are_gone_is_stale_where_they_may_be_looked_at() -> Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let wiki = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let pages = Router::new().route("/there", axum::routing::get(|| async { "here" }));
            axum::serve(listener, pages).await.unwrap();
        });
    });
    let home = home("")?;
    let links =
        format!("\nSee [this]({wiki}/there), [that]({wiki}/gone) and [the rest](http://127.0.0.1:9/x).\n");
    std::fs::write(home.path("docs/runbooks/pool.md"), format!("{RUNBOOK}{links}"))?;
    home.run(["memory", "sync"])?.ok()?;
    let stale = |home: &Home| -> Result<Value> {
        Ok(home.run(["runbook", "--service", "checkout", "--symptom", "pool", "--json"])?.json()?["stale"]
            .clone())
    };
    assert_eq!(stale(&home)?, json!([]), "nobody said that the wiki may be asked");
    configure(&home, &format!("web = [{wiki:?}]"))?;
    let sync = home.run(["memory", "sync"])?.ok()?;
    assert!(sync.contains("0 new, 0 changed, 2 as before"), "{sync}");
    assert_eq!(stale(&home)?, json!([format!("it links to {wiki}/gone, which is gone (404)")]));
    Ok(())
}

#[test]
fn a_service_without_memory_stays_up() -> Result<()> {
    let away = FakeQdrant::start(None);
    away.go_away();
    for memory in ["at = \"off\"".to_owned(), format!("at = {:?}", away.url())] {
        let home = home(&memory)?;
        let service = Service::start(&home)?;
        service.wait_for("/healthz", |_| Some(()))?;
        let asked = service.post("/v1/similar", &json!({ "symptom": SYMPTOM }))?;
        assert_eq!(asked.status, 501, "{}", asked.text());
        assert_eq!(service.post("/v1/ask", &json!({}))?.status, 200, "everything else works");
        assert_eq!(service.end("-TERM")?, Some(0), "it did not end by itself");
    }
    Ok(())
}
