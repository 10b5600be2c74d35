//! What is proposed, decided and done, as people do it on the command line and over HTTP: the words, the exit codes, and a
//! real revert on a real remote.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use hearback_e2e::service::Service;
use hearback_e2e::{Home, Repository, Run};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const POLICY: &str = r#"[[person]]
name = "Ana"
groups = ["sre"]
[[person]]
name = "Ben"
[[rule]]
actions = ["revert_commit"]
groups = ["sre"]
break_glass = ["sre"]
"#;

/// A shop whose last commit broke the checkout ten minutes ago, and an incident about it.
struct Shop {
    home: Home,
    _repository: Repository,
    server: PathBuf,
    bad: String,
}

impl Shop {
    fn new() -> Result<Self> {
        let (home, repository) = (Home::new()?, Repository::called("shop")?);
        let ago = |minutes: i64| (Timestamp::now() - SignedDuration::from_mins(minutes)).to_string();
        let total = "services/checkout/total.py";
        repository.commit(&ago(300), "Sum carts", &[(total, "return sum(cart)\n")])?;
        repository.commit(&ago(200), "Rank by price", &[("services/search/rank.py", "return rank\n")])?;
        let bad =
            repository.commit(&ago(20), "Round cart totals", &[(total, "return round(sum(cart))\n")])?;
        let server = home.path("server.git");
        std::fs::create_dir_all(&server)?;
        let place = server.to_str().context("a path")?;
        repository.git(&["init", "-q", "--bare", "-b", "main", place], &ago(1))?;
        repository.git(&["remote", "add", "origin", place], &ago(1))?;
        repository.git(&["push", "-q", "-u", "origin", "main"], &ago(1))?;
        let toml = format!(
            "[approval]\npolicy = \"policy.toml\"\n[[repository]]\npath = \"{}\"\nname = \"shop\"\n\
             [repository.reverts]\nbranch = \"main\"\n\
             [[service]]\nname = \"checkout\"\npaths = [\"services/checkout/\"]\n",
            repository.path()
        );
        std::fs::write(home.path("hearback.toml"), toml)?;
        std::fs::write(home.path("policy.toml"), POLICY)?;
        Ok(Shop { home, _repository: repository, server, bad })
    }

    fn declared(self) -> Result<Self> {
        let declare = ["declare", "Checkout 500", "--severity", "SEV-2", "--service", "checkout"];
        self.home.run([&declare[..], &["--impact-since", "10m ago"]].concat())?.ok()?;
        let told =
            self.home.run(["ask", "--incident", "INC-1", "--symptom", "error in total.py round"])?.ok()?;
        assert!(told.contains("\nProposed: revert "), "{told}");
        Ok(self)
    }

    fn token(&self, name: &str, rights: &str) -> Result<String> {
        let made = self.home.run(["token", "add", name, "--right", rights, "--json"])?.json()?;
        Ok(made["token"].as_str().context("a token")?.to_owned())
    }

    fn run_as(&self, token: &str, arguments: &[&str]) -> Result<Run> {
        let output = self.home.command(arguments)?.env("HEARBACK_TOKEN", token).output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) })
    }

    fn digest(&self) -> Result<String> {
        let view = self.home.run(["show", "INC-1.P1", "--json"])?.json()?;
        Ok(view["digest"].as_str().context("a digest")?.to_owned())
    }

    fn on_server(&self, branch: &str) -> Option<String> {
        let show = format!("{branch}:services/checkout/total.py");
        let run = std::process::Command::new("git").args(["show", &show]).current_dir(&self.server).output();
        run.ok()
            .filter(|run| run.status.success())
            .map(|run| String::from_utf8_lossy(&run.stdout).into_owned())
    }
}

/// Exit code, and the words on either stream.
fn said(run: &Run) -> (Option<i32>, String) {
    (run.code, format!("{}{}", run.out, run.err))
}

