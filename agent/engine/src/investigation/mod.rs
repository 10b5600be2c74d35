//! A model's investigation as a state machine without I/O: what is to be done next comes out, what came of it goes in. It
//! can be written down after each step and taken up by another process. It must not know a model, a source or a clock.
//!
//! ```text
//! begin ─► Step::Ask ─► on_reply ─► Step::Fetch ─► on_fetched ─► Step::Ask … ─► Step::Done
//! ```
//!
//! The model reads by calling tools and reports by calling `report`. Each report is held against what it cites when it
//! comes, so that whenever the investigation has to end, what was found so far stands and is sound.

pub mod briefing;
pub mod fitting;
pub mod grounding;
pub mod known;
pub mod looking;
pub mod looking_back;
pub mod others;
pub mod remarks;
pub mod reporting;
pub mod telling;
pub mod tools;
pub(crate) mod traced;

#[cfg(test)]
mod remarks_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use hearback_core::hash::canonical_json;
use hearback_core::ids::{CallId, ToolName};
use hearback_core::investigation::{DroppedClaims, Ending, Investigated};
use hearback_core::model::{
    Cost, Ended, Message, ModelError, ModelReply, ModelRequest, ReplyForm, Spent, ToolCall, ToolChoice,
    ToolSpec, Usage,
};
use hearback_core::redaction::redact_everything;
use hearback_core::{ChangeId, ExternalText, SourceName};
use hearback_prompts::Told;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use self::fitting::fit;
use self::known::{Checked, Known, Shown};
use self::remarks::Remark;
use self::reporting::{NoReport, Patches, Report, report_tool};

/// The same call again, so often.
const REPEATS: u32 = 3;
/// What can't be read, so often in a row.
const UNREADABLE: u32 = 3;
/// The conversation did not fit, so often: each time it is made half as long.
const TOO_LONG: u32 = 3;
/// As many remarks are told at once.
const REMARKS: usize = 20;
/// The least time that is worth asking a model for.
const LEAST: SignedDuration = SignedDuration::from_secs(1);

/// How far an investigation may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How often the model is asked.
    pub turns: u32,
    /// How many tokens it may read and write in all.
    pub tokens: u64,
    /// How long it may take.
    pub time: SignedDuration,
    /// How much it may cost, in millionths of the currency's unit, where prices are known.
    pub micros: Option<u64>,
    /// How many tokens one conversation may have, the reply included.
    pub context_tokens: u32,
    /// The longest reply, in tokens.
    pub output_tokens: u32,
    /// How many calls of one reply are carried out.
    pub calls_at_once: usize,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Ask the model; then [`Investigation::on_reply`].
    Ask(Box<ModelRequest>),
    /// Look these up; then [`Investigation::on_fetched`] with one result each.
    Fetch(Vec<ToolCall>),
    /// Nothing: it is over.
    Done(Box<Investigated>),
}

/// What was looked up for a call.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchedFor {
    /// The call.
    pub call: CallId,
    /// What came of it, as it is told to the model.
    pub shown: Result<Shown, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Waits {
    Model,
    Sources,
    Over(Ending),
}

/// An investigation under way. Text from outside is in it, quoted and redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Investigation {
    limits: Limits,
    /// How many tokens a conversation may have: less than the limits say once it was too long.
    room: u64,
    tools: Vec<ToolSpec>,
    #[serde(default)]
    patches: Patches,
    messages: Vec<Message>,
    known: Known,
    /// The number of the last entry by which people said something that the model was told.
    #[serde(default)]
    heard: u64,
    waits: Waits,
    /// The calls that are being looked up.
    under_way: Vec<ToolCall>,
    /// What was looked up already, to notice when it is asked for again.
    looked_up: BTreeSet<String>,
    /// What stands of the last report.
    checked: Checked,
    /// Whether the model was let mend a report of which something was dropped.
    was_mended: bool,
    turns: u32,
    fetches: u32,
    repeats: u32,
    /// It goes round in circles: it can only report.
    must_report: bool,
    unreadable: u32,
    /// How often the conversation was too long.
    too_long: u32,
    took: SignedDuration,
    tokens: u64,
    spent: Spent,
    by: Option<SourceName>,
    why: Option<String>,
}

