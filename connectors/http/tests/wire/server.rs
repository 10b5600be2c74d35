//! A server on loopback that answers by script, a connection for each request, and keeps what it was asked. It knows
//! no more HTTP than it needs to find the end of a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearback_http::{HttpClient, HttpOptions, Limits};
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does with one request.
#[derive(Clone)]
pub enum Does {
    /// Answers these bytes, and closes.
    Answers(String),
    /// Reads the request and closes.
    Closes,
    /// Reads the request and says nothing, ever.
    Hangs,
    /// Answers these bytes, then a byte each so often, for ever.
    Trickles(String, Duration),
    /// Answers a head, then chunks without end, up to two gigabytes.
    Floods(String),
}

/// An answer with a status, a content type and a body.
pub fn answer(status: &str, headers: &str, body: &str) -> Does {
    Does::Answers(format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// 200 with JSON.
pub fn json(body: &str) -> Does {
    answer("200 OK", "content-type: application/json\r\n", body)
}

/// The server. What is asked beyond the script is answered 418 and kept as well, so that counting finds it.
pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    /// Bytes of a flood that the client's side took.
    pub taken: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub async fn start(script: Vec<Does>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, taken) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        let (kept, count) = (Arc::clone(&asked), Arc::clone(&taken));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut script = script.into_iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read_request(&mut stream).await else { continue };
                kept.lock().unwrap().push(request);
                let does = script.next().unwrap_or_else(|| answer("418 I'm a teapot", "", ""));
                connections.spawn(perform(stream, does, Arc::clone(&count)));
            }
        });
        Server { port, asked, taken, _tasks: tasks }
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// A client of it that wastes no time between retries.
    pub fn client(&self) -> HttpClient {
        HttpClient::new(self.options()).unwrap()
    }

    pub fn options(&self) -> HttpOptions {
        let first_pause = Duration::from_millis(1);
        HttpOptions { first_pause, ..HttpOptions::new(format!("http://{}", self.host())) }
    }

    /// `text` with this server called `HOST`.
    pub fn anonymous(&self, text: impl ToString) -> String {
        text.to_string().replace(&self.host(), "HOST")
    }
}

/// Enough for what is expected to succeed.
pub fn ample() -> Limits {
    Limits::new(SignedDuration::from_secs(20), 100_000)
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        if body.len() >= announced.unwrap_or(0usize) {
            return Some(text);
        }
    }
}

async fn perform(mut stream: TcpStream, does: Does, taken: Arc<AtomicU64>) {
    match does {
        Does::Answers(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            let _ = stream.shutdown().await;
            // A close with bytes unread would be a reset; the other side closes first.
            let _ = stream.read(&mut [0; 64]).await;
        }
        Does::Closes => {}
        Does::Hangs => std::future::pending().await,
        Does::Trickles(head, each) => {
            let mut beat = tokio::time::interval(each);
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b" ").await.is_ok() {
                beat.tick().await;
            }
        }
        Does::Floods(head) => {
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            let _ = stream.write_all(head.as_bytes()).await;
            while taken.load(Ordering::Relaxed) < 2 << 30 && stream.write_all(chunk.as_bytes()).await.is_ok()
            {
                taken.fetch_add(0x10000, Ordering::Relaxed);
            }
        }
    }
}
