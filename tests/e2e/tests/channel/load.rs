//! Many incidents, each with its channel, and people who write there; what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use hearback_e2e::Home;
use hearback_e2e::service::Service;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::contract::{APP, BOT_TOKEN, BOT_USER, SIGNING_SECRET, TEAM};
use crate::fake::Seen;
use crate::sends::{ADA, Request, mention, ts};
use crate::workspace::{Workspace, send};

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
        std::fs::write(home.path("signing.secret"), SIGNING_SECRET).unwrap();
        let api = workspace.fake.base_url();
        let configuration = format!(
            "[slack]\nteam = \"{TEAM}\"\napp = \"{APP}\"\nbot_user = \"{BOT_USER}\"\napi = \"{api}\"\n\
             bot_token = {{ file = \"bot.token\" }}\nsigning_secret = {{ file = \"signing.secret\" }}\n\
             [[service]]\nname = \"checkout\"\n"
        );
        std::fs::write(home.path("hearback.toml"), configuration).unwrap();
        let service = Service::start(&home).unwrap();
        let many = Many { load, home, service, workspace };
        for number in 0..load.incidents {
            let now = Timestamp::now();
            let declare = ADA.commands(&channel(number), "/incident", "declare SEV-2 checkout fails", now);
            send(&many.service, &Request::command(SIGNING_SECRET, &declare, now)).unwrap();
        }
        many.until(|| {
            let is_announced =
                |number| many.ours(number).iter().any(|seen| seen.words.starts_with("This channel is of"));
            (0..load.incidents).all(is_announced).then_some(())
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

    /// What we said in a channel.
    fn ours(&self, number: u64) -> Vec<Seen> {
        let messages = self.workspace.fake.messages(&channel(number));
        messages.into_iter().filter(|seen| seen.key.is_some()).collect()
    }

    /// Everybody writes, at the rate of the load; then what became of it.
    pub fn talk(self) -> Told {
        let Load { incidents, a_second, lasting, one_in_asks, pauses } = self.load;
        self.workspace.fake.busy("chat.postMessage", pauses, 1);
        let each = u64::try_from(lasting.as_millis()).unwrap() * a_second / 1000 / incidents;
        let every = Duration::from_micros(1_000_000 * incidents / a_second);
        let service = &self.service;
        let began_at = Timestamp::now();
        let asked: BTreeMap<String, Instant> = thread::scope(|scope| {
            let talkers = (0..incidents).map(|number| {
                scope.spawn(move || {
                    let mut asked = Vec::new();
                    let began = Instant::now();
                    for message in 0..each {
                        // Not before it is due; one that takes long holds up the next of its channel alone.
                        let due = every * u32::try_from(message).unwrap();
                        thread::sleep(due.saturating_sub(began.elapsed()));
                        let at = moment(began_at, number, message);
                        let asks = (message + number).is_multiple_of(one_in_asks);
                        let words = match asks {
                            true => format!("<@{BOT_USER}> what changed?"),
                            false => format!("line {message}"),
                        };
                        let said = ADA.says(&channel(number), &words, at);
                        if asks {
                            asked.push((key(number, &ts(at)), Instant::now()));
                        }
                        let now = Timestamp::now();
                        send(service, &Request::event(SIGNING_SECRET, &said, now)).unwrap();
                        if asks {
                            send(service, &Request::event(SIGNING_SECRET, &mention(&said), now)).unwrap();
                        }
                        if message.is_multiple_of(ONE_IN_TWICE) {
                            let again = Request::event(SIGNING_SECRET, &said, now).repeated(1);
                            send(service, &again).unwrap();
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
            self.count(number, (each, began_at), &mut told);
        }
        self.workspace.fake.assert_kept_the_contract();
        told
    }

    /// When answers came, by the message that asked.
    fn answers(&self) -> BTreeMap<String, Vec<Instant>> {
        let mut answers: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
        for number in 0..self.load.incidents {
            for seen in self.ours(number) {
                if let Some(thread) = &seen.thread {
                    answers.entry(key(number, thread)).or_default().push(seen.came);
                }
            }
        }
        answers
    }

    /// What the record of an incident holds of what was written in its channel.
    fn count(&self, number: u64, (each, began_at): (u64, Timestamp), told: &mut Told) {
        let incident = self.incident_of(number);
        let run = self.home.run(["record", "show", &incident, "--json"]).unwrap().ok().unwrap();
        let entries = run.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let messages = entries.filter(|entry| entry["kind"] == "message");
        let held =
            messages.map(|entry| entry["body"]["kept"]["json"]["message"].as_str().unwrap().to_owned());
        let held: Vec<String> = held.collect();
        let distinct: BTreeSet<&String> = held.iter().collect();
        told.doubled += (held.len() - distinct.len()) as u64;
        let is_lost = |message: &u64| !distinct.contains(&ts(moment(began_at, number, *message)));
        told.lost += (0..each).filter(is_lost).count() as u64;
        told.out_of_order += held.windows(2).filter(|pair| pair[0] > pair[1]).count() as u64;
        self.home.run(["record", "verify", &incident]).unwrap().ok().unwrap();
    }

    fn incident_of(&self, number: u64) -> String {
        let ours = self.ours(number);
        let mut words = ours[0].words.split_whitespace();
        words.find(|word| word.starts_with("INC-")).unwrap().to_owned()
    }

    /// Slack is away while incidents go on; then it is back, and everything is said once.
    pub fn while_away(self, length: Duration) -> Told {
        let Workspace { fake, runtime } = &self.workspace;
        let incidents = self.load.incidents;
        let before = fake.kept().len();
        runtime.block_on(fake.away());
        let began = Instant::now();
        for number in 0..incidents {
            let id = self.incident_of(number);
            self.service.post(&format!("/v1/incidents/{id}/ask"), &json!({})).unwrap().ok().unwrap();
            let over = json!({"how": "it went away by itself"});
            self.service.post(&format!("/v1/incidents/{id}/resolve"), &over).unwrap().ok().unwrap();
        }
        // The first half nobody listens at its address, the second it answers that it is failing.
        thread::sleep((length / 2).saturating_sub(began.elapsed()));
        fake.failing(503);
        thread::sleep(length.saturating_sub(began.elapsed()));
        assert_eq!(fake.kept().len(), before, "nobody was there");
        runtime.block_on(fake.back());
        // Of each incident: its answer, and that it is resolved.
        let expected = before + 2 * usize::try_from(incidents).unwrap();
        self.until(|| (fake.kept().len() >= expected).then_some(()));
        // What would be said a second time would be said by now.
        thread::sleep(Duration::from_secs(2));
        let mut told = Told { said: fake.kept().len() as u64, ..Told::default() };
        for number in 0..incidents {
            let keys = fake.keys(&channel(number));
            let distinct: BTreeSet<&String> = keys.iter().collect();
            told.doubled += (keys.len() - distinct.len()) as u64;
            told.lost += 3_u64.saturating_sub(distinct.len() as u64);
        }
        fake.assert_kept_the_contract();
        told
    }

    /// What is forged, stale, repeated or of another app has no effect, and is answered as the protocol asks.
    pub fn refuses(self) {
        let incident = self.incident_of(0);
        let count = || {
            let page = self.service.get(&format!("/v1/incidents/{incident}/entries")).unwrap().ok().unwrap();
            page["entries"].as_array().unwrap().len()
        };
        let before = count();
        let now = Timestamp::now();
        let said = ADA.says(&channel(0), "forged", now);
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        let good = Request::event(SIGNING_SECRET, &said, now);
        for (what, request) in [
            ("forged", Request::event("another secret of thirty letters", &said, now)),
            ("stale", Request::event(SIGNING_SECRET, &said, at(-600))),
            ("of the future", Request::event(SIGNING_SECRET, &said, at(600))),
            ("changed", Request { body: [good.body.as_slice(), b" "].concat(), ..good.clone() }),
        ] {
            let headers = request.headers();
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let reply = self.service.send("POST", "/v1/webhooks/slack", &headers, &request.body).unwrap();
            assert_eq!(reply.status, 401, "{what}: {}", reply.text());
        }
        let unsigned = self.service.send("POST", "/v1/webhooks/slack", &[], &good.body).unwrap();
        assert_eq!(unsigned.status, 401);
        assert_eq!(count(), before);
        for retry in 0..3 {
            send(&self.service, &good.clone().repeated(retry)).unwrap();
        }
        assert_eq!(count(), before + 1, "once, however often it is sent");

        // A button whose proposal nobody made.
        let value =
            json!({"press": "approve", "proposal": format!("{incident}.P7"), "digest": "0".repeat(64)});
        let seen = self.ours(0).remove(0);
        let mut message = seen.message.clone();
        message["blocks"].as_array_mut().unwrap().push(json!({"type": "actions", "elements": [{
            "type": "button", "action_id": "press.approve", "value": value.to_string(),
            "text": {"type": "plain_text", "text": "Approve"}}]}));
        let forged = Seen { channel: channel(0), ..Seen::of_message(&message) };
        let click = Request::click(SIGNING_SECRET, &ADA.clicks(&forged, "Approve", now), now);
        for retry in 0..3 {
            send(&self.service, &click.clone().repeated(retry)).unwrap();
        }
        let whispers = || self.workspace.fake.whispers(&channel(0), ADA.id);
        self.until(|| (!whispers().is_empty()).then_some(()));
        assert_eq!(whispers().len(), 1, "{:#?}", whispers());
        assert!(whispers()[0].words.contains("there is no proposal"), "{:#?}", whispers());
        assert_eq!(count(), before + 1);
    }
}

fn channel(number: u64) -> String {
    format!("C0LOAD{number:03}")
}

/// When a message is said: each at a moment of its own, the later the later.
fn moment(began: Timestamp, number: u64, message: u64) -> Timestamp {
    began + SignedDuration::from_micros(i64::try_from(message * 1000 + number).unwrap())
}

fn key(number: u64, ts: &str) -> String {
    format!("{} {ts}", channel(number))
}
