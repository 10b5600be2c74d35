//! Many incidents, each with its channel, and people who write there; what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use hearback_e2e::Home;
use hearback_e2e::service::Service;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::contract::{APP, BOT_TOKEN, BOT_USER, TEAM};
use crate::fake::Trouble;
use crate::sent;
use crate::workspace::{SECRET, Workspace, plain, send};

/// How long anything is polled for.
const PATIENCE: Duration = Duration::from_secs(60);
/// One delivery in so many comes twice.
const ONE_IN_TWICE: u64 = 7;

/// How much is said.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub incidents: u64,
    /// Messages a second, over all channels.
    pub a_second: u64,
    pub lasting: Duration,
    /// One message in so many asks the copilot.
    pub one_in_asks: u64,
    /// So many posts meet a 429 with Retry-After.
    pub pauses: usize,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Told {
    pub said: u64,
    pub lost: u64,
    pub doubled: u64,
    pub out_of_order: u64,
    pub asked: u64,
    pub answered: u64,
    /// From the question's being sent until its answer came, in order.
    pub waits: Vec<Duration>,
}

/// The service, the workspace, and the incidents.
pub struct Many {
    load: Load,
    home: Home,
    service: Service,
    workspace: Workspace,
}

impl Many {
    /// Declares the incidents, each in its channel, and waits until the copilot listens in all.
    pub fn start(load: Load) -> Self {
        let home = Home::new().unwrap();
        let workspace = Workspace::start().unwrap();
        std::fs::write(home.path("bot.token"), BOT_TOKEN).unwrap();
        std::fs::write(home.path("signing.secret"), SECRET).unwrap();
        let api = workspace.api();
        let configuration = format!(
            "[slack]\nteam = \"{TEAM}\"\napp = \"{APP}\"\nbot_user = \"{BOT_USER}\"\napi = \"{api}\"\n\
             bot_token = {{ file = \"bot.token\" }}\nsigning_secret = {{ file = \"signing.secret\" }}\n\
             [[service]]\nname = \"checkout\"\n"
        );
        std::fs::write(home.path("hearback.toml"), configuration).unwrap();
        let service = Service::start(&home).unwrap();
        let many = Many { load, home, service, workspace };
        for number in 0..load.incidents {
            let mut command =
                sent::command(&format!("1.{number}.declare"), "/incident", "declare SEV-2 checkout fails");
            command["channel_id"] = json!(channel(number));
            many.send_form(&command);
        }
        many.until(|| {
            let messages = many.workspace.fake.messages();
            let noticed = messages.iter().filter(|message| plain(message).starts_with("This channel is of"));
            (noticed.count() as u64 == load.incidents).then_some(())
        });
        many
    }

