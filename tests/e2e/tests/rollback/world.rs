//! The world of the story: a shop whose checkout fails after a commit, with everything that watches it.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hearback_e2e::Home;
use hearback_e2e::monitoring::{Alertmanager, Prometheus, free_port};
use hearback_e2e::service::Service;
use hearback_e2e::toy::Toy;

use crate::contract::{APP, BOT_TOKEN, BOT_USER, SIGNING_SECRET, TEAM};
use crate::workspace::{CHANNEL, Workspace};

/// How long the service is watched while all is well. This is the world's clock: what is usual can't be measured faster.
const HEALTHY: Duration = Duration::from_secs(25);
/// How long anything is polled for.
const PATIENCE: Duration = Duration::from_secs(90);

const RULES: &str = r#"groups:
  - name: checkout
    rules:
      - alert: CheckoutFailing
        expr: sum(rate(http_requests_total{job="checkout",code=~"5.."}[4s])) > 0.5
        for: 4s
        labels: {severity: critical, service: checkout}
        annotations: {summary: checkout answers with 5xx}
"#;

const POLICY: &str = r#"[[person]]
name = "Ana Ruiz"
chat = ["slack:T024BE7LD:U2147483697"]
groups = ["checkout-on-call"]

[[rule]]
actions = ["revert_commit"]
services = ["checkout"]
groups = ["checkout-on-call"]
in_freeze = "allow"
"#;

/// How the story ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The commit was it: what is pushed is deployed, and the service recovers.
    Well,
    /// It was something else.
    Badly,
}

/// All of it, running.
pub struct World {
    home: Home,
    service: Service,
    toy: Toy,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    pub workspace: Workspace,
    _git: GitServer,
}

impl World {
    /// Starts it, and watches it while all is well. `recovers_within` is how long after an action it should be well.
    pub fn start(recovers_within: &str) -> Result<Self> {
        let toy = Toy::start()?;
        let home = Home::new()?;
        let git = GitServer::start(&home)?;
        let workspace = Workspace::start()?;
        // Each must be told where the next one is.
        let port = free_port()?;
        std::fs::write(home.path("policy.toml"), POLICY)?;
        std::fs::write(home.path("hearback.toml"), configuration(port, &workspace, recovers_within))?;
        std::fs::write(home.path("bot.token"), BOT_TOKEN)?;
        std::fs::write(home.path("signing.secret"), SIGNING_SECRET)?;
        let service = Service::start(&home)?;
        let made =
            home.run(["token", "add", "alertmanager", "--program", "--right", "send", "--json"])?.json()?;
        let token = made["token"].as_str().context("a token")?;
        let alertmanager = Alertmanager::start(&alertmanager_yml(&service, token))?;
        let prometheus = Prometheus::start(port, &prometheus_yml(&toy, &alertmanager), RULES)?;
        std::thread::sleep(HEALTHY);
        Ok(World { home, service, toy, prometheus, alertmanager, workspace, _git: git })
    }

    /// Plays the story. Says what stands in the channel at its end, without what differs from run to run.
    pub fn play(&self, ends: Ends) -> Result<String> {
        let World { home, service, toy, workspace, .. } = self;
        commit(
            &home.path("shop"),
            "services/checkout/total.py",
            "return round(sum(cart))\n",
            "Round cart totals",
        )?;
        let bad = git(&home.path("shop"), &["rev-parse", "HEAD"])?;
        git(&home.path("shop"), &["push", "-q", "origin", "main"])?;
        std::thread::sleep(Duration::from_millis(1500));
        toy.breaks();

        // The page opens an incident, which is answered and proposed before anybody asks.
        let said = |text: &str| workspace.wait_for(|seen| seen.words.starts_with(text));
        said("This channel is of INC-1 now").with_context(|| self.logs())?;
        said("Look here first: one strong suspect").with_context(|| self.logs())?;
        said("Proposed: revert").with_context(|| self.logs())?;

        // Somebody asks all the same, and is answered in their thread.
        let (ts, asked) = workspace.mention(service, "what changed?")?;
        let answered = workspace.wait_for(|seen| seen.thread.as_ref() == Some(&ts))?;
        ensure!(answered.came.duration_since(asked) < PATIENCE, "{}", answered.words);
        ensure!(answered.words.starts_with("Look here first"), "{}", answered.words);
        workspace.write(service, "rolling it back")?;

        // One click.
        workspace.press(service, "Proposed: revert", "Approve")?;
        self.pushed(bad.trim())?;
        if ends == Ends::Well {
            // What is pushed is deployed.
            toy.recovers();
        }
        said("INC-1.P1 is done")?;
        said(match ends {
            Ends::Well => "INC-1.P1 helped",
            Ends::Badly => "INC-1.P1 did not help",
        })?;
        if ends == Ends::Badly {
            workspace.wait_for(|seen| seen.words.contains("(INC-1.P2)"))?;
        }
        self.service.wait_for("/v1/proposals/INC-1.P1", |view| (view["stage"] == "done").then_some(()))?;
        home.run(["record", "verify", "INC-1"])?.ok()?;
        let audit = home.run(["audit", "--verify"])?.ok()?;
        ensure!(audit.contains("Verified: every record is whole"), "{audit}");
        workspace.fake.assert_kept_the_contract();
        ensure!(workspace.fake.doubled().is_empty(), "{:?}", workspace.fake.doubled());
        let entries = home.run(["record", "show", "INC-1"])?.ok()?;
        ensure!(entries.contains("Ana Ruiz          rolling it back"), "{entries}");
        ensure!(workspace.told().contains("Why: "), "{}", workspace.told());
        Ok(without_accidents(&workspace.outline(), home, bad.trim()))
    }

