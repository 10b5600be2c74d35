//! Holds what goes over the wire to `contract.schema.json`, to the headers of `CONTRACT.md`, and to the signature as the
//! reference receiver checks it.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::receiver;

/// The bytes of the secret in all these tests.
pub const KEY: &[u8; 32] = b"not really random, but 32 bytes.";

pub fn secret() -> String {
    format!("whsec_{}", STANDARD.encode(KEY))
}

pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A signature, made without the crate's own code.
pub fn signature(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Stops the test if `value` is not what the schema calls `name`.
pub fn check(name: &str, value: &Value) {
    let mut schema: Value = serde_json::from_str(include_str!("../../contract.schema.json")).unwrap();
    schema["$ref"] = json!(format!("#/$defs/{name}"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "no {name}: {value}: {wrong:?}");
}

pub fn headers(head: &str) -> HeaderMap {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let header = |(name, value): (&str, &str)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value.trim()).unwrap())
    };
    lines.map(header).collect()
}

/// The body of a request, once all of it was checked.
pub fn request(head: &str, body: &str) -> Value {
    let headers = headers(head);
    assert!(head.starts_with("POST /deploys HTTP/1.1\r\n"), "{head}");
    assert_eq!(headers["content-type"], "application/json");
    for single in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(headers.get_all(single).iter().count(), 1, "{head}");
    }
    receiver::verify(KEY, &headers, body.as_bytes(), now_s()).unwrap_or_else(|why| panic!("{why}: {head}"));
    let body: Value = serde_json::from_str(body).unwrap();
    check("request", &body);
    let id = headers["webhook-id"].to_str().unwrap();
    assert!(!id.contains('.'), "{id}");
    assert_eq!(body["do"] == "execute", Some(id) == body["key"].as_str(), "{id}: {body}");
    body
}
