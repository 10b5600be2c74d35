//! Messages as lines of JSON over a pair of streams, for both sides. A line is never held beyond its limit, and what is
//! wrong with one is neither printed nor logged. It must not know what a message asks.

use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;
use rmcp::model::{ErrorData, RequestId};
use rmcp::service::{RxJsonRpcMessage, ServiceRole, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;
use serde_json::error::Category;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::Mutex;

use crate::meter::{Meter, Trouble};

/// What a line that is too long does.
#[derive(Debug)]
pub(crate) enum Bounds {
    /// It ends the connection, and so does too much in all.
    Ends(Arc<Meter>),
    /// It is passed over and refused, however long it is.
    Refused(usize),
}

/// One end of a connection.
pub(crate) struct Lines<Role, R, W> {
    read: BufReader<R>,
    line: Vec<u8>,
    passing_over: bool,
    bounds: Bounds,
    write: Arc<Mutex<Option<W>>>,
    /// A refusal on its way; kept here because whoever receives may stop waiting at any time.
    refusal: Option<BoxFuture<'static, std::io::Result<()>>>,
    role: PhantomData<fn() -> Role>,
}

enum Heard {
    Line,
    TooLong,
    End,
}

impl<Role, R, W> Lines<Role, R, W>
where
    Role: ServiceRole,
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    pub(crate) fn new(read: R, write: W, bounds: Bounds) -> Self {
        Lines {
            read: BufReader::new(read),
            line: Vec::new(),
            passing_over: false,
            bounds,
            write: Arc::new(Mutex::new(Some(write))),
            refusal: None,
            role: PhantomData,
        }
    }

    fn longest(&self) -> usize {
        match &self.bounds {
            Bounds::Ends(meter) => meter.longest(),
            Bounds::Refused(most) => *most,
        }
    }

    /// Reads until a line is whole. Whoever waits may stop: what was read of it stays.
    async fn hear(&mut self) -> Heard {
        let most = self.longest();
        loop {
            let Ok(there) = self.read.fill_buf().await else { return Heard::End };
            if there.is_empty() {
                return Heard::End;
            }
            let border = there.iter().position(|byte| *byte == b'\n');
            let (piece, whole) = match border {
                Some(at) => (there.get(..at).unwrap_or_default(), true),
                None => (there, false),
            };
            let too_long = !self.passing_over && self.line.len().saturating_add(piece.len()) > most;
            if too_long {
                self.line = Vec::new();
            } else if !self.passing_over {
                self.line.extend_from_slice(piece);
            }
            let taken = piece.len() + usize::from(whole);
            self.read.consume(taken);
            if let Bounds::Ends(meter) = &self.bounds {
                if too_long {
                    meter.give_up(Trouble::LongMessage(most));
                    return Heard::End;
                }
                if !meter.takes(taken) {
                    return Heard::End;
                }
            }
            let passed_over = self.passing_over;
            self.passing_over = (passed_over || too_long) && !whole;
            if too_long {
                return Heard::TooLong;
            }
            if whole && !passed_over {
                return Heard::Line;
            }
        }
    }

    /// Says what is wrong with a line, if it was one that wants an answer.
    fn refuse(&mut self, error: ErrorData, id: Option<RequestId>) {
        self.refusal =
            Some(Box::pin(sent(self.write.clone(), encoded(&TxJsonRpcMessage::<Role>::error(error, id)))));
    }

    fn refuse_line(&mut self, category: Category) {
        if matches!(category, Category::Syntax | Category::Eof | Category::Io) {
            return self.refuse(ErrorData::parse_error("this line is no JSON, or too deep", None), None);
        }
        let envelope: Value = serde_json::from_slice(&self.line).unwrap_or_default();
        let id = envelope.get("id").and_then(|id| match id {
            Value::String(text) => Some(RequestId::String(text.as_str().into())),
            Value::Number(number) => number.as_i64().map(RequestId::Number),
            _ => None,
        });
        let notifies = envelope.get("method").is_some() && envelope.get("id").is_none();
        if !notifies {
            self.refuse(ErrorData::invalid_request("this is no message of the protocol", None), id);
        }
    }
}

fn encoded(message: &impl serde::Serialize) -> std::io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(message).map_err(std::io::Error::other)?;
    bytes.push(b'\n');
    Ok(bytes)
}

async fn sent<W: AsyncWrite + Unpin>(
    write: Arc<Mutex<Option<W>>>,
    bytes: std::io::Result<Vec<u8>>,
) -> std::io::Result<()> {
    let bytes = bytes?;
    let mut write = write.lock().await;
    let Some(write) = write.as_mut() else { return Err(std::io::ErrorKind::NotConnected.into()) };
    write.write_all(&bytes).await?;
    write.flush().await
}

impl<Role, R, W> Transport<Role> for Lines<Role, R, W>
where
    Role: ServiceRole,
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = std::io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<Role>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        sent(self.write.clone(), encoded(&item))
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<Role>> {
        loop {
            if let Some(refusal) = self.refusal.as_mut() {
                let gone = refusal.await.is_err();
                self.refusal = None;
                if gone {
                    return None;
                }
            }
            match self.hear().await {
                Heard::End => return None,
                Heard::TooLong => {
                    let most = self.longest();
                    let why = format!("this message is longer than {most} bytes");
                    self.refuse(ErrorData::invalid_request(why, None), None);
                }
                Heard::Line => {
                    let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
                    if line.iter().all(u8::is_ascii_whitespace) {
                        self.line.clear();
                        continue;
                    }
                    let parsed = serde_json::from_slice::<RxJsonRpcMessage<Role>>(line);
                    if let (Err(error), Bounds::Refused(_)) = (&parsed, &self.bounds) {
                        self.refuse_line(error.classify());
                    }
                    self.line.clear();
                    if let Ok(message) = parsed {
                        return Some(message);
                    }
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // A peer that reads nothing may hold a message half written: then the streams end with this.
        if let Ok(mut write) = self.write.try_lock() {
            write.take();
        }
        Ok(())
    }
}
