//! Servers that behave badly on purpose, over plain TCP. It must not know who calls them, or what was asked for.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

/// How often a server looks whether it is to end.
const TICK: Duration = Duration::from_millis(50);
/// What [`Manners::Floods`] sends in all: 2 GB.
const FLOOD_BYTES: u64 = 2_000_000_000;

/// How a server behaves once it has taken a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// It says nothing, ever.
    Hangs,
    /// It begins an answer in JSON and sends a byte each second.
    Trickles,
    /// It sends two gigabytes of JSON that never ends.
    Floods,
    /// It answers a page in HTML with status 200, as a login page before a service does.
    SignsIn,
    /// It answers the same page, and calls it JSON.
    Lies,
}

/// A running server. It ends when it is dropped.
pub struct Hostile {
    port: u16,
    ends: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Hostile {
    /// Starts one.
    ///
    /// # Errors
    /// There is no port for it.
    pub fn start(manners: Manners) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let (ends, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ending, counted) = (Arc::clone(&ends), Arc::clone(&calls));
        let thread = std::thread::spawn(move || {
            let mut guests = Vec::new();
            for stream in listener.incoming() {
                if ending.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                counted.fetch_add(1, Ordering::Relaxed);
                let ends = Arc::clone(&ending);
                // A caller that hangs up ends its own thread; there is nobody to tell.
                guests.push(std::thread::spawn(move || drop(serve(stream, manners, &ends))));
            }
            guests.into_iter().for_each(|guest| drop(guest.join()));
        });
        Ok(Hostile { port, ends, calls, thread: Some(thread) })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many connections it took.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the server, which waits for somebody to come.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, manners: Manners, ends: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    let json = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    if manners == Manners::Hangs {
        return until_it_hangs_up(&mut stream, ends);
    }
    let mut request = [0; 16 * 1024];
    while stream.read(&mut request).is_err() && !ends.load(Ordering::Relaxed) {}
    match manners {
        Manners::Hangs => Ok(()),
        Manners::Trickles => {
            stream.write_all(json)?;
            let mut ticks: u64 = 0;
            while !ends.load(Ordering::Relaxed) {
                if ticks.is_multiple_of(20) {
                    stream.write_all(b" ")?;
                }
                ticks += 1;
                std::thread::sleep(TICK);
            }
            Ok(())
        }
        Manners::Floods => {
            stream.write_all(json)?;
            stream.write_all(
                br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"x":""#,
            )?;
            let block = vec![b'x'; 64 * 1024];
            let mut sent = 0;
            while sent < FLOOD_BYTES && !ends.load(Ordering::Relaxed) {
                stream.write_all(&block)?;
                sent += block.len() as u64;
            }
            Ok(())
        }
        Manners::SignsIn | Manners::Lies => {
            let content_type = if manners == Manners::Lies { "application/json" } else { "text/html" };
            let page = "<!doctype html><title>Sign in</title><p>Please sign in to see your metrics.";
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            )
        }
    }
}

fn until_it_hangs_up(stream: &mut TcpStream, ends: &AtomicBool) -> std::io::Result<()> {
    let mut heard = [0; 1024];
    while !ends.load(Ordering::Relaxed) {
        // What is said is heard and not answered; a timeout is the time to look whether to end.
        if matches!(stream.read(&mut heard), Ok(0)) {
            return Ok(());
        }
    }
    Ok(())
}
