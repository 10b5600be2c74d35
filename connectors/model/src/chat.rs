//! [`OpenAiChat`]: replies of language models from `/chat/completions`, whole or as a stream. A request is made again only
//! while nothing of its reply has come, and only while there is time.

use std::fmt;

use async_openai::types::chat::CreateChatCompletionRequest;
use async_trait::async_trait;
use hearback_core::ids::SourceName;
use hearback_core::model::{
    Ended, ModelClient, ModelError, ModelReply, ModelRequest, Price, Spent, check_order,
};
use hearback_core::ports::ConnectorError;
use hearback_http::{Deadline, HttpClient, HttpOptions, Limits, Pieces};
use jiff::SignedDuration;
use tokio::time::{Duration, Instant, sleep, timeout};
use tracing::Instrument as _;

use crate::pace::{Gate, Pace, pause};

mod assembly;
mod events;
mod listening;
pub(crate) mod request;
mod span;
mod trouble;
mod wire;

use assembly::Assembly;
use listening::{Interrupted, Patience, listen};
use span::Asking;
use trouble::{Endpoint, Failure};
use wire::Answer;

/// How often a request is made at most.
const TRIES: u32 = 4;

/// How a reply comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delivery {
    /// In pieces, with the tokens counted at the end (`stream_options`): a server that hangs is noticed early.
    #[default]
    Streamed,
    /// In pieces, for servers that do not know `stream_options`: then they may not say how many tokens they counted.
    StreamedUncounted,
    /// Whole, for servers that lose tool calls when they stream.
    Whole,
}

/// What the longest reply is called in a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutputLimit {
    /// `max_completion_tokens`, which models that reason ask for.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`, for servers that know no other.
    MaxTokens,
}

/// How a server is told of the JSON Schema of a reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JsonMode {
    /// With the schema (`response_format: json_schema`).
    #[default]
    Schema,
    /// That it is to be JSON (`json_object`); the model is told of the schema in words.
    Object,
    /// Not at all; the model is told of the schema in words.
    Described,
}

/// Whether a server is asked to keep to the schemas of tools and replies to the letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Where a schema is one that OpenAI's `strict` takes.
    #[default]
    WhereItFits,
    /// Never, for servers that do not know `strict`.
    Never,
}

/// How long a model that reasons is to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// As little as it can.
    Minimal,
    /// Little.
    Low,
    /// As usual.
    Medium,
    /// Much.
    High,
}

/// What a chat client is made of.
#[derive(Debug, Clone)]
pub struct ChatOptions {
    /// The address up to where `/chat/completions` begins, as in `https://api.openai.com/v1`; the key, if there is one, as
    /// [`Credentials::Bearer`](hearback_http::Credentials); own roots; the pause before a request is made again.
    pub http: HttpOptions,
    /// The model: `gpt-4.1-mini`.
    pub model: String,
    /// How many tokens the model reads and writes together.
    pub context_tokens: u32,
    /// What its tokens cost; none where nobody pays by the token.
    pub price: Option<Price>,
    /// How a reply comes.
    pub delivery: Delivery,
    /// What the longest reply is called.
    pub output_limit: OutputLimit,
    /// How the server is told of the JSON Schema of a reply.
    pub json: JsonMode,
    /// Whether it is asked to keep to schemas to the letter.
    pub strictness: Strictness,
    /// How freely the model chooses its words, 0 to 2; none for what the server thinks right. Models that reason refuse it.
    pub temperature: Option<f32>,
    /// How long a model that reasons is to think; none for what the server thinks right. Others refuse it.
    pub effort: Option<Effort>,
    /// How fast the server may be asked.
    pub pace: Pace,
    /// How long the first piece of a stream may take: reading a long conversation takes a model on a small machine a minute.
    pub first_piece_within: Duration,
    /// How long the next piece may take.
    pub next_piece_within: Duration,
    /// The longest pause that is waited for before asking again. A server that wants a longer one is busy.
    pub longest_pause: Duration,
    /// The longest answer that is taken in, in bytes; a stream has about two hundred a token.
    pub max_bytes: usize,
}

