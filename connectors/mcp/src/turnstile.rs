//! Stands between a client and the SDK when we are the server: how many requests are answered at once, and nothing before a
//! greeting that would end the connection. It must not know what is asked.

use std::collections::HashSet;

use futures::future::BoxFuture;
use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, JsonRpcMessage, RequestId,
    ServerJsonRpcMessage,
};
use rmcp::transport::Transport;

/// A connection to a client.
pub(crate) struct Turnstile<T: Transport<RoleServer>> {
    inner: T,
    most: usize,
    inside: HashSet<RequestId>,
    has_greeted: bool,
    refusal: Option<BoxFuture<'static, Result<(), T::Error>>>,
}

impl<T: Transport<RoleServer>> Turnstile<T> {
    pub(crate) fn new(inner: T, most: usize) -> Self {
        Turnstile { inner, most, inside: HashSet::new(), has_greeted: false, refusal: None }
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Turnstile<T>
where
    T::Error: Send,
{
    type Error = T::Error;

    fn send(
        &mut self,
        item: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let answered = match &item {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        if let Some(id) = answered {
            self.inside.remove(id);
        }
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(refusal) = self.refusal.as_mut() {
                let gone = refusal.await.is_err();
                self.refusal = None;
                if gone {
                    return None;
                }
            }
            let message = self.inner.receive().await?;
            match &message {
                JsonRpcMessage::Request(request) => {
                    let why = if self.inside.contains(&request.id) {
                        "a request with this id is being answered"
                    } else if self.inside.len() >= self.most {
                        "too many requests at once; wait for answers"
                    } else {
                        self.inside.insert(request.id.clone());
                        // Pings and discovery leave a connection as it was.
                        let leaves = matches!(
                            request.request,
                            ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_)
                        );
                        self.has_greeted |= !leaves;
                        return Some(message);
                    };
                    let error = ErrorData::invalid_request(why, None);
                    let refusal = ServerJsonRpcMessage::error(error, Some(request.id.clone()));
                    self.refusal = Some(Box::pin(self.inner.send(refusal)));
                }
                JsonRpcMessage::Notification(notification) => {
                    if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                        && let Some(id) = &cancelled.params.request_id
                    {
                        self.inside.remove(id);
                    }
                    if self.has_greeted {
                        return Some(message);
                    }
                }
                // We ask nothing of a client, so it answers nothing.
                JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
            }
        }
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}
