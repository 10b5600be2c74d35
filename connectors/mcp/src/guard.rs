//! Stands between a server and the SDK: of what a server sends only answers pass, and without what it says of itself. What a
//! server asks of us is refused here. It must not know what was asked of the server.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use rmcp::RoleClient;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientResult, ErrorCode, ErrorData, Implementation,
    JsonRpcMessage, RequestId, ServerJsonRpcMessage, ServerRequest, ServerResult,
};
use rmcp::transport::Transport;

use crate::meter::Meter;

/// A connection to a server that is not trusted.
pub(crate) struct Guard<T: Transport<RoleClient>> {
    inner: T,
    meter: Arc<Meter>,
    /// What was asked and not answered yet. An answer to something else is none.
    asked: HashSet<RequestId>,
    /// A refusal on its way. Until it is sent nothing more is read, so refusals do not heap up.
    refusal: Option<BoxFuture<'static, Result<(), T::Error>>>,
}

impl<T: Transport<RoleClient>> Guard<T> {
    pub(crate) fn new(inner: T, meter: Arc<Meter>) -> Self {
        Guard { inner, meter, asked: HashSet::new(), refusal: None }
    }
}

/// An id as it was sent: some servers give a number back as text.
fn as_sent(id: &RequestId) -> RequestId {
    match id {
        RequestId::String(text) => text.parse().map_or_else(|_| id.clone(), RequestId::Number),
        RequestId::Number(_) => id.clone(),
    }
}

/// What a server says of itself goes nowhere: not into a log of the SDK either.
fn without_words(result: &mut ServerResult) {
    match result {
        ServerResult::InitializeResult(result) => {
            result.instructions = None;
            result.meta = None;
            result.server_info = Implementation::new("server", "0");
        }
        ServerResult::DiscoverResult(result) => {
            result.instructions = None;
            result.meta = None;
        }
        _ => {}
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Guard<T>
where
    T::Error: Send,
{
    type Error = T::Error;

    fn send(
        &mut self,
        item: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        match &item {
            JsonRpcMessage::Request(request) => {
                self.asked.insert(request.id.clone());
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.asked.remove(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(refusal) = self.refusal.as_mut() {
                let gone = refusal.await.is_err();
                self.refusal = None;
                if gone {
                    return None;
                }
            }
            let message = self.inner.receive().await?;
            if !self.meter.hears() {
                return None;
            }
            match message {
                JsonRpcMessage::Notification(_) => {}
                JsonRpcMessage::Request(request) => {
                    let answer = match request.request {
                        ServerRequest::PingRequest(_) => {
                            ClientJsonRpcMessage::response(ClientResult::empty(()), request.id)
                        }
                        _ => {
                            let why = "this client only calls tools: it offers no sampling, no roots, no elicitation";
                            let error = ErrorData::new(ErrorCode::METHOD_NOT_FOUND, why, None);
                            ClientJsonRpcMessage::error(error, Some(request.id))
                        }
                    };
                    self.refusal = Some(Box::pin(self.inner.send(answer)));
                }
                JsonRpcMessage::Response(mut response) => {
                    if self.asked.remove(&as_sent(&response.id)) {
                        without_words(&mut response.result);
                        return Some(JsonRpcMessage::Response(response));
                    }
                }
                JsonRpcMessage::Error(mut error) => {
                    // A server that could not read what was asked can't say what it refuses.
                    if error.id.as_ref().is_none_or(|id| self.asked.remove(&as_sent(id))) {
                        error.error.message = "refused".into();
                        // Which versions a server knows stands here, and is looked at where it is an answer.
                        error.error.data = error.error.data.filter(|_| error.id.is_some());
                        return Some(JsonRpcMessage::Error(error));
                    }
                }
            }
        }
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}
