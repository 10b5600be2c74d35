//! Webhooks of GitHub that are signed, so that what is behind the signature is reached: every body as every event.
#![no_main]

use std::fmt::Write as _;
use std::sync::LazyLock;

use hearback_fuzz::{check_change, check_refusal};
use hearback_github::{
    DeployWorkflow, Pattern, WebhookError, WebhookRequest, WebhookRules, WebhookSecret, parse_webhook,
};
use hmac::{Hmac, Mac as _};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

const SECRET: &str = "known to the one who sends";
const EVENTS: [&str; 6] = ["push", "pull_request", "deployment_status", "release", "workflow_run", "star"];

static RULES: LazyLock<WebhookRules> = LazyLock::new(|| WebhookRules {
    repositories: Vec::new(),
    branches: Vec::new(),
    deploy_workflows: vec![DeployWorkflow {
        workflow: Pattern::new("*deploy*").unwrap(),
        environment: Some("production".to_owned()),
    }],
});

fuzz_target!(|body: &[u8]| {
    let secret = WebhookSecret::new(SECRET).unwrap();
    let signature = sign(body);
    for event in EVENTS {
        let request = WebhookRequest {
            event: Some(event),
            delivery: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            signature: Some(&signature),
            body,
        };
        match parse_webhook(&request, &secret, &RULES) {
            Ok(delivery) => {
                assert_eq!(delivery.event, event);
                delivery.changes.iter().for_each(check_change);
            }
            Err(WebhookError::Signature(problem)) => panic!("it is signed: {problem}"),
            Err(error) => check_refusal(&error),
        }
    }
});

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let mut signature = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").unwrap();
    }
    signature
}
