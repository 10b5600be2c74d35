//! A strict Slack over TCP: its methods over HTTP, Socket Mode over a WebSocket. It holds every request to the contract,
//! keeps the messages it takes, shows them as people see them, misbehaves and goes away on demand. It knows no crate of
//! the product: the end-to-end tests include it too, next to `contract` and `sends`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::{contract, sends};

#[path = "fake/line.rs"]
mod line;
#[path = "fake/methods.rs"]
mod methods;
#[path = "fake/seen.rs"]
mod seen;

pub use line::Line;
pub use seen::Seen;

/// How the fake misbehaves, once.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// HTTP 429, with or without `Retry-After` in seconds.
    Busy(Option<u32>),
    Status(u16),
    /// `ok: false`.
    Says(&'static str),
    /// Any body, with status 200.
    Answers(Value),
    NotJson,
    /// It does not take the request, and never answers.
    Hangs,
    /// It does what was asked, and never answers.
    TakesAndHangs,
    /// It does what was asked, and drops the connection.
    TakesAndDrops,
    /// It gives history without metadata, as to an app that may not read it.
    HidesMetadata,
}

struct Inside {
    /// The first moment that a message of ours is of; each is a microsecond after the one before.
    begun: Timestamp,
    numbered: i64,
    troubles: VecDeque<(&'static str, Trouble)>,
    /// The status of every answer, while it fails.
    failing: Option<u16>,
    asked: Vec<Asked>,
    broken: Vec<String>,
    messages: Vec<Kept>,
    tickets: BTreeSet<String>,
    opened: u64,
    /// What the next sockets greet with instead of hello.
    greetings: VecDeque<Value>,
}

/// A call.
struct Asked {
    method: String,
    body: Value,
    /// Whether it was done.
    taken: bool,
}

/// A message that Slack took.
struct Kept {
    came: Instant,
    message: Value,
    before: Vec<Value>,
    only_for: Option<String>,
}

impl Kept {
    fn is_at(&self, channel: &Value, ts: &Value) -> bool {
        self.message["channel"] == *channel && self.message["ts"] == *ts
    }
}

impl Inside {
    fn next_ts(&mut self) -> String {
        self.numbered += 1;
        sends::ts(self.begun + SignedDuration::from_micros(self.numbered))
    }

    fn next_trouble(&mut self, method: &str) -> Option<Trouble> {
        if let Some(status) = self.failing {
            return Some(Trouble::Status(status));
        }
        let at = self.troubles.iter().position(|(troubled, _)| *troubled == method)?;
        self.troubles.remove(at).map(|(_, trouble)| trouble)
    }
}

type Shared = Arc<Mutex<Inside>>;

/// Whether somebody listens at its address.
enum Door {
    Open {
        _ask_to_end: oneshot::Sender<()>,
        serving: JoinSet<()>,
    },
    /// The address is kept, and nobody listens there.
    Shut(TcpSocket),
}

/// The running fake. It ends with the test.
pub struct Fake {
    inside: Shared,
    host: String,
    router: Router,
    door: tokio::sync::Mutex<Option<Door>>,
    lines: tokio::sync::Mutex<mpsc::UnboundedReceiver<Line>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    /// Its clock stands at the moment of these tests.
    pub async fn start() -> Fake {
        Fake::start_at("2026-11-23T14:00:00Z".parse().unwrap()).await
    }

