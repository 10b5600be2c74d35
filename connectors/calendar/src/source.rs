//! The port: an iCalendar file as a source of freezes. It is read anew at every question, so that an edited file
//! needs no restart.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::freeze::Freeze;
use hearback_core::ports::{ConnectorError, FreezeSource};
use hearback_core::{SourceName, Window};
use jiff::SignedDuration;

use crate::ics::{CalendarOptions, Found, parse_freezes};

/// A larger file is not read.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// A file on a disk that hangs is given up after this.
const DEADLINE: Duration = Duration::from_secs(10);

/// An iCalendar file.
#[derive(Debug, Clone)]
pub struct CalendarFreezeSource {
    source: SourceName,
    path: PathBuf,
    options: CalendarOptions,
}

impl CalendarFreezeSource {
    /// The calendar at `path`. Nothing is read yet.
    pub fn new(source: SourceName, path: PathBuf, options: CalendarOptions) -> Self {
        CalendarFreezeSource { source, path, options }
    }
}

#[async_trait]
impl FreezeSource for CalendarFreezeSource {
    fn name(&self) -> &SourceName {
        &self.source
    }

    async fn freezes(&self, window: Window) -> Result<Fetched<Freeze>, ConnectorError> {
        let (path, options) = (self.path.clone(), self.options.clone());
        let work = tokio::task::spawn_blocking(move || load(&path, window, &options));
        let Found { freezes, events, missing } = match tokio::time::timeout(DEADLINE, work).await {
            Ok(Ok(found)) => found?,
            Ok(Err(_)) => {
                return Err(ConnectorError::Failed("reading the calendar failed unexpectedly".into()));
            }
            Err(_) => {
                return Err(ConnectorError::TimedOut(
                    SignedDuration::try_from(DEADLINE).unwrap_or(SignedDuration::ZERO),
                ));
            }
        };
        let file = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let searched = format!("{events} events of {file}");
        let coverage = Coverage { missing, ..Coverage::complete(self.source.clone(), searched) };
        Ok(Fetched { items: freezes, coverage })
    }
}

fn load(path: &Path, window: Window, options: &CalendarOptions) -> Result<Found, ConnectorError> {
    let shown = path.display();
    let unusable = |why: String| ConnectorError::NotUsable(format!("the calendar {shown} {why}"));
    let file = File::open(path).map_err(|error| unusable(format!("can't be read: {error}")))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unusable(format!("can't be read: {error}")))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(unusable(format!(
            "is larger than {MAX_FILE_BYTES} bytes; keep the freezes in a file of their own"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|_| unusable("is not UTF-8 text".into()))?;
    parse_freezes(&text, window, options).map_err(|error| unusable(error.to_string()))
}
