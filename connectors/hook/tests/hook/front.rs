//! What stands where the receiver should: it answers by script, a connection for each request, misbehaves as it is
//! told, or hands on to the real receiver. It keeps what it was sent. It knows no more HTTP than it needs.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::contract;

/// What it does with one request.
#[derive(Clone)]
pub enum Does {
    /// Answers these bytes, and closes.
    Answers(String),
    /// Reads the request and closes.
    Closes,
    /// Reads the request and says nothing, ever.
    Hangs,
    /// Answers a head of 200, then a blank every 20 ms, for ever.
    Drips,
    /// Hands it on, and the answer back.
    HandsOn,
    /// Hands it on, waits for the answer, and closes without it.
    LosesTheAnswer,
}

pub fn answer(status: &str, headers: &str, body: &str) -> Does {
    let length = body.len();
    Does::Answers(format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    ))
}

/// JSON with this status.
pub fn json(status: &str, body: &str) -> Does {
    answer(status, "content-type: application/json\r\n", body)
}

/// 200 with this state, and what follows it.
pub fn state(state: &str, more: &str) -> Does {
    json("200 OK", &format!("{{\"state\":\"{state}\"{more}}}"))
}

#[derive(Default)]
struct Inside {
    heard: Vec<(String, String)>,
    answered: Vec<(String, Value)>,
    behind: Option<SocketAddr>,
}

/// It. The last of the script is repeated for ever.
pub struct Front {
    pub host: String,
    inside: Arc<Mutex<Inside>>,
    _tasks: JoinSet<()>,
}

impl Front {
    pub async fn start(script: Vec<Does>) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let inside = Arc::new(Mutex::new(Inside::default()));
        let kept = Arc::clone(&inside);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut number = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read_request(&mut stream).await else { continue };
                kept.lock().unwrap().heard.push(request.clone());
                let does = script[number.min(script.len() - 1)].clone();
                number += 1;
                connections.spawn(perform(stream, request, does, Arc::clone(&kept)));
            }
        });
        Front { host, inside, _tasks: tasks }
    }

    /// Hands on to the receiver at `behind` from now on.
    pub fn hand_on_to(&self, behind: SocketAddr) {
        self.inside.lock().unwrap().behind = Some(behind);
    }

    /// The bodies of all requests, each held to the contract; and what the receiver behind answered, too.
    pub fn heard(&self) -> Vec<Value> {
        let inside = self.inside.lock().unwrap();
        for (body, answered) in &inside.answered {
            let asked: Value = serde_json::from_str(body).unwrap();
            contract::check(if asked["do"] == "rehearse" { "rehearsed" } else { "told" }, answered);
        }
        inside.heard.iter().map(|(head, body)| contract::request(head, body)).collect()
    }

    /// What was asked, in order.
    pub fn asked(&self) -> Vec<String> {
        self.heard().iter().map(|body| body["do"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until there were so many requests.
    pub async fn was_asked(&self, times: usize) {
        let begun = Instant::now();
        while self.raw().len() < times {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is not asked");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The requests as they came.
    pub fn raw(&self) -> Vec<(String, String)> {
        self.inside.lock().unwrap().heard.clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8(request.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced: usize = contract::headers(head)["content-length"].to_str().unwrap().parse().unwrap();
        if body.len() >= announced {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}

/// Sends bytes that were sent before to the receiver, and reads its answer.
pub async fn hand_on(behind: SocketAddr, (head, body): &(String, String)) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(behind).await?;
    stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Status and body of an answer.
pub fn read_answer(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

async fn perform(mut stream: TcpStream, request: (String, String), does: Does, kept: Arc<Mutex<Inside>>) {
    let behind = kept.lock().unwrap().behind;
    match (does, behind) {
        (Does::Answers(bytes), _) => send(stream, &bytes).await,
        (Does::Hangs, _) => std::future::pending().await,
        (Does::Drips, _) => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n";
            let mut beat = tokio::time::interval(Duration::from_millis(20));
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b" ").await.is_ok() {
                beat.tick().await;
            }
        }
        (handing @ (Does::HandsOn | Does::LosesTheAnswer), Some(behind)) => {
            let Ok(answer) = hand_on(behind, &request).await else { return };
            if answer.is_empty() {
                return;
            }
            kept.lock().unwrap().answered.push((request.1, read_answer(&answer).1));
            if matches!(handing, Does::HandsOn) {
                send(stream, &answer).await;
            }
        }
        (Does::Closes | Does::HandsOn | Does::LosesTheAnswer, _) => {}
    }
}

async fn send(mut stream: TcpStream, bytes: &str) {
    let _ = stream.write_all(bytes.as_bytes()).await;
    let _ = stream.shutdown().await;
    // A close with bytes unread would be a reset; the other side closes first.
    let _ = stream.read(&mut [0; 64]).await;
}
