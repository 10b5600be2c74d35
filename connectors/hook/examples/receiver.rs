//! The other side of a hook, for copying: checks the signature, keeps what became of each key in a file of its own, and
//! runs two commands of yours. It must not know what they do. The contract is `CONTRACT.md` in the folder above.
//!
//! `cargo run -p hearback-hook --example receiver -- receiver.json`, with such a file:
//!
//! ```json
//! {"listen": "127.0.0.1:8090", "path": "/deploys", "secret_file": "hook.secret", "outcomes": "outcomes",
//!  "running": ["./running"], "change": ["./change"]}
//! ```
//!
//! `./running SERVICE ENVIRONMENT` prints the version that runs; `./change SERVICE ENVIRONMENT FROM TO` ends with 0 once
//! `TO` runs, and may print an id of what it made. No shell sees their words. One process to a folder of outcomes; a
//! file in it may go when it is a day old.
#![allow(clippy::print_stdout, reason = "a program")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

/// So many seconds a request may be old, or ahead of our clock.
const FRESH_S: u64 = 5 * 60;
/// The first answer waits this long for the end; then it is `under_way`.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// A command that takes longer is ended.
const COMMAND_WITHIN: Duration = Duration::from_secs(15 * 60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    listen: String,
    path: String,
    secret_file: PathBuf,
    outcomes: PathBuf,
    running: Vec<String>,
    change: Vec<String>,
}

struct Receiver {
    config: Config,
    secret: Vec<u8>,
    /// Held while a key is taken: of two requests with one key one is first.
    taking: Mutex<()>,
    /// Held while something is changed: one at a time.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct Request {
    contract: u32,
    r#do: String,
    key: Option<String>,
    service: String,
    environment: String,
    from: String,
    to: String,
}

/// Whether a request was sent lately by somebody who has the secret (Standard Webhooks 1.0).
pub fn verify(secret: &[u8], headers: &HeaderMap, body: &[u8], now_s: u64) -> Result<(), &'static str> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or("it is not signed");
    let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| "there is no secret")?;
    [id.as_bytes(), b".", at.as_bytes(), b".", body].iter().for_each(|part| mac.update(part));
    let fits = |signature: &str| {
        let given = signature.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok());
        // In constant time.
        given.is_some_and(|given| mac.clone().verify_slice(&given).is_ok())
    };
    if !header("webhook-signature")?.split(' ').any(fits) {
        return Err("the signature does not fit; the secret must be the same on both sides");
    }
    match at.parse::<u64>() {
        Ok(at) if at.abs_diff(now_s) <= FRESH_S => Ok(()),
        _ => Err("it was signed more than five minutes ago or ahead; check the clocks"),
    }
}

/// Only such words reach a command or name a file: none is taken for an option, none leads to another folder.
fn is_word(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._+:@-".contains(c);
    text.len() <= 200 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(fits)
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let refuse = |status, why: &str| (status, Json(json!({ "why": why })));
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if let Err(why) = verify(&receiver.secret, &headers, &body, now_s) {
        return refuse(StatusCode::UNAUTHORIZED, why);
    }
    let Ok(request @ Request { contract: 1, .. }) = serde_json::from_slice::<Request>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "this is no request of contract 1");
    };
    let words = [&request.service, &request.environment, &request.from, &request.to];
    if !words.into_iter().chain(&request.key).all(|word| is_word(word)) {
        return refuse(StatusCode::BAD_REQUEST, "a word holds more than letters, digits and ._+:@-");
    }
    match (request.r#do.as_str(), request.key.clone()) {
        ("rehearse", None) => (StatusCode::OK, Json(receiver.rehearse(&request).await)),
        ("look", Some(key)) => {
            let kept = receiver.read(&key);
            (StatusCode::OK, Json(kept.unwrap_or_else(|| json!({ "state": "not_known" }))))
        }
        ("execute", Some(key)) if headers.get("webhook-id").is_some_and(|id| id == key.as_str()) => {
            match receiver.take(&key) {
                Ok(None) => {}
                Ok(Some(kept)) => return with_status(kept),
                Err(_) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, "its key can't be kept"),
            }
            // A task of its own: it goes on when the caller hangs up.
            let work = tokio::spawn(async move { receiver.change(&key, &request).await });
            let ended = tokio::time::timeout(ANSWER_WITHIN, work).await;
            with_status(match ended {
                Ok(ended) => ended.unwrap_or_else(|_| unclear("the receiver failed in the middle of it")),
                Err(_) => json!({ "state": "under_way" }),
            })
        }
        _ => refuse(StatusCode::BAD_REQUEST, "do is none of rehearse, execute and look, or the key is wrong"),
    }
}

fn with_status(answer: Value) -> (StatusCode, Json<Value>) {
    let status = match answer.get("state").and_then(Value::as_str) {
        Some("done") => StatusCode::OK,
        Some("under_way") => StatusCode::ACCEPTED,
        Some("not_as_expected") => StatusCode::CONFLICT,
        Some("failed") => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, Json(answer))
}

