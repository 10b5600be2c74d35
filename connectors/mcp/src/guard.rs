//! Stands between a server and the SDK: of what a server sends only answers pass, and without what it says of itself. What a
//! server asks of us is refused here. It must not know what was asked of the server.

use std::pin::Pin;
use std::sync::Arc;

use rmcp::RoleClient;
use rmcp::model::{
    ClientJsonRpcMessage, ClientResult, ErrorCode, ErrorData, Implementation, JsonRpcMessage,
    ServerJsonRpcMessage, ServerRequest, ServerResult,
};
use rmcp::transport::Transport;

use crate::meter::Meter;

/// A connection to a server that is not trusted.
pub(crate) struct Guard<T: Transport<RoleClient>> {
    inner: T,
    meter: Arc<Meter>,
    /// A refusal on its way. Until it is sent nothing more is read, so refusals do not heap up.
    refusal: Option<Pin<Box<dyn Future<Output = Result<(), T::Error>> + Send>>>,
}

impl<T: Transport<RoleClient>> Guard<T> {
    pub(crate) fn new(inner: T, meter: Arc<Meter>) -> Self {
        Guard { inner, meter, refusal: None }
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
                    without_words(&mut response.result);
                    return Some(JsonRpcMessage::Response(response));
                }
                JsonRpcMessage::Error(mut error) => {
                    error.error.message = "refused".into();
                    return Some(JsonRpcMessage::Error(error));
                }
            }
        }
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}