    /// Waits until the server's branch holds a revert of the commit.
    fn pushed(&self, bad: &str) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = git(&self.home.path("server/shop.git"), &["log", "-1", "--format=%B", "main"])?;
            if log.contains(&format!("This reverts commit {bad}")) {
                let held =
                    git(&self.home.path("server/shop.git"), &["show", "main:services/checkout/total.py"])?;
                ensure!(held == "return sum(cart)\n", "{held}");
                return Ok(());
            }
            ensure!(Instant::now() < until, "nothing was pushed: {log}\n{}", self.workspace.told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn logs(&self) -> String {
        format!("Prometheus: {}\nAlertmanager: {}", self.prometheus.log(), self.alertmanager.log())
    }
}

fn configuration(prometheus: u16, workspace: &Workspace, recovers_within: &str) -> String {
    format!(
        r#"[approval]
policy = "policy.toml"
[proposals]
push_to = "same_branch"
recovers_within = "{recovers_within}"
[[prometheus]]
url = "http://127.0.0.1:{prometheus}"
name = "shop"
step = "1s"
rate_over = "4s"
[[repository]]
path = "shop"
name = "shop"
[repository.reverts]
branch = "main"
author = "Hearback <hearback@shop.example>"
[[service]]
name = "checkout"
paths = ["services/checkout/"]
tier = 2
[[service]]
name = "search"
paths = ["services/search/"]
[slack]
team = "{TEAM}"
app = "{APP}"
bot_user = "{BOT_USER}"
bot_token = {{ file = "bot.token" }}
signing_secret = {{ file = "signing.secret" }}
channel = "{CHANNEL}"
api = "{}"
"#,
        workspace.fake.base_url()
    )
}

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

/// `git daemon` on loopback, with the shop's repository, and a clone of it beside.
struct GitServer(Child);

impl GitServer {
    fn start(home: &Home) -> Result<Self> {
        let (server, shop) = (home.path("server/shop.git"), home.path("shop"));
        std::fs::create_dir_all(&server)?;
        git(&server, &["init", "-q", "--bare", "-b", "main"])?;
        let port = free_port()?;
        let child = Command::new("git")
            .args(["daemon", "--enable=receive-pack", "--export-all", "--reuseaddr", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", home.path("server").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("git daemon")?;
        let daemon = GitServer(child);
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < until, "git daemon did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::create_dir_all(&shop)?;
        git(&shop, &["init", "-q", "-b", "main"])?;
        commit(&shop, "services/checkout/total.py", "return sum(cart)\n", "Sum carts")?;
        commit(&shop, "services/search/rank.py", "return rank\n", "Rank by price")?;
        commit(&shop, "services/search/words.py", "return words\n", "More synonyms")?;
        git(&shop, &["remote", "add", "origin", &format!("git://127.0.0.1:{port}/shop.git")])?;
        git(&shop, &["push", "-q", "-u", "origin", "main"])?;
        git(&shop, &["remote", "set-head", "origin", "main"])?;
        Ok(daemon)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn commit(shop: &Path, file: &str, content: &str, title: &str) -> Result<()> {
    let path = shop.join(file);
    std::fs::create_dir_all(path.parent().context("a folder")?)?;
    std::fs::write(path, content)?;
    git(shop, &["add", "."])?;
    git(shop, &["-c", "user.name=Bob", "-c", "user.email=bob@shop.example", "commit", "-q", "-m", title])
        .map(drop)
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let run = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()?;
    ensure!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    Ok(String::from_utf8_lossy(&run.stdout).into_owned())
}

/// Times, levels and shas made the same in each run.
fn without_accidents(told: &str, home: &Home, bad: &str) -> String {
    let mut text = told.replace(&bad[..10], "THE-COMMIT");
    let log = git(&home.path("server/shop.git"), &["log", "--format=%H", "main"]).unwrap_or_default();
    for (number, sha) in log.lines().rev().enumerate() {
        text = text
            .replace(&sha[..10], &format!("COMMIT-{number}"))
            .replace(&sha[..7], &format!("COMMIT-{number}"));
    }
    let patterns = [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?Z", "TIME"),
        (r"\d\d:\d\dZ", "TIME"),
        (r"\b\d+(\.\d+)? (s|min|h)\b( \d+ (s|min)\b)?", "AWHILE"),
        (r"(→|now|at|;) \d+(\.\d+)?", "$1 N"),
        (r"evidence [0-9a-f]{8}", "evidence E"),
    ];
    for (pattern, by) in patterns {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, by).into_owned();
    }
    text
}