fn unclear(why: &str) -> Value {
    json!({ "state": "unclear", "why": why })
}

impl Receiver {
    async fn rehearse(&self, asked: &Request) -> Value {
        let says = format!("run {} with {} and {}", self.config.change.join(" "), asked.from, asked.to);
        match self.running(asked).await {
            Ok(running) if running == asked.from => json!({ "running": running, "says": [says] }),
            Ok(running) => json!({ "running": running, "refuses": "another version runs" }),
            Err(why) => json!({ "refuses": format!("which version runs can't be read: {why}") }),
        }
    }

    /// Changes the version and keeps what came of it.
    async fn change(&self, key: &str, asked: &Request) -> Value {
        let _one_at_a_time = self.changing.lock().await;
        let answer = match self.running(asked).await {
            Err(why) => {
                json!({ "state": "failed", "why": format!("which version runs can't be read: {why}") })
            }
            Ok(running) if running != asked.from => json!({ "state": "not_as_expected", "running": running }),
            Ok(_) => {
                let words = [&asked.service, &asked.environment, &asked.from, &asked.to];
                let changed = run(&self.config.change, &words).await;
                match (changed, self.running(asked).await) {
                    (Ok(made), Ok(running)) if running == asked.to => {
                        json!({ "state": "done", "made": made })
                    }
                    (Err(why), Ok(running)) if running == asked.from && why != ENDED => {
                        json!({ "state": "failed", "why": why })
                    }
                    (changed, Ok(running)) => {
                        unclear(&format!("{running} runs; {}", changed.err().unwrap_or_default()))
                    }
                    (_, Err(why)) => unclear(&format!("which version runs can't be read: {why}")),
                }
            }
        };
        let kept = self.keep(key, &answer);
        kept.map_or_else(|_| unclear("what came of it can't be kept"), |()| answer)
    }

    async fn running(&self, asked: &Request) -> Result<String, String> {
        run(&self.config.running, &[&asked.service, &asked.environment]).await
    }

    /// Takes a key that nobody took, durably, before anything is done; else what is kept of it.
    fn take(&self, key: &str) -> std::io::Result<Option<Value>> {
        let _one_at_a_time = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        match self.read(key) {
            Some(kept) => Ok(Some(kept)),
            None => self.keep(key, &json!({ "state": "under_way" })).map(|()| None),
        }
    }

    /// What is kept of a key; nothing only if there is surely nothing.
    fn read(&self, key: &str) -> Option<Value> {
        match std::fs::read(self.config.outcomes.join(format!("{key}.json"))) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(_) => Some(unclear("what was kept of it can't be read")),
            Ok(kept) => {
                Some(serde_json::from_slice(&kept).unwrap_or_else(|_| unclear("what was kept is broken")))
            }
        }
    }

    /// Whole or not at all, and still there after a crash.
    fn keep(&self, key: &str, answer: &Value) -> std::io::Result<()> {
        let next = self.config.outcomes.join(format!("{key}.next"));
        let mut file = std::fs::File::create(&next)?;
        file.write_all(answer.to_string().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&next, self.config.outcomes.join(format!("{key}.json")))?;
        std::fs::File::open(&self.config.outcomes)?.sync_all()
    }

    /// What was under way when the receiver ended was done, or was not.
    fn settle(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.config.outcomes)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let under_way = json!({ "state": "under_way" });
            if let Some(key) = name.strip_suffix(".json")
                && self.read(key) == Some(under_way)
            {
                self.keep(key, &unclear("the receiver ended in the middle of it"))?;
            }
        }
        Ok(())
    }
}

/// Why a command failed that took too long.
const ENDED: &str = "it took too long and was ended";

/// Runs a command; the first line that it prints.
async fn run(argv: &[String], words: &[&String]) -> Result<String, String> {
    let (program, arguments) = argv.split_first().ok_or("no command is configured")?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).args(words).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(COMMAND_WITHIN, command.output()).await.map_err(|_| ENDED)?;
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} ended with {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
}

/// Receives until it is ended.
pub async fn serve(config: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let config: Config = serde_json::from_slice(&std::fs::read(config)?)?;
    let secret = std::fs::read_to_string(&config.secret_file)?;
    let secret = STANDARD.decode(secret.trim().strip_prefix("whsec_").ok_or("the secret lacks whsec_")?)?;
    if secret.len() < 24 {
        return Err("the secret is shorter than 24 bytes".into());
    }
    std::fs::create_dir_all(&config.outcomes)?;
    let listener = tokio::net::TcpListener::bind(&config.listen).await?;
    let (path, taking, changing) = (config.path.clone(), Mutex::new(()), tokio::sync::Mutex::new(()));
    let receiver = Arc::new(Receiver { config, secret, taking, changing });
    receiver.settle()?;
    println!("listening on {}", listener.local_addr()?);
    let router = Router::new().route(&path, post(receive)).layer(DefaultBodyLimit::max(64 << 10));
    Ok(axum::serve(listener, router.with_state(receiver)).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    serve(Path::new(&std::env::args_os().nth(1).ok_or("name the file of the configuration")?)).await
}
