//! Opens a WebSocket: connection, TLS, handshake. It must not know what is said over it, and never tells its address:
//! there is a ticket in it that lets anybody in.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use url::Url;

/// The longest message that is taken, in bytes; more than Slack's longest payload.
const LONGEST_MESSAGE: usize = 4 << 20;

/// A stream with or without TLS.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<Box<dyn Wire>>;

/// How sockets are opened.
pub(crate) struct Dialer {
    pub(crate) tls: Arc<ClientConfig>,
    /// Whether `ws:` will do: beside a plain HTTP address alone, which is a test's.
    pub(crate) plain: bool,
    pub(crate) within: Duration,
}

impl Dialer {
    /// Opens the socket at `address`.
    ///
    /// # Errors
    /// A sentence, without the address.
    pub(crate) async fn open(&self, address: &str) -> Result<Socket, String> {
        let late = || Err("the WebSocket did not open in time".to_owned());
        tokio::time::timeout(self.within, self.open_at(address)).await.unwrap_or_else(|_| late())
    }

    async fn open_at(&self, address: &str) -> Result<Socket, String> {
        let url = Url::parse(address).map_err(|_| "Slack gave an address that can't be read".to_owned())?;
        let host = url.host_str().ok_or("Slack gave an address without a host")?;
        let secured = match url.scheme() {
            "wss" => true,
            "ws" if self.plain => false,
            _ => return Err("Slack gave an address that is not wss".to_owned()),
        };
        let port = url.port().unwrap_or(if secured { 443 } else { 80 });
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let unreachable = |error: std::io::Error| format!("{host} can't be reached: {}", error.kind());
        let stream = TcpStream::connect((name, port)).await.map_err(unreachable)?;
        // An ack is small and waited for.
        stream.set_nodelay(true).map_err(unreachable)?;
        let wire: Box<dyn Wire> = if secured {
            let server = ServerName::try_from(name.to_owned())
                .map_err(|_| format!("{host} can't be a name in TLS"))?;
            let connector = TlsConnector::from(Arc::clone(&self.tls));
            let stream = connector.connect(server, stream).await;
            Box::new(stream.map_err(|error| format!("TLS with {host} failed: {}", error.kind()))?)
        } else {
            Box::new(stream)
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        let opened = tokio_tungstenite::client_async_with_config(url.as_str(), wire, Some(config)).await;
        // The text of its errors may hold the address.
        let (socket, _) = opened.map_err(|_| format!("{host} did not take up the WebSocket"))?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn why_a_socket_did_not_open_is_told_without_its_ticket() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mute_at = mute.local_addr().unwrap();
        let tls = Arc::new(hearback_http::client_config(&[]).unwrap());
        for (address, plain, expect) in [
            (
                format!("ws://{closed}/?ticket=hunter22"),
                true,
                "127.0.0.1 can't be reached: connection refused",
            ),
            (format!("ws://{mute_at}/?ticket=hunter22"), true, "the WebSocket did not open in time"),
            (format!("wss://{mute_at}/?ticket=hunter22"), true, "the WebSocket did not open in time"),
            ("ws://slack.example/?ticket=hunter22".into(), false, "Slack gave an address that is not wss"),
            ("https://slack.example/?ticket=hunter22".into(), true, "Slack gave an address that is not wss"),
            ("wss://?ticket=hunter22".into(), true, "Slack gave an address that can't be read"),
            ("ticket=hunter22".into(), true, "Slack gave an address that can't be read"),
        ] {
            let dialer = Dialer { tls: Arc::clone(&tls), plain, within: Duration::from_millis(300) };
            assert_eq!(dialer.open(&address).await.err().as_deref(), Some(expect), "{address}");
        }
    }
}