impl Investigation {
    /// Begins with what the model is told: who it is, and what is known so far.
    pub fn begin(
        rules: String,
        brief: String,
        known: Known,
        (tools, patches): (Vec<ToolSpec>, Patches),
        limits: Limits,
    ) -> Self {
        Investigation {
            room: u64::from(limits.context_tokens.saturating_sub(limits.output_tokens)),
            limits,
            tools,
            patches,
            heard: 0,
            messages: vec![Message::System(rules), Message::User(brief)],
            known,
            waits: Waits::Model,
            under_way: Vec::new(),
            looked_up: BTreeSet::new(),
            checked: Checked::default(),
            was_mended: false,
            turns: 0,
            fetches: 0,
            repeats: 0,
            must_report: false,
            unreadable: 0,
            too_long: 0,
            took: SignedDuration::ZERO,
            tokens: 0,
            spent: Spent::default(),
            by: None,
            why: None,
        }
    }

    /// What is to be done next. Asking twice gives the same.
    pub fn next_step(&self) -> Step {
        match self.waits {
            Waits::Sources => Step::Fetch(self.under_way.clone()),
            Waits::Over(ending) => Step::Done(Box::new(self.investigated(ending))),
            Waits::Model => match self.exhausted() {
                Some(ending) => Step::Done(Box::new(self.investigated(ending))),
                None => Step::Ask(Box::new(self.request())),
            },
        }
    }

    /// The number of the last entry by which people said something that the model was told.
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Tells the model what people said, unless it was told. What blames a change that they say is none does not stand any
    /// longer. An investigation that is over goes on, as far as its limits allow, unless the model refused. While something is
    /// looked up nothing is told: that is for before the next [`Step::Ask`].
    pub fn hear(&mut self, remarks: &[Remark]) {
        if self.waits == Waits::Sources {
            return;
        }
        let new: Vec<&Remark> = remarks.iter().filter(|remark| remark.seq > self.heard).collect();
        let Some(last) = new.last() else { return };
        self.heard = last.seq;
        // All of them count; of many, the newest are told.
        new.iter().for_each(|remark| remark.heed(&mut self.known));
        let newest = new.iter().skip(new.len().saturating_sub(REMARKS));
        let told: Vec<String> = newest.map(|remark| telling::text(remark.told(&mut self.known))).collect();
        let is_left = |change: &ChangeId| !self.known.is_dismissed(change);
        self.checked.hypotheses.retain(|one| one.change.as_ref().is_none_or(is_left));
        self.checked.patch = self.checked.patch.take().filter(|patch| is_left(&patch.change));
        self.messages.push(Message::User(told.join("\n")));
        if self.waits != Waits::Over(Ending::Refused) {
            self.waits = Waits::Model;
            (self.must_report, self.was_mended) = (false, false);
            (self.repeats, self.unreadable) = (0, 0);
            self.why = None;
        }
    }

    /// What the model was shown.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// What has been used up, if anything has.
    fn exhausted(&self) -> Option<Ending> {
        let Limits { turns, tokens, micros, .. } = &self.limits;
        let spent = self.spent.costs.iter().map(Cost::micros).max().unwrap_or(0);
        if self.turns >= *turns {
            Some(Ending::OutOfTurns)
        } else if self.tokens >= *tokens {
            Some(Ending::OutOfTokens)
        } else if self.time_left() < LEAST {
            Some(Ending::OutOfTime)
        } else {
            micros.is_some_and(|most| spent >= most).then_some(Ending::OutOfMoney)
        }
    }

    /// Whether this is the last time that the model is asked: then it can only report.
    fn is_last_turn(&self) -> bool {
        self.turns + 1 >= self.limits.turns || self.must_report
    }

    /// How much time is left.
    pub fn time_left(&self) -> SignedDuration {
        self.limits.time.saturating_sub(self.took)
    }

    fn request(&self) -> ModelRequest {
        let tools: Vec<ToolSpec> = match self.is_last_turn() {
            true => vec![report_tool(self.patches)],
            false => self.tools.iter().cloned().chain([report_tool(self.patches)]).collect(),
        };
        ModelRequest {
            messages: fit(&self.messages, &tools, self.room),
            tools,
            choice: if self.is_last_turn() { ToolChoice::Required } else { ToolChoice::Auto },
            form: ReplyForm::Text,
            max_output_tokens: self.limits.output_tokens,
            budget: self.time_left(),
        }
    }