#[test]
fn a_revert_is_shown_tried_approved_and_done_once() -> Result<()> {
    let shop = Shop::new()?.declared()?;
    let shown = shop.home.run(["show", "inc-1.p1", "--dry-run"])?.ok()?;
    for expect in [
        "  Why       ",
        "  Risk      ",
        "  Way back  delete the branch",
        "  Approve   hearback approve INC-1.P1 --digest ",
        "  Would     change 1 file (services/checkout/total.py)",
    ] {
        assert!(shown.contains(expect), "{expect}: {shown}");
    }
    assert_eq!(shop.on_server("hearback/INC-1.P1"), None, "a dry run writes nothing");
    let (ana, digest) = (shop.token("Ana", "read,approve")?, shop.digest()?);
    let approve = ["approve", "INC-1.P1", "--digest", &digest[..8]];

    // Who nobody knows, who may not, and what nobody saw.
    let (code, words) = said(&shop.home.run(approve)?);
    assert_eq!(
        (code, words.starts_with("hearback: it must be known who you are: ")),
        (Some(2), true),
        "{words}"
    );
    let reader = shop.token("Ana", "read")?;
    let (code, words) = said(&shop.run_as(&reader, &approve)?);
    assert_eq!((code, words.contains("this token may not approve")), (Some(2), true), "{words}");
    let (code, words) = said(&shop.run_as("hb_no_token", &approve)?);
    assert_eq!((code, words.contains("this token is not known here")), (Some(2), true), "{words}");
    let (code, words) = said(&shop.run_as(&ana, &["approve", "INC-1.P1", "--digest", "0123456789"])?);
    assert_eq!(
        (code, words.contains("what you saw is not what is proposed now")),
        (Some(2), true),
        "{words}"
    );
    let (code, words) = said(&shop.run_as(&ana, &["approve", "INC-1.P1", "--digest", &digest[..3]])?);
    assert_eq!((code, words.contains("give at least 8 letters")), (Some(2), true), "{words}");
    let (code, words) = said(&shop.run_as(&ana, &["approve", "INC-1.P9", "--digest", &digest])?);
    assert_eq!((code, words.contains("there is no proposal INC-1.P9")), (Some(2), true), "{words}");
    let ben = shop.token("Ben", "read,approve")?;
    let (code, words) = said(&shop.run_as(&ben, &approve)?);
    assert_eq!(
        (code, words.as_str()),
        (Some(1), "Noted, not done: Ben may not approve it; who may: group sre\n")
    );
    assert_eq!(shop.on_server("hearback/INC-1.P1"), None);

    // Who may.
    let done = shop.run_as(&ana, &approve)?;
    assert!(done.out.starts_with("INC-1.P1 done: reverted "), "{done:?}");
    assert_eq!(done.code, Some(0));
    assert_eq!(shop.on_server("hearback/INC-1.P1").as_deref(), Some("return sum(cart)\n"));
    assert_eq!(shop.on_server("main").as_deref(), Some("return round(sum(cart))\n"));
    let (code, words) = said(&shop.run_as(&ana, &approve)?);
    assert_eq!(
        (code, words.as_str()),
        (Some(1), "Noted, not done: INC-1.P1 was started already; it is done once\n")
    );

    let audit = shop.home.run(["audit", "--verify"])?.ok()?;
    assert!(audit.contains("1 proposed: 1 done, 0 not done"), "{audit}");
    assert!(audit.ends_with("every action stands after approvals of exactly it.\n"), "{audit}");
    assert_eq!(
        shop.home.run(["proposals"])?.ok()?,
        "Nothing waits for approval; --all shows the one that was proposed.\n"
    );
    shop.home.run(["record", "verify", "INC-1"])?.ok()?;
    let free = shop.home.run(["target", "show", "git:shop:hearback/INC-1.P1"])?.ok()?;
    assert!(free.starts_with("git:shop:hearback/INC-1.P1: free\n"), "{free}");
    let reset = ["target", "reset", "git:shop:hearback/INC-1.P1", "--why", "I looked"];
    assert_eq!(shop.run_as(&ana, &reset)?.ok()?, "git:shop:hearback/INC-1.P1 is not stopped\n");
    Ok(())
}

#[test]
fn a_rejected_proposal_is_never_done() -> Result<()> {
    let shop = Shop::new()?.declared()?;
    let (ana, digest) = (shop.token("Ana", "read,approve")?, shop.digest()?);
    let empty = shop.run_as(&ana, &["reject", "INC-1.P1", "--digest", &digest, "--why", " "])?;
    assert_eq!(empty.code, Some(2), "{empty:?}");
    let glass = shop.run_as(&ana, &["approve", "INC-1.P1", "--digest", &digest, "--break-glass"])?;
    assert_eq!((glass.code, glass.err.contains("takes a reason")), (Some(2), true), "{glass:?}");
    let rejected =
        shop.run_as(&ana, &["reject", "INC-1.P1", "--digest", &digest, "--why", "it is the database"])?;
    assert_eq!(rejected.ok()?, "INC-1.P1 rejected\n");
    let (code, words) = said(&shop.run_as(&ana, &["approve", "INC-1.P1", "--digest", &digest])?);
    assert_eq!(
        (code, words.as_str()),
        (Some(1), "Noted, not done: Ana rejected it: it is the database; a new proposal is needed\n")
    );
    assert_eq!(shop.on_server("hearback/INC-1.P1"), None);
    // Asked again, the same is not proposed behind the back of who rejected it.
    shop.home.run(["ask", "--incident", "INC-1", "--symptom", "error in total.py round"])?.ok()?;
    let all = shop.home.run(["proposals", "--all", "--json"])?.ok()?;
    assert_eq!(all.lines().count(), 1, "{all}");
    Ok(())
}