    fn until<T>(&self, mut wanted: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = wanted() {
                return found;
            }
            assert!(Instant::now() < until, "it never came; what stands:\n{}", self.workspace.told());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn send_form(&self, fields: &Value) {
        let pairs = fields.as_object().unwrap().iter();
        let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        send(&self.service, "application/x-www-form-urlencoded", &body).unwrap();
    }

    /// Everybody writes, at the rate of the load; then what became of it.
    pub fn talk(self) -> Told {
        let Load { incidents, a_second, lasting, one_in_asks, pauses } = self.load;
        for _ in 0..pauses {
            self.workspace.fake.trouble("chat.postMessage", Trouble::Busy(Some("1")));
        }
        let each = u64::try_from(lasting.as_millis()).unwrap() * a_second / 1000 / incidents;
        let every = Duration::from_micros(1_000_000 * incidents / a_second);
        let service = &self.service;
        let asked: BTreeMap<String, Instant> = thread::scope(|scope| {
            let talkers = (0..incidents).map(|number| {
                scope.spawn(move || {
                    let mut asked = Vec::new();
                    let began = Instant::now();
                    for message in 0..each {
                        // Not before it is due; one that takes long holds up the next of its channel alone.
                        let due = every * u32::try_from(message).unwrap();
                        thread::sleep(due.saturating_sub(began.elapsed()));
                        let ts = ts(number, message);
                        let asks = (message + number).is_multiple_of(one_in_asks);
                        let words = if asks {
                            format!("<@{BOT_USER}> what changed?")
                        } else {
                            format!("line {message}")
                        };
                        let mut said = sent::message(&ts, &words);
                        said["channel"] = json!(channel(number));
                        if asks {
                            asked.push((key(number, &ts), Instant::now()));
                        }
                        let twice = message.is_multiple_of(ONE_IN_TWICE);
                        for delivery in 0..=u64::from(twice) {
                            // Slack tells a mention twice, with two event ids.
                            let id = format!("Ev{number}x{message}x{delivery}");
                            send(service, "application/json", &sent::event(&id, said.clone()).to_string())
                                .unwrap();
                        }
                    }
                    asked
                })
            });
            let talkers: Vec<_> = talkers.collect();
            talkers.into_iter().flat_map(|talker| talker.join().unwrap()).collect()
        });
        let mut told = Told { said: each * incidents, asked: asked.len() as u64, ..Told::default() };
        let answers = self.until(|| {
            let answers = self.answers();
            (asked.keys().all(|ts| answers.contains_key(ts))).then_some(answers)
        });
        for (ts, at) in &asked {
            let came = &answers[ts];
            told.answered += 1;
            told.doubled += came.len() as u64 - 1;
            told.waits.push(came[0].duration_since(*at));
        }
        told.waits.sort();
        for number in 0..incidents {
            self.count(number, each, &mut told);
        }
        self.workspace.assert_kept_the_contract();
        told
    }

    /// When answers came, by the message that asked.
    fn answers(&self) -> BTreeMap<String, Vec<Instant>> {
        let mut answers: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
        for (at, message) in self.workspace.fake.messages_in_time() {
            if let Some(thread) = message["thread_ts"].as_str() {
                let channel = message["channel"].as_str().unwrap();
                answers.entry(format!("{channel} {thread}")).or_default().push(at);
            }
        }
        answers
    }

    /// What the record of an incident holds of what was written in its channel.
    fn count(&self, number: u64, each: u64, told: &mut Told) {
        let incident = self.incident_of(number);
        let run = self.home.run(["record", "show", &incident, "--json"]).unwrap().ok().unwrap();
        let entries = run.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let bodies = entries
            .filter(|entry| entry["kind"] == "message")
            .map(|entry| entry["body"]["kept"]["json"].clone());
        let held: Vec<String> = bodies.map(|body| body["message"].as_str().unwrap().to_owned()).collect();
        let distinct: BTreeSet<&String> = held.iter().collect();
        told.doubled += (held.len() - distinct.len()) as u64;
        told.lost += (0..each).filter(|message| !distinct.contains(&ts(number, *message))).count() as u64;
        told.out_of_order += held.windows(2).filter(|pair| pair[0] > pair[1]).count() as u64;
        self.home.run(["record", "verify", &incident]).unwrap().ok().unwrap();
    }

    fn incident_of(&self, number: u64) -> String {
        let name = channel(number);
        let messages = self.workspace.fake.messages();
        let notice = messages.iter().find(|message| message["channel"] == name.as_str()).unwrap();
        let text = plain(notice);
        text.split_whitespace().find(|word| word.starts_with("INC-")).unwrap().to_owned()
    }

    /// Slack is away while incidents go on; then it is back, and everything is said once.
    pub fn while_away(self, length: Duration) -> Told {
        let incidents = self.load.incidents;
        let before = self.workspace.fake.messages().len();
        self.workspace.fake.set_away(true);
        let began = Instant::now();
        let ids: Vec<String> = (0..incidents).map(|number| self.incident_of(number)).collect();
        for id in &ids {
            self.service.post(&format!("/v1/incidents/{id}/ask"), &json!({})).unwrap().ok().unwrap();
            let over = json!({"how": "it went away by itself"});
            self.service.post(&format!("/v1/incidents/{id}/resolve"), &over).unwrap().ok().unwrap();
        }
        thread::sleep(length.saturating_sub(began.elapsed()));
        assert_eq!(self.workspace.fake.messages().len(), before, "nobody was there");
        self.workspace.fake.set_away(false);
        let mut told = Told::default();
        // Of each incident: its answer, and that it is resolved.
        let expected = before + 2 * usize::try_from(incidents).unwrap();
        self.until(|| (self.workspace.fake.messages().len() >= expected).then_some(()));
        // What would be said a second time would be said by now.
        thread::sleep(Duration::from_secs(2));
        let mut keys: BTreeMap<String, u64> = BTreeMap::new();
        for message in self.workspace.fake.messages() {
            let key = format!("{} {}", message["channel"], message["metadata"]["event_payload"]["key"]);
            *keys.entry(key).or_default() += 1;
        }
        told.said = keys.values().sum();
        told.doubled = keys.values().map(|count| count - 1).sum();
        told.lost = (expected as u64).saturating_sub(keys.len() as u64);
        self.workspace.assert_kept_the_contract();
        told
    }

    /// What is forged, stale, repeated or of another app has no effect, and is answered as the protocol asks.
    pub fn refuses(self) {
        let incident = self.incident_of(0);
        let count = || self.service.get(&format!("/v1/incidents/{incident}/entries")).unwrap().ok().unwrap();
        let entries = |page: Value| page["entries"].as_array().unwrap().len();
        let before = entries(count());
        let mut said = sent::message("1795442300.000001", "forged");
        said["channel"] = json!(channel(0));
        let body = sent::event("Ev1", said.clone()).to_string();
        let sign = |secret: &str, timestamp: i64| {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(format!("v0:{timestamp}:{body}").as_bytes());
            let digits: String =
                mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            (timestamp.to_string(), format!("v0={digits}"))
        };
        let now = Timestamp::now().as_second();
        for (what, (timestamp, signature)) in [
            ("forged", sign("another secret of thirty letters", now)),
            ("stale", sign(SECRET, now - 600)),
            ("of the future", sign(SECRET, now + 600)),
        ] {
            let headers = [
                ("content-type", "application/json"),
                ("x-slack-request-timestamp", timestamp.as_str()),
                ("x-slack-signature", signature.as_str()),
            ];
            let reply = self.service.send("POST", "/v1/webhooks/slack", &headers, body.as_bytes()).unwrap();
            assert_eq!(reply.status, 401, "{what}: {}", reply.text());
        }
        let unsigned = self.service.send("POST", "/v1/webhooks/slack", &[], body.as_bytes()).unwrap();
        assert_eq!(unsigned.status, 401);
        assert_eq!(entries(count()), before);
        for _ in 0..3 {
            send(&self.service, "application/json", &body).unwrap();
        }
        assert_eq!(entries(count()), before + 1, "once, however often it is sent");
        // A button whose proposal nobody made.
        let press =
            json!({"press": "approve", "proposal": format!("{incident}.P7"), "digest": "0".repeat(64)})
                .to_string();
        let mut click = sent::press("9.9.z", "press.approve", &press);
        click["channel"]["id"] = json!(channel(0));
        for _ in 0..3 {
            self.send_form(&json!({"payload": click.to_string()}));
        }
        self.until(|| (!self.workspace.fake.whispers().is_empty()).then_some(()));
        let whispers = self.workspace.fake.whispers();
        assert_eq!(whispers.len(), 1, "{whispers:#?}");
        assert!(plain(&whispers[0]).contains("there is no proposal"), "{whispers:#?}");
        assert_eq!(entries(count()), before + 1);
    }
}

fn channel(number: u64) -> String {
    format!("C0LOAD{number:03}")
}

/// The later a message is said in its channel, the greater.
fn ts(number: u64, message: u64) -> String {
    format!("17954{number:05}.{message:06}")
}

fn key(number: u64, ts: &str) -> String {
    format!("{} {ts}", channel(number))
}
