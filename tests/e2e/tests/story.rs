//! From page to first answer, with nothing made up: a real Prometheus scrapes a service, a real Alertmanager pages, and
//! the answer stands in the record before anybody has asked.

#![allow(
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

use std::time::Duration;

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use hearback_e2e::monitoring::{Alertmanager, Prometheus, free_port};
use hearback_e2e::service::Service;
use hearback_e2e::toy::Toy;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Two scrapes of one second.
const TWO_SCRAPES: SignedDuration = SignedDuration::from_secs(2);
/// How long the service is watched while all is well. This is the world's clock: what is usual can't be measured faster.
const HEALTHY: Duration = Duration::from_secs(25);
/// The runbook of the alert below.
const RUNBOOK: &str = "https://runbooks.shop.example/checkout-5xx";

const RULES: &str = r#"groups:
  - name: checkout
    rules:
      - alert: CheckoutFailing
        expr: sum(rate(http_requests_total{job="checkout",code=~"5.."}[4s])) > 0.5
        for: 6s
        labels: {severity: critical, service: checkout}
        annotations:
          summary: checkout answers with 5xx
          runbook_url: https://runbooks.shop.example/checkout-5xx
"#;

fn prometheus_yml(toy: &Toy, alertmanager: &Alertmanager) -> String {
    format!(
        r#"global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: checkout
    static_configs: [{{targets: ["{}"]}}]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["{}"]}}]
"#,
        toy.address(),
        alertmanager.address()
    )
}

fn alertmanager_yml(service: &Service, token: &str) -> String {
    format!(
        r#"route: {{receiver: hearback, group_by: [service], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: hearback
    webhook_configs:
      - url: {}/v1/webhooks/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials: {token}}}}}
"#,
        service.url
    )
}

fn hearback_toml(prometheus: u16) -> String {
    format!(
        r#"prometheus = [{{ url = "http://127.0.0.1:{prometheus}", name = "shop", step = "1s", rate_over = "4s" }}]
service = [{{ name = "checkout" }}, {{ name = "search" }}]
"#
    )
}

fn deploy(id: &str, service: &str, title: &str, author: &str, at: Timestamp) -> Value {
    json!({"id": id, "kind": "deploy", "title": title, "services": [service], "environment": "production",
           "at": at.to_string(), "author": author, "source": "argocd"})
}

fn of_kind<'v>(entries: &'v Value, kind: &str) -> Vec<&'v Value> {
    let all = entries["entries"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter().filter(|entry| entry["kind"] == kind).collect()
}

fn time(value: &Value) -> Result<Timestamp> {
    value.as_str().with_context(|| format!("a time: {value}"))?.parse().map_err(Into::into)
}

/// The world of the story, all of it running.
struct World {
    home: Home,
    service: Service,
    toy: Toy,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
}

impl World {
    fn start() -> Result<Self> {
        let toy = Toy::start()?;
        let home = Home::new()?;
        // Each of the three must be told where the next one is.
        let port = free_port()?;
        std::fs::write(home.path("hearback.toml"), hearback_toml(port))?;
        let service = Service::start(&home)?;
        let made =
            home.run(["token", "add", "alertmanager", "--program", "--right", "send", "--json"])?.json()?;
        let token = made["token"].as_str().context("a token")?;
        let alertmanager = Alertmanager::start(&alertmanager_yml(&service, token))?;
        let prometheus = Prometheus::start(port, &prometheus_yml(&toy, &alertmanager), RULES)?;
        Ok(World { home, service, toy, prometheus, alertmanager })
    }

    fn tell(&self, change: &Value) -> Result<()> {
        self.service.post("/v1/changes", change)?.ok().map(drop)
    }

    /// The entries of the first incident, once there is one of this kind.
    fn entries_with(&self, kind: &str) -> Result<Value> {
        let wanted = |page: &Value| (!of_kind(page, kind).is_empty()).then(|| page.clone());
        self.service.wait_for("/v1/incidents/INC-1/entries", wanted).with_context(|| {
            format!("Prometheus: {}\nAlertmanager: {}", self.prometheus.log(), self.alertmanager.log())
        })
    }
}