#[test]
fn without_a_policy_nobody_may_and_the_doctor_says_so() -> Result<()> {
    let shop = Shop::new()?;
    let toml = std::fs::read_to_string(shop.home.path("hearback.toml"))?;
    std::fs::write(shop.home.path("hearback.toml"), toml.replace("policy = \"policy.toml\"\n", ""))?;
    let shop = shop.declared()?;
    let (ana, digest) = (shop.token("Ana", "read,approve")?, shop.digest()?);
    let (code, words) = said(&shop.run_as(&ana, &["approve", "INC-1.P1", "--digest", &digest])?);
    assert_eq!((code, words.contains("nobody may approve: there is no policy")), (Some(1), true), "{words}");
    let doctor = shop.home.run(["doctor"])?;
    assert!(doctor.out.contains("off    approval: nobody may approve"), "{doctor:?}");
    std::fs::write(
        shop.home.path("policy.toml"),
        POLICY.replace("groups = [\"sre\"]\nbreak", "grups = [\"sre\"]\nbreak"),
    )?;
    std::fs::write(shop.home.path("hearback.toml"), toml)?;
    let (code, words) = said(&shop.home.run(["proposals"])?);
    assert_eq!(
        (code, words.contains("policy.toml, line 8, column 1: unknown field `grups`")),
        (Some(2), true),
        "{words}"
    );
    Ok(())
}

#[test]
fn the_same_over_http() -> Result<()> {
    let shop = Shop::new()?;
    let service = Service::start(&shop.home)?;
    let declared = json!({"title": "Checkout 500", "severity": "SEV-2", "services": ["checkout"], "impact_since": "10m ago"});
    service.post("/v1/incidents", &declared)?.ok()?;
    service.post("/v1/incidents/INC-1/ask", &json!({"symptom": "error in total.py round"}))?.ok()?;
    let listed = service.get("/v1/incidents/INC-1/proposals")?.ok()?;
    let view = &listed[0];
    assert_eq!((&view["id"], &view["stage"]), (&json!("INC-1.P1"), &json!("waiting")), "{listed:#}");
    let digest = view["digest"].as_str().context("a digest")?;
    let ana = shop.token("Ana", "read,approve")?;
    let decide = |token: &str, body: &Value| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        service.send("POST", "/v1/proposals/INC-1.P1/decision", &headers, &serde_json::to_vec(body)?)
    };
    let responder = shop.token("Ana", "read,respond")?;
    let narrow = {
        let made = ["token", "add", "vendor", "--right", "read,approve", "--incident", "INC-2", "--json"];
        shop.home.run(made)?.json()?["token"].as_str().context("a token")?.to_owned()
    };
    let approve = json!({"digest": digest, "verdict": "approve"});
    for (what, token, body, status) in [
        ("without the right", &responder, approve.clone(), 403),
        ("of another incident", &narrow, approve.clone(), 403),
        ("half a digest", &ana, json!({"digest": &digest[..8], "verdict": "approve"}), 400),
        ("no such verdict", &ana, json!({"digest": digest, "verdict": "maybe"}), 400),
        ("rejected without a word", &ana, json!({"digest": digest, "verdict": "reject"}), 400),
        ("glass without a word", &ana, json!({"digest": digest, "verdict": "break_glass"}), 400),
        ("a field too many", &ana, json!({"digest": digest, "verdict": "approve", "by": "Ben"}), 400),
    ] {
        let reply = decide(token, &body)?;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
    }
    let other = decide(&ana, &json!({"digest": "0".repeat(64), "verdict": "approve"}))?.ok()?;
    assert_eq!(other["took_effect"], false);
    assert_eq!(
        other["says"],
        "Noted, not done: what Ana saw is not what is proposed now; look at it again and approve that"
    );
    let done = decide(&ana, &approve)?.ok()?;
    assert_eq!(
        (&done["took_effect"], &done["proposal"]["stage"]),
        (&json!(true), &json!("done")),
        "{done:#}"
    );
    assert_eq!(shop.on_server("hearback/INC-1.P1").as_deref(), Some("return sum(cart)\n"));
    assert!(done["says"].as_str().unwrap_or_default().contains(&shop.bad[..10]), "{done:#}");

    // The command line asks the service the same.
    let output = shop.home.command(["approve", "INC-1.P1", "--digest", digest, "--server", &service.url])?;
    let mut output = output;
    let output = output.env("HEARBACK_TOKEN", &ana).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "Noted, not done: INC-1.P1 was started already; it is done once\n"
    );
    let audit = service.get("/v1/audit?verify=true")?.ok()?;
    assert_eq!(audit["wrong"], json!([]));
    assert_eq!(service.get("/v1/proposals/INC-1.P9")?.status, 404);
    assert_eq!(service.get("/v1/proposals/nonsense")?.status, 400);
    Ok(())
}