    /// What the model answered, or why it did not, and how long that took.
    pub fn on_reply(&mut self, reply: Result<ModelReply, ModelError>, took: SignedDuration) {
        if self.waits != Waits::Model {
            return;
        }
        self.took = self.took.saturating_add(took);
        match reply {
            Ok(reply) => self.on_words(reply),
            Err(error) => self.on_error(error),
        }
    }

    fn on_error(&mut self, error: ModelError) {
        let why = error.to_string();
        match error {
            ModelError::TooLong(_) if self.too_long < TOO_LONG => {
                self.too_long += 1;
                let size = |request: &ModelRequest| fitting::tokens(&request.messages, &request.tools);
                let before = size(&self.request());
                self.room = before / 2;
                if size(&self.request()) >= before {
                    self.why = Some(why);
                    self.waits = Waits::Over(Ending::Missing);
                }
            }
            ModelError::Malformed { spent, .. } => {
                self.count(&spent, 0);
                self.turns += 1;
                self.on_unreadable(None);
            }
            // The client has asked again already, as often as it is worth.
            ModelError::TimedOut(_)
            | ModelError::TooLong(_)
            | ModelError::NotUsable(_)
            | ModelError::Busy { .. }
            | ModelError::Failed(_) => {
                self.why = Some(why);
                self.waits = Waits::Over(Ending::Missing);
            }
        }
    }

    fn on_words(&mut self, reply: ModelReply) {
        let request = self.request();
        let read = fitting::tokens(&request.messages, &request.tools);
        let written = reply.to_message().map_or(0, |message| fitting::tokens(&[message], &[]));
        self.count(&reply.spent, read + written);
        self.turns += 1;
        self.by = Some(reply.by.clone());
        if matches!(reply.ended, Ended::Refused | Ended::Filtered) {
            self.waits = Waits::Over(Ending::Refused);
            return;
        }
        let reply = without_secrets(reply);
        let Some(said) = reply.to_message() else { return self.on_unreadable(None) };
        if reply.calls.is_empty() {
            // Some models write their report instead of calling it.
            let report = reply.text.as_ref().and_then(|text| Report::parse(text.as_untrusted()).ok());
            self.messages.push(said);
            return match report {
                Some(report) => {
                    let is_done = self.take(report).1;
                    if is_done {
                        self.waits = Waits::Over(Ending::Finished);
                    } else {
                        self.messages.push(Message::User(Told::GoOn.text().into()));
                    }
                }
                None => self.on_unreadable(Some(Message::User(Told::CallReport.text().into()))),
            };
        }
        self.messages.push(said);
        self.on_calls(reply.calls, reply.ended);
    }

    fn count(&mut self, spent: &Spent, estimated: u64) {
        let Usage { input_tokens, output_tokens, .. } = spent.usage;
        let told = input_tokens.saturating_add(output_tokens);
        // Whose server does not count is not free.
        self.tokens =
            self.tokens.saturating_add(if spent.unmetered > 0 { told.max(estimated) } else { told });
        self.spent += spent;
    }

    /// The model said what can't be read. It hears so, a few times.
    fn on_unreadable(&mut self, told: Option<Message>) {
        self.unreadable += 1;
        if self.unreadable >= UNREADABLE {
            self.waits = Waits::Over(Ending::Unreadable);
        }
        self.messages.extend(told);
    }

