//! Connections for readers, who never wait for the writer. It must not know what is read.

use std::sync::{Arc, Mutex, PoisonError};

use hearback_core::ports::RecordError;
use tokio::sync::Semaphore;

use crate::Backend;
use crate::session::{Fault, Session};

/// Readers at once; more wait for one of them.
const READERS: usize = 4;

/// The readers' connections, opened when first needed.
pub(crate) struct Pool {
    backend: Arc<Backend>,
    idle: Arc<Mutex<Vec<Box<dyn Session>>>>,
    turns: Arc<Semaphore>,
}

impl Pool {
    /// A pool without connections yet.
    pub fn new(backend: Arc<Backend>) -> Self {
        Pool { backend, idle: Arc::default(), turns: Arc::new(Semaphore::new(READERS)) }
    }

    /// Runs `read` on a connection of its own; once more if the connection turned out to be gone.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&mut dyn Session) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, RecordError> {
        let stopped = |_| RecordError::Store("the record is closed".into());
        // The turn goes with the thread: a caller that goes away does not free a connection that is in use.
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(stopped)?;
        let (backend, idle) = (Arc::clone(&self.backend), Arc::clone(&self.idle));
        let on_thread = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut session = match taken {
                Some(session) => session,
                None => backend.connect()?,
            };
            let result = match read(&mut *session) {
                Err(Fault::Lost(_)) => read(&mut *session),
                result => result,
            };
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
            result.map_err(RecordError::from)
        });
        on_thread.await.map_err(|_| RecordError::Store("a reader of the record failed".into()))?
    }
}
