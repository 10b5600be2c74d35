//! TLS: whom the client trusts, with a server of rustls's own and a certificate that was made for loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use hearback_core::ports::ConnectorError;
use hearback_http::{HttpClient, HttpError, HttpOptions, Limits};
use jiff::SignedDuration;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::server::ample;

const AUTHORITY: &[u8] = include_bytes!("certificates/authority.pem");

/// Serves one connection; says whether a request came through.
fn serve_once() -> (String, JoinHandle<bool>) {
    serve(|stream| {
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n7";
        let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
    })
}

/// Reads one request and answers as it is told; says whether the request came through.
fn serve(
    answer: impl FnOnce(&mut StreamOwned<ServerConnection, TcpStream>) + Send + 'static,
) -> (String, JoinHandle<bool>) {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("certificates/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificates/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        let came = stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0);
        answer(&mut stream);
        came
    });
    (base, server)
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_given() {
    let (base, server) = serve_once();
    let options = HttpOptions { own_roots_pem: AUTHORITY.to_vec(), ..HttpOptions::new(base) };
    let client = HttpClient::new(options).unwrap();
    assert_eq!(client.get_json::<Value>(&client.at("x"), ample()).await.unwrap(), 7);
    assert!(server.join().unwrap());
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_not_trusted() {
    let (base, server) = serve_once();
    let client = HttpClient::new(HttpOptions::new(base)).unwrap();
    let limits = Limits::new(SignedDuration::from_secs(20), 1000);
    let error = ConnectorError::from(client.get(&client.at("x"), limits).await.unwrap_err());
    assert!(
        matches!(&error, ConnectorError::NotUsable(told)
        if told.contains("failed: invalid peer certificate: UnknownIssuer")),
        "{error:?}"
    );
    assert!(!server.join().unwrap(), "a request was sent to a server that is not trusted");
}

#[tokio::test]
async fn a_server_without_tls_is_said_to_have_none() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the other side closes, so that what was written is not lost to a reset.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let client = HttpClient::new(HttpOptions::new(format!("https://{host}"))).unwrap();
    let told = client.get(&client.at("x"), ample()).await.unwrap_err().to_string();
    assert_eq!(told, format!("TLS with {host} failed: received corrupt message of type InvalidContentType"));
    server.join().unwrap();
}

#[tokio::test]
async fn tls_that_breaks_once_a_write_was_sent_leaves_its_outcome_unknown() {
    let (base, server) = serve(|stream| {
        // Past the encryption: bytes that are no record of TLS.
        let _ = stream.sock.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let _ = std::io::copy(&mut stream.sock, &mut std::io::sink());
    });
    let options = HttpOptions { own_roots_pem: AUTHORITY.to_vec(), ..HttpOptions::new(base) };
    let client = HttpClient::new(options).unwrap();
    let error = client.post_json(&client.at("x"), &Value::Null, ample()).await.unwrap_err();
    assert!(matches!(error, HttpError::OutcomeUnknown { .. }), "{error:?}");
    drop(client);
    assert!(server.join().unwrap(), "the request came through");
}
