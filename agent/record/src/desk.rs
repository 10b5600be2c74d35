//! The desk: small papers beside the incidents. Tokens, deliveries that were worked off, notices to tell, what was found
//! out for an alert that waits, and the targets of actions. It must not know what the papers are for.

use async_trait::async_trait;
use hearback_core::access::Token;
use hearback_core::ports::{DeliveryLog, Notice, Outbox, RecordError, Recorded, TargetLedger, TokenStore};
use hearback_core::target::{NotFree, Step, TargetState};
use hearback_core::{SourceName, Target};
use jiff::Timestamp;
use serde::Serialize;

use crate::secrets::without_secrets;
use crate::session::Fault;
use crate::store::Store;
use crate::tables::{self, Ledger, PaperKind};
use crate::writes::{Leaves, Write};

/// Puts a paper on the desk, unless one of its kind and name lies there.
pub(crate) struct PutPaper {
    pub kind: PaperKind,
    pub name: String,
    pub at: Timestamp,
    pub json: String,
}

impl Write for PutPaper {
    type Done = Recorded;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Recorded, Fault> {
        ledger.put_paper(self.kind, &self.name, self.at, &self.json)
    }
}

/// Puts a paper on the desk in place of any that lies there.
pub(crate) struct SetPaper(pub PutPaper);

impl Write for SetPaper {
    type Done = ();

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<(), Fault> {
        let SetPaper(PutPaper { kind, name, json, .. }) = self;
        if self.0.apply(ledger)? == Recorded::AlreadyThere {
            ledger.replace_paper(*kind, name, json)?;
        }
        Ok(())
    }
}

/// Marks a delivery, and takes old marks away.
struct MarkDelivered {
    mark: PutPaper,
    forget_before: Timestamp,
}

impl Write for MarkDelivered {
    type Done = Recorded;
    const LEAVES: Leaves = Leaves::Nothing;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Recorded, Fault> {
        ledger.drop_papers(PaperKind::Delivery, self.forget_before)?;
        self.mark.apply(ledger)
    }
}

/// Ends a token.
struct RevokeToken {
    id: String,
    at: Timestamp,
}

impl Write for RevokeToken {
    type Done = bool;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<bool, Fault> {
        match ledger.paper::<Token>(PaperKind::Token, &self.id)? {
            Some(token) if token.revoked_at.is_none() => {
                let json = json(&Token { revoked_at: Some(self.at), ..token })?;
                ledger.replace_paper(PaperKind::Token, &self.id, &json)
            }
            _ => Ok(false),
        }
    }
}

/// Keeps a notice, unless it was kept or told before.
struct QueueNotice(Notice);

impl Write for QueueNotice {
    type Done = Recorded;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Recorded, Fault> {
        let Notice { key, at, .. } = &self.0;
        if ledger.paper::<Notice>(PaperKind::Told, key)?.is_some() {
            return Ok(Recorded::AlreadyThere);
        }
        ledger.put_paper(PaperKind::Notice, key, *at, &json(&self.0)?)
    }
}

struct MarkTold {
    key: String,
    at: Timestamp,
}

impl Write for MarkTold {
    type Done = bool;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<bool, Fault> {
        ledger.mark_told(&self.key, self.at)
    }
}

/// Makes a step of a target.
struct StepTarget {
    target: Target,
    step: Step,
    at: Timestamp,
}

impl Write for StepTarget {
    type Done = Result<TargetState, NotFree>;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Self::Done, Fault> {
        let name = self.target.as_str();
        let known = ledger.paper::<TargetState>(PaperKind::Target, name)?.unwrap_or_default();
        let state = match known.after(&self.target, &self.step, self.at) {
            Ok(state) => state,
            Err(not_free) => return Ok(Err(not_free)),
        };
        let json = json(&state)?;
        let paper = PutPaper { kind: PaperKind::Target, name: name.to_owned(), at: self.at, json };
        SetPaper(paper).apply(ledger)?;
        Ok(Ok(state))
    }
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, RecordError> {
    serde_json::to_string(value).map_err(|error| RecordError::Refused(error.to_string()))
}

#[async_trait]
impl TokenStore for Store {
    async fn add_token(&self, token: &Token) -> Result<(), RecordError> {
        let (name, at, json) = (token.id.clone(), token.made_at, json(token)?);
        match self.writer.submit(PutPaper { kind: PaperKind::Token, name, at, json }).await? {
            Recorded::New => Ok(()),
            Recorded::AlreadyThere => {
                Err(RecordError::Refused(format!("there is a token {} already", token.id)))
            }
        }
    }

    async fn token(&self, id: &str) -> Result<Option<Token>, RecordError> {
        let id = id.to_owned();
        self.readers.read(move |session| tables::paper(session, PaperKind::Token, &id)).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, RecordError> {
        let mut tokens: Vec<Token> =
            self.readers.read(|session| tables::papers(session, PaperKind::Token)).await?;
        tokens.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tokens)
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool, RecordError> {
        self.writer.submit(RevokeToken { id: id.to_owned(), at }).await
    }
}

#[async_trait]
impl DeliveryLog for Store {
    async fn was_delivered(&self, sender: &SourceName, delivery: &str) -> Result<bool, RecordError> {
        let name = delivery_name(sender, delivery);
        let found = move |session: &mut dyn crate::session::Session| {
            tables::paper::<serde_json::Value>(session, PaperKind::Delivery, &name)
        };
        Ok(self.readers.read(found).await?.is_some())
    }

    async fn mark_delivered(
        &self,
        sender: &SourceName,
        delivery: &str,
        at: Timestamp,
        forget_before: Timestamp,
    ) -> Result<Recorded, RecordError> {
        let (name, json) = (delivery_name(sender, delivery), json(&at)?);
        let mark = PutPaper { kind: PaperKind::Delivery, name, at, json };
        self.writer.submit(MarkDelivered { mark, forget_before }).await
    }
}

#[async_trait]
impl Outbox for Store {
    async fn queue_notice(&self, notice: &Notice) -> Result<Recorded, RecordError> {
        self.writer.submit(QueueNotice(without_secrets(notice.clone())?)).await
    }

    async fn untold_notices(&self, limit: usize) -> Result<Vec<Notice>, RecordError> {
        let mut notices: Vec<Notice> =
            self.readers.read(|session| tables::papers(session, PaperKind::Notice)).await?;
        notices.truncate(limit);
        Ok(notices)
    }

    async fn mark_told(&self, key: &str, at: Timestamp) -> Result<bool, RecordError> {
        self.writer.submit(MarkTold { key: key.to_owned(), at }).await
    }
}

#[async_trait]
impl TargetLedger for Store {
    async fn step_target(
        &self,
        target: &Target,
        step: &Step,
        now: Timestamp,
    ) -> Result<Result<TargetState, NotFree>, RecordError> {
        self.writer.submit(StepTarget { target: target.clone(), step: step.clone(), at: now }).await
    }

    async fn target(&self, target: &Target) -> Result<TargetState, RecordError> {
        let name = target.as_str().to_owned();
        let found = self.readers.read(move |session| tables::paper(session, PaperKind::Target, &name));
        Ok(found.await?.unwrap_or_default())
    }
}

fn delivery_name(sender: &SourceName, delivery: &str) -> String {
    format!("{sender}\n{delivery}")
}
