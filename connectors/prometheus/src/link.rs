//! Where a person sees a query drawn: Prometheus's own graph page.

use hearback_core::Window;
use jiff::Timestamp;
use url::Url;

use crate::grid::Grid;

/// The page at `base` that draws `query` over `window`. The parameters are those of Prometheus 2 and 3.
pub(crate) fn graph(base: &Url, query: &str, window: Window, grid: &Grid) -> String {
    let mut page = base.clone();
    page.set_path(&format!("{}/graph", base.path().trim_end_matches('/')));
    let range_s = window.until.duration_since(window.from).as_secs().max(1);
    // The page takes whole seconds: the second in which the window ends.
    let end = ceil_to_second(window.until).strftime("%Y-%m-%d %H:%M:%S").to_string();
    page.query_pairs_mut()
        .append_pair("g0.expr", query)
        .append_pair("g0.tab", "0")
        .append_pair("g0.range_input", &format!("{range_s}s"))
        .append_pair("g0.end_input", &end)
        .append_pair("g0.step_input", &grid.step_s.to_string());
    page.into()
}

fn ceil_to_second(at: Timestamp) -> Timestamp {
    let up = i64::from(at.subsec_nanosecond() > 0);
    Timestamp::from_second(at.as_second().saturating_add(up)).unwrap_or(at)
}
