//! Progress of long reads on standard error, drawn only where a person watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// A line that is redrawn in place and goes away at the end.
pub struct Progress(ProgressBar);

impl Progress {
    /// Starts the line; it shows after half a second, so that quick answers stay quiet.
    pub fn start() -> Self {
        let target =
            if output::is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Progress(bar)
    }

    /// Shows nothing: for what speaks to a program.
    pub fn silent() -> Self {
        Progress(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()))
    }

    /// Starts a bar of `total` steps; a person who waits for minutes wants to know for how many more.
    pub fn of(total: usize) -> Self {
        let target =
            if output::is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos} of {len} cases, {elapsed}, {eta} to go")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Progress(bar)
    }

    /// One step is done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Prints without the line in the way.
    pub fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    /// What says how far a read has got.
    pub fn listener(&self) -> impl Fn(String) + Send + Sync + 'static {
        let bar = self.0.clone();
        move |how_far| bar.set_message(how_far)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