    /// The messages that it takes are of `at` and the microseconds after.
    pub async fn start_at(at: Timestamp) -> Fake {
        let inside = Arc::new(Mutex::new(Inside {
            begun: at,
            numbered: 0,
            troubles: VecDeque::new(),
            failing: None,
            asked: Vec::new(),
            broken: Vec::new(),
            messages: Vec::new(),
            tickets: BTreeSet::new(),
            opened: 0,
            greetings: VecDeque::new(),
        }));
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = http.local_addr().unwrap().to_string();
        let state = (Arc::clone(&inside), sockets.local_addr().unwrap().to_string());
        let router = Router::new().fallback(methods::serve).with_state(state);
        let (opened, lines) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(line::take(sockets, Arc::clone(&inside), opened));
        let door = tokio::sync::Mutex::new(Some(listen(http, router.clone())));
        Fake { inside, host, router, door, lines: tokio::sync::Mutex::new(lines), _tasks: tasks }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    /// Where its methods are: what stands for `https://slack.com/api`.
    pub fn base_url(&self) -> String {
        format!("http://{}/api", self.host)
    }

    /// The next call of `method` meets this; several in turn.
    pub fn trouble(&self, method: &'static str, trouble: Trouble) {
        self.inside().troubles.push_back((method, trouble));
    }

    /// The next `times` calls of `method` are too many: 429, and when to come again.
    pub fn busy(&self, method: &'static str, times: usize, retry_after_seconds: u32) {
        for _ in 0..times {
            self.trouble(method, Trouble::Busy(Some(retry_after_seconds)));
        }
    }

    /// From now on every call is answered with this status, 503 for example, until it is [`Fake::back`].
    pub fn failing(&self, status: u16) {
        self.inside().failing = Some(status);
    }

    /// From now on connections to it are refused, until it is [`Fake::back`]. Open ones are closed.
    pub async fn away(&self) {
        let mut door = self.door.lock().await;
        let Some(Door::Open { _ask_to_end, mut serving }) = door.take() else {
            panic!("it is away already");
        };
        drop(_ask_to_end);
        // A request that hangs may go on hanging; nobody listens any more.
        let _ = tokio::time::timeout(Duration::from_millis(200), serving.join_next()).await;
        serving.shutdown().await;
        let kept = TcpSocket::new_v4().unwrap();
        kept.set_reuseaddr(true).unwrap();
        kept.bind(self.host.parse().unwrap()).unwrap();
        *door = Some(Door::Shut(kept));
    }

    /// It is there again, at the same address, with everything that it took.
    pub async fn back(&self) {
        self.inside().failing = None;
        let mut door = self.door.lock().await;
        *door = match door.take() {
            Some(Door::Shut(kept)) => Some(listen(kept.listen(1024).unwrap(), self.router.clone())),
            open => open,
        };
    }

    pub fn greet_with(&self, greeting: Value) {
        self.inside().greetings.push_back(greeting);
    }

    /// The methods that were called, in order.
    pub fn called(&self) -> Vec<String> {
        self.inside().asked.iter().map(|asked| asked.method.clone()).collect()
    }

    /// How often `method` was called, and how many of these calls were done.
    pub fn calls(&self, method: &str) -> (usize, usize) {
        let inside = self.inside();
        let of_method = || inside.asked.iter().filter(|asked| asked.method == method);
        (of_method().count(), of_method().filter(|asked| asked.taken).count())
    }

    /// The body of the last call.
    pub fn last(&self) -> Value {
        self.inside().asked.last().unwrap().body.clone()
    }

    fn seen(&self, fits: impl Fn(&Kept) -> bool) -> Vec<Seen> {
        let inside = self.inside();
        let found = inside.messages.iter().enumerate().filter(|(_, kept)| fits(kept));
        found
            .map(|(number, kept)| {
                Seen::of((number, kept.came), &kept.message, &kept.before, kept.only_for.as_deref())
            })
            .collect()
    }

    /// What everybody in a channel sees, in the order in which it was taken; threads too.
    pub fn messages(&self, channel: &str) -> Vec<Seen> {
        self.seen(|kept| kept.only_for.is_none() && kept.message["channel"] == channel)
    }

    /// What `user` alone sees in a channel.
    pub fn whispers(&self, channel: &str, user: &str) -> Vec<Seen> {
        self.seen(|kept| kept.only_for.as_deref() == Some(user) && kept.message["channel"] == channel)
    }

    /// The keys of our messages in a channel, in the order in which they were taken. A key that is there twice was
    /// posted twice.
    pub fn keys(&self, channel: &str) -> Vec<String> {
        self.messages(channel).into_iter().filter_map(|seen| seen.key).collect()
    }

    /// The keys that stand more than once, in whatever channels, each once.
    pub fn doubled(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.seen(|_| true).into_iter().filter_map(|seen| seen.key).collect();
        keys.sort();
        let mut doubled: Vec<String> =
            keys.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
        doubled.dedup();
        doubled
    }

    /// All messages as Slack keeps them.
    pub fn kept(&self) -> Vec<Value> {
        self.inside().messages.iter().map(|kept| kept.message.clone()).collect()
    }

    /// Somebody else's message, or one that we can't have posted.
    pub fn put(&self, message: Value) {
        self.inside().messages.push(Kept {
            came: Instant::now(),
            message,
            before: Vec::new(),
            only_for: None,
        });
    }

    /// Waits for a socket to be opened.
    pub async fn line(&self) -> Line {
        let mut lines = self.lines.lock().await;
        tokio::time::timeout(Duration::from_secs(20), lines.recv()).await.unwrap().unwrap()
    }

    pub fn assert_kept_the_contract(&self) {
        assert_eq!(self.inside().broken, [""; 0]);
    }

    /// How the contract was broken.
    pub fn broken(&self) -> Vec<String> {
        self.inside().broken.clone()
    }

    /// `text` with this server called `HOST`.
    pub fn anonymous(&self, text: &str) -> String {
        text.replace(&self.host, "HOST")
    }
}

fn listen(http: TcpListener, router: Router) -> Door {
    let (ask_to_end, asked_to_end) = oneshot::channel::<()>();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let asked = async {
            let _ = asked_to_end.await;
        };
        axum::serve(http, router).with_graceful_shutdown(asked).await.unwrap();
    });
    Door::Open { _ask_to_end: ask_to_end, serving }
}
