//! `hearback memory`, `similar` and `runbook`, as a user runs them: documents go in, are found again, and go out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use hearback_e2e::{Home, Repository};
use serde_json::Value;

const POOL: &str = "---\ntitle: Checkout answers 5xx after a deploy\ndate: 2026-01-10T10:00Z\nservices: [checkout]\n---\n\
    ## Summary\nCheckout answered 5xx for 40 minutes.\n\n## Root cause\nA deploy halved the connection pool of the \
    database, and it was exhausted under load.\n\n## How we fixed it\nWe rolled back the deploy.\n";
const CERTIFICATE: &str = "# Login down: certificate expired\n\nDate: 2025-11-02\n\n## What went wrong\nThe certificate of the \
    login gateway ran out.\n\n## Resolution\nA new certificate was installed.\n";
const RUNBOOK: &str = "---\nservices: [checkout]\ndate: 2026-01-15\nowner: payments\n---\n# Checkout: connection pool exhausted\n\n\
    ## What to do\n1. Look at the pool\n\n```sh\nkubectl -n shop get pods\n```\n\n2. Roll back the last deploy\n\n\
    See [the other](gone.md).\n";

/// A home with two postmortems and a runbook in a folder that is followed.
fn followed() -> Result<Home> {
    let home = Home::new()?;
    let write = |name: &str, text: &str| -> Result<()> {
        let path = home.path(name);
        std::fs::create_dir_all(path.parent().unwrap())?;
        Ok(std::fs::write(path, text)?)
    };
    write("docs/postmortems/pool.md", POOL)?;
    write("docs/postmortems/certificate.md", CERTIFICATE)?;
    write("docs/runbooks/checkout.md", RUNBOOK)?;
    write("hearback.toml", "[[memory.folder]]\npath = \"docs\"\n")?;
    Ok(home)
}

#[test]
fn what_was_before_is_found_with_what_fixed_it() -> Result<()> {
    let home = followed()?;
    let sync = home.run(["memory", "sync"])?.ok()?;
    assert!(sync.contains("memory:docs: 3 new, 0 changed, 0 as before, 0 gone"), "{sync}");
    assert!(sync.contains("gone.md, which is not there"), "{sync}");
    let again = home.run(["memory", "sync"])?.ok()?;
    assert!(again.contains("memory:docs: 0 new, 0 changed, 3 as before, 0 gone"), "{again}");

    let out = home.run(["similar", "checkout 5xx after deploy, connection pool exhausted"])?.ok()?;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "One incident was like this:", "{out}");
    assert!(
        lines[1].starts_with("1 strong  2026-01-10  checkout  Checkout answers 5xx after a deploy"),
        "{out}"
    );
    assert!(out.contains("Broke: A deploy halved the connection pool of the database"), "{out}");
    assert!(out.contains("Fixed: We rolled back the deploy."), "{out}");
    assert!(out.contains("Searched: postmortems and closed incidents of 3 documents, by words."), "{out}");

    let json = home.run(["similar", "certificate of the login gateway", "--json"])?.json()?;
    assert_eq!(json["similar"][0]["title"], "Login down: certificate expired");
    assert_eq!(json["similar"][0]["happened_at"], "2025-11-02T00:00:00Z");
    let nothing = home.run(["similar", "whales in the bathtub"])?.ok()?;
    assert!(nothing.starts_with("Nothing like this is remembered."), "{nothing}");
    Ok(())
}

#[test]
fn as_of_hides_what_became_known_later() -> Result<()> {
    let home = followed()?;
    home.run(["memory", "sync"])?.ok()?;
    let ask = |as_of: &str| {
        home.run(["similar", "checkout 5xx, connection pool exhausted", "--as-of", as_of, "--json"])?.json()
    };
    assert_eq!(ask("2026-01-09")?["similar"], Value::Array(Vec::new()));
    assert_eq!(ask("2026-01-11")?["similar"].as_array().unwrap().len(), 1);
    Ok(())
}

#[test]
fn a_runbook_is_a_checklist_and_says_when_it_is_stale() -> Result<()> {
    let home = followed()?;
    home.run(["memory", "sync"])?.ok()?;
    let out = home.run(["runbook", "--service", "checkout", "--symptom", "pool exhausted"])?.ok()?;
    assert!(out.starts_with("Checkout: connection pool exhausted › What to do\n"), "{out}");
    assert!(out.contains("Careful, it may be stale: it links to gone.md, which is not there."), "{out}");
    assert!(
        out.contains("[ ] Look at the pool\n    kubectl -n shop get pods\n[ ] Roll back the last deploy\n"),
        "{out}"
    );
    let none = home.run(["runbook", "--symptom", "whales in the bathtub"])?.ok()?;
    assert!(none.starts_with("No runbook says what to do about this."), "{none}");
    Ok(())
}

