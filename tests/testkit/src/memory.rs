//! How much anonymous memory this process holds at most: what a bench reports. Linux only; it knows nothing of what is
//! measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(2);

/// Watches from a thread, until it is asked.
pub struct Memory {
    peak_kb: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Memory {
    /// Begins to watch.
    pub fn watch() -> Self {
        let (peak_kb, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (peak, stop) = (Arc::clone(&peak_kb), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous_kb(), Ordering::Relaxed);
                std::thread::sleep(EVERY);
            }
        });
        Memory { peak_kb, over, thread }
    }

    /// The most since it began, in MB.
    pub fn peak_mb(self) -> f64 {
        self.over.store(true, Ordering::Relaxed);
        // A watcher that failed has seen what it has seen.
        let _ = self.thread.join();
        self.peak_kb.load(Ordering::Relaxed) as f64 / 1024.0
    }
}

fn anonymous_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse().ok()).unwrap_or(0)
}