    /// Carries out what can be carried out here, and leaves the rest to be looked up.
    fn on_calls(&mut self, calls: Vec<ToolCall>, ended: Ended) {
        let mut is_done = false;
        let mut was_read = false;
        for (place, call) in calls.into_iter().enumerate() {
            let answer = if call.name == ToolName::report() {
                match Report::parse(call.arguments.as_untrusted()) {
                    Ok(report) => {
                        was_read = true;
                        let (told, done) = self.take(report);
                        is_done |= done;
                        Some(told)
                    }
                    Err(_) if ended == Ended::Length => Some(Told::Shorter.text().to_owned()),
                    Err(NoReport) => Some(Told::NoReport.text().to_owned()),
                }
            } else if self.is_last_turn_over() || self.must_report {
                Some(Told::ReportNow.text().to_owned())
            } else if !self.tools.iter().any(|tool| tool.name == call.name) {
                Some(telling::no_such_tool(&self.tools))
            } else if place >= self.limits.calls_at_once {
                Some(Told::TooMany.text().to_owned())
            } else if !self.looked_up.insert(same(&call)) {
                was_read = true;
                self.repeats += 1;
                Some(Told::Again.text().to_owned())
            } else {
                was_read = true;
                self.under_way.push(call.clone());
                None
            };
            if let Some(text) = answer {
                self.messages.push(Message::ToolResult { call: call.id, text });
            }
        }
        self.unreadable = if was_read { 0 } else { self.unreadable + 1 };
        // Once more it is asked, and can only report.
        let is_looping = self.repeats >= REPEATS;
        let waits = if is_done {
            Waits::Over(Ending::Finished)
        } else if is_looping && self.must_report {
            Waits::Over(Ending::Looped)
        } else if self.unreadable >= UNREADABLE {
            Waits::Over(Ending::Unreadable)
        } else if self.under_way.is_empty() {
            Waits::Model
        } else {
            Waits::Sources
        };
        if matches!(waits, Waits::Over(_)) {
            // What was called beside the report is not needed any more. It is answered all the same: the conversation goes on
            // when people say something.
            for call in std::mem::take(&mut self.under_way) {
                self.looked_up.remove(&same(&call));
                let text = Told::TooMany.text().to_owned();
                self.messages.push(Message::ToolResult { call: call.id, text });
            }
        }
        self.waits = waits;
        self.must_report |= is_looping;
    }

    /// Whether the turn that was just had was the last one.
    fn is_last_turn_over(&self) -> bool {
        self.turns >= self.limits.turns
    }

    /// What was looked up, one result for each call of [`Step::Fetch`], and how long that took. A call without a result
    /// counts as failed.
    pub fn on_fetched(&mut self, mut fetched: Vec<FetchedFor>, took: SignedDuration) {
        if self.waits != Waits::Sources {
            return;
        }
        self.took = self.took.saturating_add(took);
        for call in std::mem::take(&mut self.under_way) {
            let place = fetched.iter().position(|one| one.call == call.id);
            let shown = place.map(|place| fetched.swap_remove(place).shown);
            let text = match shown.unwrap_or_else(|| Err("nothing came of it".to_owned())) {
                Ok(shown) => telling::text(self.known.show(shown)),
                Err(why) => {
                    // What failed may be tried again.
                    self.looked_up.remove(&same(&call));
                    telling::failed(&call.name, &why)
                }
            };
            self.fetches += 1;
            self.messages.push(Message::ToolResult { call: call.id, text });
        }
        self.waits = Waits::Model;
    }

    /// Holds a report against what it cites. It takes the place of the one before. Gives what the model is told about it, and
    /// whether it was the last.
    fn take(&mut self, report: Report) -> (String, bool) {
        let is_done = report.done;
        let checked = self.known.check(&report);
        let told = telling::checked(&checked);
        self.checked = checked;
        // A report of which something was dropped may be mended, if there is time.
        let may_mend = !self.checked.drops.is_empty() && !self.was_mended && !self.is_last_turn_over();
        self.was_mended |= may_mend;
        (told, is_done && !may_mend)
    }

    fn investigated(&self, ending: Ending) -> Investigated {
        Investigated {
            claims: self.checked.claims.clone(),
            hypotheses: self.checked.hypotheses.clone(),
            patch: self.checked.patch.clone(),
            dropped: DroppedClaims::of(self.checked.drops.iter().map(|(_, _, why)| *why)),
            ending,
            why: self.why.clone(),
            turns: self.turns,
            fetches: self.fetches,
            spent: self.spent.clone(),
            took: self.took,
            by: self.by.clone(),
        }
    }
}

/// A model is shown no secret, but it may put together what was split or read what was encoded. What it then says is
/// written down, sent to it again and shown.
fn without_secrets(mut reply: ModelReply) -> ModelReply {
    let clean = |text: &ExternalText| ExternalText::new(redact_everything(text.as_untrusted()).0);
    reply.text = reply.text.as_ref().map(clean);
    reply.calls.iter_mut().for_each(|call| call.arguments = clean(&call.arguments));
    reply
}

/// The same for calls that ask for the same, however their arguments are written.
fn same(call: &ToolCall) -> String {
    let text = call.arguments.as_untrusted();
    let arguments: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let written = arguments.and_then(|arguments| canonical_json(&arguments).ok());
    format!("{} {}", call.name, written.unwrap_or_else(|| text.split_whitespace().collect()))
}
