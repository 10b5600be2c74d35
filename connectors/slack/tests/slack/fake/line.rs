//! Slack's side of Socket Mode: the WebSockets that somebody opened.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server as handshake;

use super::Shared;
use super::contract::{self, APP};

/// A socket that somebody opened, seen from Slack.
pub struct Line {
    socket: WebSocketStream<TcpStream>,
    inside: Shared,
}

impl Line {
    pub async fn send(&mut self, envelope: &Value) {
        self.send_text(&envelope.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::Text(text.to_owned().into())).await.unwrap();
    }

    /// The next acknowledged envelope; none if the socket was closed.
    pub async fn ack(&mut self) -> Option<String> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let ack: Value = serde_json::from_str(&text).unwrap();
                        self.inside.lock().unwrap().broken.extend(contract::faults("ack", &ack));
                        return Some(ack["envelope_id"].as_str().unwrap().to_owned());
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(_) | Err(_)) | None => return None,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), next).await.unwrap()
    }

    /// Waits until everything that was sent is read.
    pub async fn pinged(&mut self) {
        self.socket.send(Message::Ping("read?".into())).await.unwrap();
        let pong = async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Pong(text) if text == "read?" => return,
                    Message::Text(text) => panic!("acknowledged: {text}"),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), pong).await.unwrap();
    }

    /// Breaks the connection without a word.
    pub fn break_off(self) {
        drop(self);
    }
}

/// Takes sockets that come with a ticket.
pub(super) async fn take(sockets: TcpListener, inside: Shared, opened: mpsc::UnboundedSender<Line>) {
    while let Ok((stream, _)) = sockets.accept().await {
        if let Some(line) = accept(stream, &inside).await {
            let _ = opened.send(line);
        }
    }
}

#[expect(clippy::result_large_err, reason = "the form of tungstenite's callback")]
async fn accept(stream: TcpStream, inside: &Shared) -> Option<Line> {
    let check = |request: &handshake::Request, response: handshake::Response| {
        let ticket = request.uri().query().unwrap_or_default().to_owned();
        if inside.lock().unwrap().tickets.remove(&ticket) {
            Ok(response)
        } else {
            Err(handshake::ErrorResponse::new(None))
        }
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, check).await.ok()?;
    let mut line = Line { socket, inside: Arc::clone(inside) };
    let greeting = inside.lock().unwrap().greetings.pop_front();
    let hello = json!({"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP}, "debug_info": {"host": "applink-1"}});
    line.send(&greeting.unwrap_or(hello)).await;
    Some(line)
}