impl ChatOptions {
    /// `model`, with a context of `context_tokens`, at the address of `http`.
    pub fn new(http: HttpOptions, model: impl Into<String>, context_tokens: u32) -> Self {
        ChatOptions {
            http,
            model: model.into(),
            context_tokens,
            price: None,
            delivery: Delivery::default(),
            output_limit: OutputLimit::default(),
            json: JsonMode::default(),
            strictness: Strictness::default(),
            temperature: None,
            effort: None,
            pace: Pace::default(),
            first_piece_within: Duration::from_secs(60),
            next_piece_within: Duration::from_secs(20),
            longest_pause: Duration::from_secs(15),
            max_bytes: 4 << 20,
        }
    }
}

/// A model behind an OpenAI-compatible server.
pub struct OpenAiChat {
    http: HttpClient,
    options: ChatOptions,
    endpoint: Endpoint,
    gate: Gate,
    name: SourceName,
}

impl fmt::Debug for OpenAiChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiChat").field("name", &self.name).finish_non_exhaustive()
    }
}

impl OpenAiChat {
    /// Sets it up; nothing is sent.
    ///
    /// # Errors
    /// [`ModelError::NotUsable`] if address, key, model or a limit can't be used.
    pub fn new(options: ChatOptions) -> Result<Self, ModelError> {
        let not_usable = |told: String| Err(ModelError::NotUsable(told));
        let model = options.model.trim();
        if model.is_empty() {
            return not_usable("the name of the language model is empty".into());
        }
        if options.context_tokens == 0 {
            return not_usable(format!("the context of {model} can't have 0 tokens"));
        }
        if options.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
            return not_usable(format!("the temperature of {model} has to lie between 0 and 2"));
        }
        let http = HttpClient::new(options.http.clone()).map_err(|error| match error {
            ConnectorError::NotUsable(told) => ModelError::NotUsable(told),
            other => ModelError::Failed(other.to_string()),
        })?;
        let name = SourceName::new(format!("model:{model}@{}", http.host()));
        let name = name.map_err(|_| {
            ModelError::NotUsable("the name of the language model is too long, or holds a line break".into())
        })?;
        let endpoint = Endpoint {
            host: http.host(),
            model: model.to_owned(),
            credentials: options.http.credentials.clone(),
        };
        Ok(OpenAiChat { http, gate: Gate::new(options.pace), endpoint, name, options })
    }

    /// Asks, and asks again while it may work and there is time.
    async fn ask(&self, asked: &ModelRequest) -> Result<ModelReply, ModelError> {
        let deadline = Deadline::after(asked.budget);
        let request = request::request(&self.options, asked);
        let mut tries = 0;
        loop {
            tries += 1;
            let (error, asked_for) = match self.once(&request, asked, deadline).await {
                Ok(reply) => return Ok(reply),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Withheld) => return Ok(self.withheld()),
                Err(Failure::Again(error, asked_for)) => (error, asked_for),
            };
            let chance = pause(self.options.http.first_pause, tries, getrandom::u32().unwrap_or_default());
            // Those who were told the same moment do not all come back at it.
            let wanted = asked_for.map(|asked_for| Duration::try_from(asked_for).unwrap_or_default());
            let pause = wanted.unwrap_or_default() + chance;
            let remaining = deadline.remaining();
            if remaining.is_zero() {
                return Err(ModelError::TimedOut(deadline.budget()));
            }
            if tries >= TRIES || pause >= remaining || pause > self.options.longest_pause {
                return Err(error);
            }
            tracing::debug!(host = self.endpoint.host, tries, "asked the model again");
            sleep(pause).await;
        }
    }

    async fn once(
        &self,
        request: &CreateChatCompletionRequest,
        asked: &ModelRequest,
        deadline: Deadline,
    ) -> Result<ModelReply, Failure> {
        let late = || Failure::Final(ModelError::TimedOut(deadline.budget()));
        let _turn = self.gate.turn(Instant::now() + deadline.remaining()).await.ok_or_else(late)?;
        let pieces = self.open(request, deadline).await?;
        let (assembly, heard) =
            if pieces.are_events() { self.listen(pieces).await } else { self.read(pieces).await };
        let spent = Spent::once(assembly.usage(), self.options.price.as_ref());
        span::answered(assembly.model(), assembly.usage());
        if let Err(interrupted) = heard {
            return Err(self.interrupted(interrupted, assembly.is_begun(), spent, deadline));
        }
        let made = assembly.finish(&asked.messages, &asked.form);
        let made = made.map_err(|why| self.malformed(&why, spent.clone()))?;
        Ok(ModelReply { text: made.text, calls: made.calls, ended: made.ended, spent, by: self.name.clone() })
    }

    /// Sends the request, and waits for the answer to begin.
    async fn open(
        &self,
        request: &CreateChatCompletionRequest,
        deadline: Deadline,
    ) -> Result<Pieces, Failure> {
        let limits = Limits { deadline, max_bytes: self.options.max_bytes };
        let url = self.http.at("chat/completions");
        let opening = self.http.post_for_pieces(&url, request, limits);
        // A whole answer begins when all of it is there.
        let most = match self.options.delivery {
            Delivery::Streamed | Delivery::StreamedUncounted => self.options.first_piece_within,
            Delivery::Whole => Duration::MAX,
        };
        let opened = timeout(most, opening).await.map_err(|_| silent(most))?;
        opened.map_err(|error| self.endpoint.failure(error, deadline.budget()))
    }

    async fn listen(&self, mut pieces: Pieces) -> (Assembly, Result<(), Interrupted>) {
        let patience =
            Patience { first: self.options.first_piece_within, next: self.options.next_piece_within };
        listen(&mut pieces, patience).await
    }

    /// A whole answer, of a server that was asked for one or streams nothing.
    async fn read(&self, pieces: Pieces) -> (Assembly, Result<(), Interrupted>) {
        let mut assembly = Assembly::default();
        let read = match pieces.whole().await {
            Err(error) => Err(Interrupted::Http(error)),
            Ok(body) => match body.json::<Answer>() {
                Err(_) => Err(Interrupted::NoPiece),
                Ok(Answer { error: Some(error), .. }) if !error.is_null() => Err(Interrupted::Told(error)),
                Ok(answer) => {
                    assembly.take(answer);
                    Ok(())
                }
            },
        };
        (assembly, read)
    }

    fn interrupted(&self, why: Interrupted, begun: bool, spent: Spent, deadline: Deadline) -> Failure {
        let broke_off = |spent| self.malformed("broke off in the middle of the answer", spent);
        match why {
            Interrupted::Silent(most) => silent(most),
            Interrupted::NoPiece => self.malformed("sent something that is no reply of a model", spent),
            Interrupted::Http(hearback_http::HttpError::TooLarge { limit, .. }) => {
                self.malformed(&format!("sent an answer longer than {limit} bytes"), spent)
            }
            Interrupted::Http(error) => match self.endpoint.failure(error, deadline.budget()) {
                // What has come would come again, and be paid for again.
                Failure::Again(..) if begun => broke_off(spent),
                other => other,
            },
            Interrupted::Told(error) => match self.endpoint.told(&error) {
                Failure::Again(..) if begun => broke_off(spent),
                other => other,
            },
            Interrupted::Ended if begun => broke_off(spent),
            Interrupted::Ended => {
                let why = format!("{} ended the answer before it began", self.endpoint.host);
                Failure::Again(ModelError::Failed(why), None)
            }
        }
    }

    fn malformed(&self, why: &str, spent: Spent) -> Failure {
        let Endpoint { host, model, .. } = &self.endpoint;
        let why = format!("{host} {why} (model {model})");
        Failure::Final(ModelError::Malformed { why, spent: Box::new(spent) })
    }

    fn withheld(&self) -> ModelReply {
        ModelReply {
            text: None,
            calls: Vec::new(),
            ended: Ended::Filtered,
            spent: Spent::once(None, None),
            by: self.name.clone(),
        }
    }
}

fn silent(most: Duration) -> Failure {
    Failure::Final(ModelError::TimedOut(SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX)))
}

#[async_trait]
impl ModelClient for OpenAiChat {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn context_tokens(&self) -> u32 {
        self.options.context_tokens
    }

    /// # Errors
    /// As [`ModelClient::complete`]; [`ModelError::TimedOut`] also where no piece came for as long as the options allow.
    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        check_order(&request.messages)
            .map_err(|bad| ModelError::NotUsable(format!("{bad}; nothing was sent to the model")))?;
        let asking = Asking::begin(&self.endpoint.model, self.http.base(), request.max_output_tokens);
        let answered = self.ask(request).instrument(asking.span()).await;
        asking.end(&answered);
        answered
    }
}
