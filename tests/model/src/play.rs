//! What the model is told to do with a request. It must not know how that is sent.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;

/// What happens to one request.
#[derive(Debug, Clone)]
pub enum Play {
    /// A reply, good or bad.
    Replies(Reply),
    /// These very bytes.
    Sends {
        /// The status.
        status: u16,
        /// Headers, the content type among them.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Nothing, ever.
    Hangs,
}

/// A reply, and how it comes.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) text: Option<String>,
    pub(crate) refusal: Option<String>,
    /// Name and arguments, which may be no JSON.
    pub(crate) calls: Vec<(String, String)>,
    pub(crate) finish: &'static str,
    /// Tokens read, of those kept, written.
    pub(crate) usage: Option<(u64, u64, u64)>,
    /// Characters in a piece of the stream.
    pub(crate) piece: usize,
    /// Bytes in a packet; none for an event each.
    pub(crate) packet: Option<usize>,
    pub(crate) tap: Option<Tap>,
    /// After so many events the connection breaks.
    pub(crate) breaks_after: Option<usize>,
    /// Whether the stream says that it is at its end.
    pub(crate) done: bool,
}

/// Holds a stream back until the test lets events out.
#[derive(Debug, Clone)]
pub struct Tap(pub(crate) Arc<Semaphore>);

impl Tap {
    /// A closed one.
    #[expect(clippy::new_without_default, reason = "a tap that is closed is made on purpose")]
    pub fn new() -> Self {
        Tap(Arc::new(Semaphore::new(0)))
    }

    /// Lets so many events out.
    pub fn let_out(&self, events: usize) {
        self.0.add_permits(events);
    }

    /// Lets everything out.
    pub fn open(&self) {
        self.0.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

impl Play {
    fn reply(finish: &'static str) -> Reply {
        Reply {
            text: None,
            refusal: None,
            calls: Vec::new(),
            finish,
            usage: Some((100, 0, 10)),
            piece: 5,
            packet: None,
            tap: None,
            breaks_after: None,
            done: true,
        }
    }

    /// A text.
    pub fn says(text: impl Into<String>) -> Self {
        Play::Replies(Reply { text: Some(text.into()), ..Self::reply("stop") })
    }

    /// Calls of tools: name and arguments, which need be no JSON.
    pub fn calls(calls: &[(&str, &str)]) -> Self {
        let calls = calls.iter().map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned()));
        Play::Replies(Reply { calls: calls.collect(), ..Self::reply("tool_calls") })
    }

    /// A refusal in the model's words.
    pub fn refuses(why: &str) -> Self {
        Play::Replies(Reply { refusal: Some(why.to_owned()), ..Self::reply("stop") })
    }

    /// Nothing, because of a filter.
    pub fn withholds() -> Self {
        Play::Replies(Self::reply("content_filter"))
    }

    /// A request that is not answered: status, and an error as OpenAI writes one.
    pub fn fails(status: u16, code: &str, message: &str) -> Self {
        let error = json!({ "error": { "message": message, "type": "error", "param": null, "code": code } });
        Self::sends(status, "application/json", error.to_string())
    }

    /// Too many requests, and when to come back.
    pub fn busy(retry_after_s: Option<u32>) -> Self {
        let mut play = Self::fails(429, "rate_limit_exceeded", "Rate limit reached for requests");
        if let (Play::Sends { headers, .. }, Some(seconds)) = (&mut play, retry_after_s) {
            headers.push(("retry-after".to_owned(), seconds.to_string()));
        }
        play
    }

    /// These very bytes.
    pub fn sends(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Play::Sends { status, headers, body: body.into() }
    }

    /// Silence.
    pub fn hangs() -> Self {
        Play::Hangs
    }

    fn with(self, change: impl FnOnce(&mut Reply)) -> Self {
        match self {
            Play::Replies(mut reply) => {
                change(&mut reply);
                Play::Replies(reply)
            }
            other => panic!("{other:?} is no reply"),
        }
    }

    /// With this text before its calls.
    pub fn saying(self, text: &str) -> Self {
        self.with(|reply| reply.text = Some(text.to_owned()))
    }

    /// It ends because it is as long as may be.
    pub fn cut(self) -> Self {
        self.with(|reply| reply.finish = "length")
    }

    /// It ends for this reason, whatever servers may call it.
    pub fn ending(self, finish: &'static str) -> Self {
        self.with(|reply| reply.finish = finish)
    }

    /// With so many tokens read, of those kept from before, and written.
    pub fn counting(self, input: u64, cached: u64, output: u64) -> Self {
        self.with(|reply| reply.usage = Some((input, cached, output)))
    }

    /// The tokens are not counted.
    pub fn uncounted(self) -> Self {
        self.with(|reply| reply.usage = None)
    }

    /// An event for each so many characters.
    pub fn in_pieces_of(self, characters: usize) -> Self {
        self.with(|reply| reply.piece = characters)
    }

    /// Cut every so many bytes, wherever that is.
    pub fn in_packets_of(self, bytes: usize) -> Self {
        self.with(|reply| reply.packet = Some(bytes))
    }

    /// An event each time the test lets one out.
    pub fn through(self, tap: &Tap) -> Self {
        self.with(|reply| reply.tap = Some(tap.clone()))
    }

    /// The connection breaks after so many events.
    pub fn breaking_after(self, events: usize) -> Self {
        self.with(|reply| reply.breaks_after = Some(events))
    }

    /// The stream ends without saying so.
    pub fn without_done(self) -> Self {
        self.with(|reply| reply.done = false)
    }
}