#[test]
fn a_page_after_a_bad_deploy_is_answered_before_anybody_asks() -> Result<()> {
    let world = World::start()?;
    let minutes_ago = Timestamp::now() - SignedDuration::from_mins(7);
    world.tell(&deploy("search-118", "search", "search 118: shorter snippets", "bob", minutes_ago))?;
    std::thread::sleep(HEALTHY);

    let deployed_at = Timestamp::now();
    world.tell(&deploy("checkout-42", "checkout", "checkout 42: round cart totals", "ana", deployed_at))?;
    // The new version takes a moment to reach its first customer.
    std::thread::sleep(Duration::from_millis(1500));
    let began = Timestamp::now();
    world.toy.breaks();
    std::thread::sleep(Duration::from_secs(2));
    let later = Timestamp::now();
    world.tell(&deploy("search-119", "search", "search 119: more synonyms", "bob", later))?;

    // From here on nobody does anything.
    let entries = world.entries_with("answered")?;
    let answered_at = Timestamp::now();
    let declared = of_kind(&entries, "declared");
    let declared = declared.first().context("a declaration")?;
    assert_eq!(declared["by"], json!({"is": "system", "name": "hearback"}), "{declared:#}");
    let answered = of_kind(&entries, "answered");
    let answer = &answered.first().context("an answer")?["body"]["kept"]["json"];

    eprintln!("deploy {deployed_at}, failures {began}, later deploy {later}, answer seen {answered_at}");
    eprintln!("{:#}\n{:#}\n{:#}", answer["onset"], answer["findings"], answer["gaps"]);
    // Every sample around the beginning, as Prometheus scraped it: {job="checkout",code="500"}, the last 20 s.
    let raw = "/api/v1/query?query=http_requests_total%7Bcode%3D%22500%22%7D%5B20s%5D";
    eprintln!("{}", world.prometheus.get(raw)?);
    is_right(answer, began)?;

    world.toy.recovers();
    let entries = world.entries_with("alert_resolved")?;
    assert_eq!(of_kind(&entries, "answered").len(), 1, "{entries:#}");
    assert_eq!(of_kind(&entries, "alert_fired").len(), 1, "{entries:#}");
    assert_eq!(world.service.get("/v1/incidents")?.json().as_array().map(Vec::len), Some(1));
    world.home.run(["record", "verify", "INC-1"])?.ok()?;

    // As the one who was paged reads it, as of the time of the answer.
    let as_of = answered_at.to_string();
    let mut ask = world.home.command(["ask", "--incident", "INC-1", "--as-of", &as_of])?;
    ask.env("HEARBACK_SERVER", &world.service.url).env("HEARBACK_TOKEN", &world.service.token);
    let asked = ask.output()?;
    let text = String::from_utf8_lossy(&asked.stdout);
    eprintln!("{text}{}", String::from_utf8_lossy(&asked.stderr));
    assert!(text.starts_with("Look here first: one strong suspect among "), "{text}");
    assert!(text.contains("checkout errors "), "{text}");
    Ok(())
}

/// The answer is the one that the world asks for; `began` is when it failed in truth.
fn is_right(answer: &Value, began: Timestamp) -> Result<()> {
    assert_eq!(answer["verdict"], "look_here", "{answer:#}");
    let (earliest, latest) = (time(&answer["onset"]["earliest"])?, time(&answer["onset"]["latest"])?);
    // The interval holds the truth, give or take two scrapes, and its middle is no farther from it than that. Its late
    // edge may be as late as a rate over four scrapes takes to be all failures.
    assert!(earliest <= began + TWO_SCRAPES && latest >= began - TWO_SCRAPES, "{earliest} to {latest}");
    let middle = earliest + latest.duration_since(earliest) / 2;
    let off = middle.duration_since(began).abs();
    assert!(off <= TWO_SCRAPES, "{off:#} off: {earliest} to {latest}, in truth {began}");
    assert!(latest <= began + TWO_SCRAPES * 2, "{earliest} to {latest}, in truth {began}");

    let suspects = answer["suspects"].as_array().context("suspects")?;
    assert_eq!(suspects.first().map(|first| &first["id"]), Some(&json!("deploy:argocd:checkout-42")));
    assert_eq!(suspects.first().map(|first| &first["strength"]), Some(&json!("strong")));
    let ruled_out = answer["ruled_out"].as_array().context("ruled out")?;
    let later = ruled_out.iter().find(|out| out["id"] == "deploy:argocd:search-119");
    // Sent up to two seconds after the truth, it may lie inside the onset: then it is a suspect, and not the first.
    match later {
        Some(out) => assert_eq!(out["rule"], "after_onset"),
        None => assert!(suspects.iter().skip(1).any(|one| one["id"] == "deploy:argocd:search-119")),
    }
    assert_eq!(answer["considered"], 3);
    let findings = answer["findings"].as_array().context("findings")?;
    let says = |finding: &Value| finding["claim"]["says"].as_str().unwrap_or_default().to_owned();
    assert!(findings.iter().any(|f| says(f).starts_with("checkout errors ")), "{findings:#?}");
    assert_eq!(answer["runbook"]["link"], RUNBOOK);
    assert_eq!(answer["gaps"], json!([]));
    Ok(())
}
