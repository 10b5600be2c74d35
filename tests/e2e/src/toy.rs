//! A toy service of the tests: an HTTP server that takes payments, fails them when it is told to, and says so on its
//! metrics page; and customers, who pay all the time. It must not know who measures it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Upper bounds of the histogram, in seconds. The lowest is far above what a payment takes here, so that a busy machine
/// does not look like a slow service.
const BOUNDS_S: [f64; 3] = [0.5, 1.0, 5.0];
/// How long a customer waits between two payments.
const PAUSE: Duration = Duration::from_millis(50);
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    fails: AtomicBool,
    stops: AtomicBool,
    paid: AtomicU64,
    failed: AtomicU64,
    below: [AtomicU64; BOUNDS_S.len()],
    took_us: AtomicU64,
}

/// A running service with customers. Both end when it is dropped.
pub struct Toy {
    address: SocketAddr,
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

impl Toy {
    /// Starts it, healthy.
    ///
    /// # Errors
    /// There is no port for it.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let (served, paying) = (Arc::clone(&state), Arc::clone(&state));
        let serve = std::thread::spawn(move || serve(&listener, &served));
        let pay = std::thread::spawn(move || {
            while !paying.stops.load(Ordering::Relaxed) {
                // A payment that gets no answer is the customer's bad luck.
                let _ = call(address, "/pay");
                std::thread::sleep(PAUSE);
            }
        });
        Ok(Toy { address, state, threads: vec![serve, pay] })
    }

    /// Where it is: `127.0.0.1:40123`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on every payment fails.
    pub fn breaks(&self) {
        self.state.fails.store(true, Ordering::Relaxed);
    }

    /// From now on every payment succeeds.
    pub fn recovers(&self) {
        self.state.fails.store(false, Ordering::Relaxed);
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        self.state.stops.store(true, Ordering::Relaxed);
        // Wakes the server, which waits for somebody to come.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn call(address: SocketAddr, path: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn serve(listener: &TcpListener, state: &State) {
    for stream in listener.incoming() {
        if state.stops.load(Ordering::Relaxed) {
            return;
        }
        // Whoever hangs up early hears nothing.
        let _ = stream.and_then(|stream| answer(stream, state));
    }
}

fn answer(stream: TcpStream, state: &State) -> std::io::Result<()> {
    let began = Instant::now();
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let (status, body) = match request.split(' ').nth(1) {
        Some("/metrics") => ("200 OK", metrics(state)),
        Some("/pay") => pay(state, began),
        _ => ("404 Not Found", String::new()),
    };
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn pay(state: &State, began: Instant) -> (&'static str, String) {
    let fails = state.fails.load(Ordering::Relaxed);
    let took = began.elapsed();
    state.took_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    for (bound, count) in BOUNDS_S.iter().zip(&state.below) {
        count.fetch_add(u64::from(took.as_secs_f64() <= *bound), Ordering::Relaxed);
    }
    if fails {
        state.failed.fetch_add(1, Ordering::Relaxed);
        ("500 Internal Server Error", "no total for this cart\n".to_owned())
    } else {
        state.paid.fetch_add(1, Ordering::Relaxed);
        ("200 OK", "paid\n".to_owned())
    }
}

/// Its metrics, as Prometheus's client libraries write them.
fn metrics(state: &State) -> String {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (paid, failed) = (count(&state.paid), count(&state.failed));
    let mut text = format!(
        "# TYPE http_requests_total counter\nhttp_requests_total{{code=\"200\"}} {paid}\n\
         http_requests_total{{code=\"500\"}} {failed}\n# TYPE http_request_duration_seconds histogram\n"
    );
    for (bound, below) in BOUNDS_S.iter().zip(&state.below) {
        text.push_str(&format!("http_request_duration_seconds_bucket{{le=\"{bound}\"}} {}\n", count(below)));
    }
    let all = paid + failed;
    text.push_str(&format!(
        "http_request_duration_seconds_bucket{{le=\"+Inf\"}} {all}\nhttp_request_duration_seconds_count {all}\n\
         http_request_duration_seconds_sum {}\n",
        count(&state.took_us) as f64 / 1e6
    ));
    text
}