#[test]
fn files_are_added_watched_and_forgotten() -> Result<()> {
    let home = Home::new()?;
    std::fs::write(home.path("pool.md"), POOL)?;
    std::fs::write(home.path("picture.md"), [0_u8, 159, 146, 150])?;
    std::fs::write(home.path("broken.md"), "---\ntitle: [open\n---\nThe queue was full.\n")?;
    std::fs::File::create(home.path("huge.txt"))?.set_len(50_000_000)?;
    let run = home.run(["memory", "add", "*.md", "huge.txt"])?;
    assert_eq!(run.code, Some(1), "what was left out is a failure: {run:?}");
    assert!(run.out.contains("memory:added: 2 new"), "{run:?}");
    assert!(run.out.contains("picture.md: it is not text"), "{run:?}");
    assert!(
        run.out.contains("huge.txt: it has ") && run.out.contains("a document has at most 4 MB"),
        "{run:?}"
    );
    assert!(run.out.contains("its front matter can't be read"), "{run:?}");

    let status = home.run(["memory", "status"])?.ok()?;
    assert!(status.starts_with("2 documents in "), "{status}");
    std::fs::write(home.path("pool.md"), format!("{POOL}\nMore.\n"))?;
    std::fs::remove_file(home.path("broken.md"))?;
    let status = home.run(["memory", "status"])?.ok()?;
    assert!(status.contains("Stale (`hearback memory sync` reads them anew): file:"), "{status}");
    assert!(status.contains("Orphaned (sync or `hearback memory remove` forgets them): file:"), "{status}");

    let gone = home.run(["memory", "remove", "pool.md"])?.ok()?;
    assert_eq!(gone, "1 document forgotten.\n");
    let again = home.run(["memory", "remove", "pool.md"])?;
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("no such document"), "{again:?}");
    Ok(())
}

#[test]
fn documents_of_a_repository_know_who_merged_them() -> Result<()> {
    let home = Home::new()?;
    let handbook = Repository::called("handbook")?;
    handbook.commit(
        "2026-01-05T10:00:00Z",
        "First",
        &[("postmortems/pool.md", "# Old\nx\n"), ("notes.md", "no")],
    )?;
    handbook.commit("2026-01-12T10:00:00Z", "Tell what fixed it", &[("postmortems/pool.md", POOL)])?;
    let config =
        format!("[[memory.repository]]\npath = {:?}\npaths = [\"postmortems/**\"]\n", handbook.path());
    std::fs::write(home.path("hearback.toml"), config)?;
    let sync = home.run(["memory", "sync"])?.ok()?;
    assert!(sync.contains("memory:handbook: 1 new"), "{sync}");
    let json = home.run(["similar", "checkout connection pool exhausted", "--json"])?.json()?;
    let first = &json["similar"][0];
    assert_eq!(first["document"], "git:handbook:postmortems/pool.md");
    assert_eq!(first["merged_by"], "Ana Ruiz");
    assert_eq!(first["known_at"], "2026-01-12T10:00:00Z");
    Ok(())
}

#[test]
fn a_closed_incident_is_remembered_and_not_similar_to_itself() -> Result<()> {
    let home = Home::new()?;
    let id = home.run([
        "declare",
        "Checkout 5xx, connection pool exhausted",
        "--severity",
        "SEV-2",
        "--service",
        "checkout",
    ])?;
    let id = id.ok()?.split(' ').next().unwrap().to_owned();
    home.run(["incident", "resolve", &id, "--how", "rolled back checkout 42"])?.ok()?;
    let sync = home.run(["memory", "sync"])?.ok()?;
    assert!(sync.contains("memory:incidents: 1 new"), "{sync}");
    let json = home.run(["similar", "connection pool exhausted in checkout", "--json"])?.json()?;
    assert_eq!(json["similar"][0]["document"], format!("incident:{id}"));
    assert_eq!(json["similar"][0]["fixed"], "rolled back checkout 42");
    let itself = home.run(["similar", "--incident", &id, "--json"])?.json()?;
    assert_eq!(itself["similar"], Value::Array(Vec::new()));
    Ok(())
}

#[test]
fn the_answer_says_that_it_was_seen_before_and_what_the_runbook_says() -> Result<()> {
    let home = followed()?;
    home.run(["memory", "sync"])?.ok()?;
    let shop = Repository::new()?;
    shop.commit("2026-03-02T13:30:00Z", "Smaller pool", &[("pool.yaml", "size: 5\n")])?;
    let ask = ["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--service", "checkout"];
    let symptom = ["--symptom", "checkout 5xx after deploy: connection pool exhausted"];
    let out = home.run(ask.iter().chain(&symptom))?.ok()?;
    assert!(
        out.contains("Seen before: 2026-01-10 Checkout answers 5xx after a deploy; fixed then: We rolled back the deploy."),
        "{out}"
    );
    assert!(out.contains("Runbook of checkout: Checkout: connection pool exhausted › What to do"), "{out}");
    assert!(out.lines().count() <= 10, "{out}");
    Ok(())
}

#[test]
fn damage_is_said_and_one_command_builds_it_again() -> Result<()> {
    let home = followed()?;
    home.run(["memory", "sync"])?.ok()?;
    let segments = home.shell("find . -type d -name segments")?.ok()?;
    std::fs::remove_dir_all(home.path(segments.lines().next().unwrap()))?;
    let broken = home.run(["similar", "connection pool"])?;
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(broken.err.contains("hearback memory rebuild"), "{broken:?}");
    let rebuilt = home.run(["memory", "rebuild"])?.ok()?;
    assert!(rebuilt.contains("memory:docs: 3 new"), "{rebuilt}");
    home.run(["similar", "connection pool"])?.ok()?;
    Ok(())
}

#[test]
fn wrong_use_ends_with_a_sentence() -> Result<()> {
    let home = Home::new()?;
    for (arguments, code, says) in [
        (vec!["similar", "x"], 1, "nothing is remembered here yet"),
        (vec!["memory", "add", "nowhere.md"], 2, "nowhere.md is not there"),
        (vec!["memory", "status"], 1, "nothing is remembered here yet"),
    ] {
        let run = home.run(&arguments)?;
        assert_eq!(run.code, Some(code), "{arguments:?}: {run:?}");
        assert!(run.err.contains(says), "{arguments:?}: {run:?}");
    }
    Ok(())
}
