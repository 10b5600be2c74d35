//! `hearback mcp`: the read tools and the incidents for any agent, over standard input and output. Nothing can be written
//! through it, and nothing but the protocol is printed.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use hearback_core::model::ToolCall;
use hearback_core::ports::RecordError;
use hearback_core::{IncidentId, SourceName};
use hearback_engine::calibration::Calibration;
use hearback_engine::driver::Sources;
use hearback_engine::incidents::Incidents;
use hearback_engine::logged::LoggedChanges;
use hearback_engine::reads::{Reading, Reads};
use hearback_record::Record;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::cli::Mcp;
use crate::config::Config;
use crate::progress::Progress;
use crate::wiring::mcp::{ForAgents, serve_agent};
use crate::wiring::server::ServerClient;
use crate::wiring::{self, Asked, Named};

pub async fn run(arguments: Mcp, config: Config) -> Result<ExitCode> {
    let reads: Box<dyn ForAgents> = match ServerClient::named(&arguments.server)? {
        Some(server) => {
            let session = format!("{} {}", std::process::id(), Timestamp::now().as_nanosecond());
            Box::new(There { server, session })
        }
        None => Box::new(Here::new(&arguments, config).await?),
    };
    let stop = CancellationToken::new();
    let ended = tokio::select! {
        ended = serve_agent(reads, stop.clone()) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    stop.cancel();
    ended.map(|()| ExitCode::SUCCESS)
}

/// What is read by this process: repositories, record, memory.
struct Here {
    config: Config,
    record: Arc<dyn Record>,
    sources: Sources,
    calibration: Option<Calibration>,
    reads: Reads,
}

impl Here {
    async fn new(arguments: &Mcp, config: Config) -> Result<Self> {
        let record = wiring::record(&config).await?;
        let named = Named {
            repositories: &arguments.repositories,
            revision: None,
            first_parent: false,
            // There may be an incident to ask in.
            in_incident: true,
        };
        let Asked { mut sources, calibration } = wiring::sources(named, &config, &Progress::silent()).await?;
        sources.changes.push(Arc::new(LoggedChanges::new(record.clone())?));
        // An agent has the tools of others by itself.
        sources.others.clear();
        let reads = Reads::new(SourceName::new(wiring::OWN_RECORD)?);
        Ok(Here { config, record, sources, calibration, reads })
    }

    fn reading<'a>(&'a self, gaps: &'a [hearback_core::Gap]) -> Reading<'a> {
        let Here { config, record, sources, calibration, .. } = self;
        Reading {
            context: config.context(sources, calibration.as_ref(), gaps, None, config.budget),
            record: record.as_ref(),
            window: config.window,
            budget: config.budget,
            now: Timestamp::now(),
        }
    }
}

#[async_trait]
impl ForAgents for Here {
    async fn call(&self, call: &ToolCall) -> Result<String, String> {
        let gaps = self.config.catalog_files.gaps();
        self.reads.call(call, self.reading(&gaps)).await
    }

    async fn incidents(&self) -> Result<Vec<(String, String)>, String> {
        let mut incidents = Incidents::default();
        incidents.refresh(self.record.as_ref()).await.map_err(|error| error.to_string())?;
        Ok(incidents.all().map(|one| (one.id.to_string(), one.title.for_people(80))).collect())
    }

    async fn incident(&self, id: &str) -> Result<Option<String>, String> {
        let Ok(id) = IncidentId::new(id) else { return Ok(None) };
        match self.record.head(&id).await {
            Ok(None) | Err(RecordError::NoSuchIncident(_)) => return Ok(None),
            Ok(Some(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
        let gaps = self.config.catalog_files.gaps();
        self.reads.incident(&id, self.reading(&gaps)).await.map(Some)
    }
}

/// What a running service reads.
struct There {
    server: ServerClient,
    /// Tells this agent from others with the same token.
    session: String,
}

#[async_trait]
impl ForAgents for There {
    async fn call(&self, call: &ToolCall) -> Result<String, String> {
        let told = self.server.call_read(&self.session, call).await.map_err(|error| format!("{error:#}"))?;
        if told.failed { Err(told.text) } else { Ok(told.text) }
    }

    async fn incidents(&self) -> Result<Vec<(String, String)>, String> {
        self.server.incidents().await.map_err(|error| format!("{error:#}"))
    }

    async fn incident(&self, id: &str) -> Result<Option<String>, String> {
        let Ok(id) = IncidentId::new(id) else { return Ok(None) };
        self.server.read_incident(&id).await.map_err(|error| format!("{error:#}"))
    }
}
