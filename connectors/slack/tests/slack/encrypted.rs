//! The WebSocket over TLS: whom it trusts, with the certificate that connectors/http made for loopback.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use hearback_core::chat::Heard;
use hearback_http::HttpOptions;
use hearback_slack::{SlackSocket, SocketOptions};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::contract::APP;
use super::fake::{Fake, Trouble};
use super::sent;

const AUTHORITY: &[u8] = include_bytes!("../../../http/tests/wire/certificates/authority.pem");

fn acceptor() -> TlsAcceptor {
    let certificate = include_bytes!("../../../http/tests/wire/certificates/server.pem");
    let key = include_bytes!("../../../http/tests/wire/certificates/server.key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate).unwrap()],
            PrivateKeyDer::from_pem_slice(key).unwrap(),
        );
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// Listens at a socket with TLS, trusting `own_roots_pem`; what comes of the first connection there.
async fn first_ack(own_roots_pem: &[u8]) -> Result<String, String> {
    let fake = Fake::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/link/?ticket=1&app_id={APP}", listener.local_addr().unwrap());
    fake.trouble("apps.connections.open", Trouble::Answers(json!({"ok": true, "url": url})));
    let http = HttpOptions { own_roots_pem: own_roots_pem.to_vec(), ..fake.http() };
    let stop = CancellationToken::new();
    let deliver = |_: Heard| std::future::ready(Ok::<(), &str>(()));
    let mut running = JoinSet::new();
    let socket = SlackSocket::new(SocketOptions { http, ..fake.socket_options() }).unwrap();
    running.spawn(socket.run(deliver, stop.clone()));
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor().accept(stream).await.map_err(|error| error.to_string())?;
        let mut slack = tokio_tungstenite::accept_async(stream).await.unwrap();
        let message = sent::message("1795442400.000001", "x");
        for frame in [
            json!({"type": "hello", "connection_info": {"app_id": APP}}),
            json!({"envelope_id": "E1", "type": "events_api", "payload": sent::event("Ev1", message)}),
        ] {
            slack.send(Message::Text(frame.to_string().into())).await.unwrap();
        }
        while let Some(Ok(frame)) = slack.next().await {
            if let Message::Text(ack) = frame {
                return Ok(ack.to_string());
            }
        }
        Err("closed".to_owned())
    };
    let outcome = tokio::time::timeout(Duration::from_secs(20), serve).await.unwrap();
    stop.cancel();
    running.join_next().await.unwrap().unwrap().unwrap();
    outcome
}

#[tokio::test]
async fn a_socket_of_a_trusted_authority_is_listened_to() {
    assert_eq!(first_ack(AUTHORITY).await.unwrap(), r#"{"envelope_id":"E1"}"#);
}

#[tokio::test]
async fn a_socket_that_nobody_vouches_for_gets_not_even_the_ticket() {
    let error = first_ack(&[]).await.unwrap_err();
    assert!(error.contains("UnknownCA"), "{error}");
}
