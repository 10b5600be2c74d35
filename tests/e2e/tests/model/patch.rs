//! A small patch that a model suggests, through the binary: proposed once the rollback was rejected, read by a person, pushed to
//! a branch of its own on a real remote.

use anyhow::{Context as _, Result};
use hearback_e2e::service::Service;
use hearback_e2e::{Home, Repository};
use hearback_fake_model::{Asked, FakeModel, Play};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::runtime::Runtime;

use super::{configure, named};

const TOTAL: &str = "services/checkout/total.py";
const POLICY: &str = "[[person]]\nname = \"Ana\"\ngroups = [\"sre\"]\n[[rule]]\nactions = [\"revert_commit\", \"push_patch\"]\n\
                      groups = [\"sre\"]\n";

/// Blames the first suspect, and suggests to take the rounding out.
fn suggests(asked: &Asked) -> Play {
    let suspect = named(asked, "Round cart totals");
    let edits =
        json!([{ "path": TOTAL, "find": "    return round(sum(cart))\n", "put": "    return sum(cart)\n" }]);
    let patch = json!({ "says": "The change is titled \"Round cart totals\".", "cites": [suspect], "change": "C1", "edits": edits });
    let report = json!({ "claims": [], "hypotheses": [], "patch": patch, "done": true });
    Play::calls(&[("report", &report.to_string())])
}

#[test]
fn a_patch_is_proposed_after_the_rollback_was_rejected_read_approved_and_pushed() -> Result<()> {
    let runtime = Runtime::new()?;
    let model = runtime.block_on(FakeModel::directed(suggests));
    let (home, shop) = (Home::new()?, Repository::called("shop")?);
    let ago = |minutes: i64| (Timestamp::now() - SignedDuration::from_mins(minutes)).to_string();
    shop.commit(&ago(300), "Sum carts", &[(TOTAL, "def total(cart):\n    return sum(cart)\n")])?;
    shop.commit(
        &ago(20),
        "Round cart totals",
        &[(TOTAL, "def total(cart):\n    return round(sum(cart))\n")],
    )?;
    let server = home.path("server.git");
    std::fs::create_dir_all(&server)?;
    let place = server.to_str().context("a path")?;
    shop.git(&["init", "-q", "--bare", "-b", "main", place], &ago(1))?;
    shop.git(&["remote", "add", "origin", place], &ago(1))?;
    shop.git(&["push", "-q", "-u", "origin", "main"], &ago(1))?;
    let rest = format!(
        "[approval]\npolicy = \"policy.toml\"\n[[repository]]\npath = {:?}\nname = \"shop\"\n[repository.reverts]\nbranch = \
         \"main\"\n[[service]]\nname = \"checkout\"\npaths = [\"services/checkout/\"]\n",
        shop.path()
    );
    configure(&home, &model.base_url(), &rest)?;
    std::fs::write(home.path("policy.toml"), POLICY)?;
    let service = Service::start(&home)?;
    let declared = json!({ "title": "Checkout 500", "severity": "SEV-2", "services": ["checkout"], "impact_since": "10m ago" });
    service.post("/v1/incidents", &declared)?.ok()?;
    service.post("/v1/incidents/INC-1/ask", &json!({ "symptom": "error in total.py round" }))?.ok()?;
    let made = home.run(["token", "add", "Ana", "--right", "read,approve", "--json"])?.json()?;
    let token = made["token"].as_str().context("a token")?.to_owned();
    std::fs::write(home.path("ana.token"), &token)?;
    let digest = |proposal: &str| -> Result<String> {
        service.wait_for("/v1/proposals", |all| {
            let all = all.as_array()?;
            Some(all.iter().find(|one| one["id"] == proposal)?["digest"].as_str()?.to_owned())
        })
    };
    let as_ana = |arguments: &[&str]| -> Result<String> {
        let out = home.command(arguments)?.env("HEARBACK_TOKEN", &token).output()?;
        let text = String::from_utf8(out.stdout)? + &String::from_utf8(out.stderr)?;
        assert!(out.status.success(), "{arguments:?}: {text}");
        Ok(text)
    };

    // The rollback comes first: while it waits nothing else is proposed.
    let revert = digest("INC-1.P1")?;
    service.wait_for("/v1/incidents/INC-1/entries", |page| {
        page["entries"].as_array()?.iter().any(|entry| entry["kind"] == "investigated").then_some(())
    })?;
    assert_eq!(service.get("/v1/proposals")?.json().as_array().unwrap().len(), 1);
    let server = ["--server", service.url.as_str()];
    let reject = ["reject", "INC-1.P1", "--digest", &revert, "--why", "others build on it"];
    as_ana(&[&reject[..], &server[..]].concat())?;

    let patch = digest("INC-1.P2")?;
    let shown = as_ana(&[&["show", "INC-1.P2"][..], &server[..]].concat())?;
    for expect in
        ["-    return round(sum(cart))\n", "+    return sum(cart)\n", "a model wrote it and nobody ran it"]
    {
        assert!(shown.contains(expect), "{expect}: {shown}");
    }
    as_ana(&[&["approve", "INC-1.P2", "--digest", &patch][..], &server[..]].concat())?;
    service.wait_for("/v1/proposals/INC-1.P2", |view| (view["stage"] == "done").then_some(()))?;
    let show = ["--git-dir", place, "show", &format!("hearback/INC-1.P2:{TOTAL}")];
    assert_eq!(shop.git(&show, &ago(1))?.trim(), "def total(cart):\n    return sum(cart)");
    home.run(["audit", "--verify"])?.ok()?;
    Ok(())
}
