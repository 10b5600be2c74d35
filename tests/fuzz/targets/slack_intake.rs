//! What Slack sends over HTTP, signed, so that what is behind the signature is reached: every body as JSON and as a form.
//! What comes over a WebSocket is read by the same code.
#![no_main]

use std::fmt::Write as _;
use std::sync::LazyLock;

use hearback_core::chat::HeardWhat;
use hearback_fuzz::check_refusal;
use hearback_slack::{Installation, Intake, IntakeRefusal, IntakeRequest, SigningSecret, SlackIntake};
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

const SECRET: &str = "known to the one who sends";
const TIME: &str = "1795442400";

static INTAKE: LazyLock<SlackIntake> = LazyLock::new(|| {
    let ours = Installation::new("T024BE7LD", "A0KRD7HC3", "U0HEARBACK").unwrap();
    SlackIntake::new(SigningSecret::new(SECRET).unwrap(), ours)
});

fuzz_target!(|body: &[u8]| {
    let signature = sign(body);
    let now = Timestamp::from_second(1_795_442_400).unwrap();
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let request = IntakeRequest {
            signature: Some(&signature),
            timestamp: Some(TIME),
            content_type: Some(content_type),
            body,
        };
        match INTAKE.take(&request, now) {
            Ok(Intake::Heard(heard)) => {
                assert!(!heard.delivery.is_empty() && heard.delivery.len() <= 200);
                assert!(heard.channel.as_str().starts_with("slack:T024BE7LD:"));
                if let HeardWhat::Command { name, .. } = &heard.what {
                    assert!(["whatchanged", "incident"].contains(&name.as_str()));
                }
            }
            Ok(Intake::Challenge(_) | Intake::Ignored(_)) => {}
            Err(IntakeRefusal::Signature(problem)) => panic!("it is signed: {problem}"),
            Err(error) => check_refusal(&error),
        }
    }
});

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("v0:{TIME}:").as_bytes());
    mac.update(body);
    let mut signature = "v0=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").unwrap();
    }
    signature
}
