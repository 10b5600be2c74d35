//! What a child process prints, read while it runs and cut where it is too much. It must not know what it means.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout};

/// So much of what it prints is kept.
pub(crate) const KEPT_BYTES: usize = 256 << 10;

/// What it prints, read as it comes, so that it never waits for us.
pub(crate) struct Pipes {
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    pub(crate) out_bytes: Vec<u8>,
    pub(crate) err_bytes: Vec<u8>,
}

impl Pipes {
    pub(crate) fn of(child: &mut Child) -> Self {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        Pipes { out, err, out_bytes: Vec::new(), err_bytes: Vec::new() }
    }

    /// Waits until it ends.
    pub(crate) async fn read_until_end(
        &mut self,
        child: &mut Child,
    ) -> std::io::Result<std::process::ExitStatus> {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                () = self.drain(), if self.out.is_some() || self.err.is_some() => {}
            }
        }
    }

    /// Reads until both are closed. May be left and called again.
    pub(crate) async fn drain(&mut self) {
        let (mut out, mut err) = ([0; 8192], [0; 8192]);
        while self.out.is_some() || self.err.is_some() {
            tokio::select! {
                read = read(&mut self.out, &mut out), if self.out.is_some() => keep(&mut self.out_bytes, out.get(..read)),
                read = read(&mut self.err, &mut err), if self.err.is_some() => keep(&mut self.err_bytes, err.get(..read)),
            }
        }
    }
}

/// Reads once; a pipe that is closed or broken is dropped.
async fn read(pipe: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    let read = match pipe {
        Some(pipe) => pipe.read(buffer).await.unwrap_or(0),
        None => 0,
    };
    if read == 0 {
        *pipe = None;
    }
    read
}

fn keep(kept: &mut Vec<u8>, read: Option<&[u8]>) {
    let room = KEPT_BYTES.saturating_sub(kept.len());
    let read = read.unwrap_or_default();
    kept.extend_from_slice(read.get(..room).unwrap_or(read));
}
