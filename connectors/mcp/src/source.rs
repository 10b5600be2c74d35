//! [`McpSource`]: the tools of one server as a source of evidence. It connects when it is first asked, keeps the connection,
//! and makes a new one where it broke. It must not know who asks or why.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hearback_core::ExternalText;
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::ids::{SourceName, ToolName};
use hearback_core::offered::{EvidenceSource, OfferedTool};
use hearback_core::ports::ConnectorError;
use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::names::{Allowed, named};
use crate::offer::{Offer, Pins, judge};
use crate::options::{McpLimits, McpOptions, McpTransport};
use crate::pieces;
use crate::schema;
use crate::session::{Failure, Session, Way};
use crate::web::Place;

/// The tools of one server, those that a person allowed.
pub struct McpSource {
    name: SourceName,
    server: String,
    allowed: Vec<Allowed>,
    way: Way,
    limits: McpLimits,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
    pins: Mutex<Pins>,
}

impl McpSource {
    /// A source; nothing is started or sent yet.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if a name, the address, a header or a certificate can't be used.
    pub fn new(options: McpOptions) -> Result<Self, ConnectorError> {
        let McpOptions { name: server, transport, tools, limits } = options;
        let allowed = named(&server, &tools)?;
        let name = SourceName::new(format!("mcp:{server}"))
            .map_err(|error| ConnectorError::NotUsable(error.to_string()))?;
        let way = match transport {
            McpTransport::Http { url, headers, own_roots_pem } => {
                let place = Place::new(&url, &headers, &own_roots_pem).map_err(|error| match error {
                    ConnectorError::NotUsable(why) => {
                        ConnectorError::NotUsable(format!("the MCP server {server}: {why}"))
                    }
                    other => other,
                })?;
                Way::Web(place)
            }
            other => Way::Program(other),
        };
        let (session, pins) = Default::default();
        Ok(McpSource { name, server, allowed, way, limits, session, pins })
    }

    /// Ends the connection and its process, if there is one. The next question makes a new one.
    pub async fn close(&self) {
        self.session.lock().await.take();
    }

    /// A connection, and whether it was made just now.
    async fn session(&self) -> Result<(Arc<Session>, bool), Failure> {
        let mut slot = self.session.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| session.is_open()) {
            return Ok((session.clone(), false));
        }
        // The old process ends before the new one starts.
        slot.take();
        let session = Arc::new(Session::open(&self.way, self.limits).await?);
        *slot = Some(session.clone());
        Ok((session, true))
    }

    /// What the server offers now.
    async fn listed(&self, session: &Session) -> Result<Arc<Offer>, Failure> {
        let (tools, unseen) = session.list(self.limits).await?;
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offer = judge(&self.name, &self.allowed, &tools, self.limits.description, &mut pins);
        offer.unseen = unseen;
        let offer = Arc::new(offer);
        session.keep_offer(offer.clone());
        Ok(offer)
    }

    async fn looked(&self) -> Result<Arc<Offer>, Failure> {
        let (session, is_new) = self.session().await?;
        match self.listed(&session).await {
            // It broke while nobody looked. Reading a list again changes nothing.
            Err(failure) if failure.breaks() && !is_new => {
                drop(session);
                let (session, _) = self.session_after_break().await?;
                self.listed(&session).await
            }
            looked => looked,
        }
    }

    async fn session_after_break(&self) -> Result<(Arc<Session>, bool), Failure> {
        self.session.lock().await.take_if(|session| !session.is_open());
        self.session().await
    }

    /// Calls a tool that was allowed. It is never called twice: only the server knows whether that changes something.
    async fn called(
        &self,
        allowed: &Allowed,
        arguments: &Map<String, Value>,
    ) -> Result<Fetched<ExternalText>, ConnectorError> {
        let told = |failure: Failure| failure.told(&self.server);
        let (session, _) = self.session().await.map_err(told)?;
        // Each connection is looked at once before something is called over it: it may lead to another server by now.
        let offer = match session.offer() {
            Some(offer) => offer,
            None => self.listed(&session).await.map_err(told)?,
        };
        let Allowed { raw, name } = allowed;
        let not_usable = |why: String| Err(ConnectorError::NotUsable(why));
        let Some(usable) = offer.tools.iter().find(|usable| usable.raw == *raw) else {
            let why = offer.refused.iter().find(|(refused, _)| refused == name).map(|(_, why)| why.as_str());
            let why = why.unwrap_or("it is not offered");
            return not_usable(format!("{name} of {} can't be called: {why}", self.name));
        };
        if let Err(why) = schema::check(&usable.offered.parameters, arguments) {
            return not_usable(format!("{name} can't be called with these arguments: {why}"));
        }
        let result = session.call(raw, arguments).await.map_err(told)?;
        if result.is_error == Some(true) {
            return Err(ConnectorError::Failed(format!("{name} of {} says that it failed", self.name)));
        }
        let pieces::Pieces { texts, missing } = pieces::of(&result, self.limits);
        let searched = match texts.len() {
            1 => format!("what {name} gave, 1 piece"),
            count => format!("what {name} gave, {count} pieces"),
        };
        let coverage = Coverage { source: self.name.clone(), searched, missing };
        Ok(Fetched { items: texts, coverage })
    }

    /// Nothing takes longer than `budget`.
    async fn within<T>(
        &self,
        budget: SignedDuration,
        work: impl Future<Output = Result<T, ConnectorError>>,
    ) -> Result<T, ConnectorError> {
        let within = Duration::try_from(budget).unwrap_or_default();
        tokio::time::timeout(within, work).await.unwrap_or(Err(ConnectorError::TimedOut(budget)))
    }
}

#[async_trait]
impl EvidenceSource for McpSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn tools(&self, budget: SignedDuration) -> Result<Fetched<OfferedTool>, ConnectorError> {
        let look = async { self.looked().await.map_err(|failure| failure.told(&self.server)) };
        let offer = self.within(budget, look).await?;
        let items: Vec<OfferedTool> = offer.tools.iter().map(|usable| usable.offered.clone()).collect();
        let searched = format!("{} of {} allowed tools", items.len(), self.allowed.len());
        let coverage = Coverage { source: self.name.clone(), searched, missing: offer.missing() };
        Ok(Fetched { items, coverage })
    }

    async fn fetch(
        &self,
        tool: &ToolName,
        arguments: &Map<String, Value>,
        budget: SignedDuration,
    ) -> Result<Fetched<ExternalText>, ConnectorError> {
        let Some(allowed) = self.allowed.iter().find(|allowed| allowed.name == *tool) else {
            return Err(ConnectorError::NotUsable(format!(
                "{tool} is no tool of {} that may be called",
                self.name
            )));
        };
        self.within(budget, self.called(allowed, arguments)).await
    }
}
