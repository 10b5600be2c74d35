//! Two drawings of a page: the reliability curve and the histogram of ranks, as inline SVG that takes its colours
//! from the page. Words and figures in them are our own; nothing from outside is drawn.

use std::fmt::Write as _;

use crate::calibration::{Bin, Calibration};
use crate::report::{percent, rank_label};
use crate::scores::RankCount;

/// The side of the square that the curve is drawn in, and the room for the labels left of it and below.
const SIDE: f64 = 280.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 10.0;
const BELOW: f64 = 40.0;
/// A bar of the histogram with the space to the next, and the longest bar.
const ROW: f64 = 24.0;
const LONGEST: f64 = 220.0;
/// Room for a bar's label.
const LABEL: f64 = 58.0;

/// The reliability curve: what was said across, what was right upwards, with Wilson's intervals; on the dashed line
/// both are the same.
pub(crate) fn reliability(measured: &Calibration) -> String {
    let (width, height) = (LEFT + SIDE + 12.0, TOP + SIDE + BELOW);
    let mut svg =
        open(width, height, "Reliability curve: confidence said across, share that was right upwards");
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (x, y) = (across(tick), upwards(tick));
        let label = percent(tick);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{:.1} {y:.1}H{:.1}M{x:.1} {:.1}V{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label:.0}</text>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label:.0}</text>",
            LEFT,
            LEFT + SIDE,
            TOP,
            TOP + SIDE,
            LEFT - 6.0,
            y + 4.0,
            TOP + SIDE + 16.0,
        );
    }
    let _ = write!(
        svg,
        "<path class=\"ideal\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
        across(0.0),
        upwards(0.0),
        across(1.0),
        upwards(1.0)
    );
    for bin in &measured.bins {
        let _ = write!(
            svg,
            "<path class=\"reach\" d=\"M{:.1} {:.1}V{:.1}\"/>",
            across(bin.said),
            upwards(bin.right.low),
            upwards(bin.right.high)
        );
    }
    let place = |bin: &Bin| format!("{:.1},{:.1}", across(bin.said), upwards(bin.right.value));
    let places: Vec<String> = measured.bins.iter().map(place).collect();
    let _ = write!(svg, "<polyline class=\"curve\" points=\"{}\"/>", places.join(" "));
    for bin in &measured.bins {
        let _ = write!(
            svg,
            "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{} cases: said {:.1} %, right {:.1} %\
             </title></circle>",
            across(bin.said),
            upwards(bin.right.value),
            bin.n,
            percent(bin.said),
            percent(bin.right.value)
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">said, %</text>\
         <text x=\"12\" y=\"{:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 12 {:.1})\">was right, %</text></svg>",
        LEFT + SIDE / 2.0,
        TOP + SIDE + 34.0,
        TOP + SIDE / 2.0,
        TOP + SIDE / 2.0
    );
    svg
}

/// How many culprits stand at which rank, a bar each.
pub(crate) fn rank_histogram(ranks: &[RankCount]) -> String {
    let (width, height) = (LABEL + LONGEST + 60.0, ROW * ranks.len() as f64 + 4.0);
    let most = ranks.iter().map(|bucket| bucket.count).max().unwrap_or(0).max(1);
    let mut svg = open(width, height, "Histogram: how many culprits stand at which rank");
    for (i, bucket) in ranks.iter().enumerate() {
        let top = ROW * i as f64 + 2.0;
        let long = LONGEST * f64::from(bucket.count) / f64::from(most);
        let class = if bucket.from.is_none() { "bar lost" } else { "bar" };
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LABEL:.1}\" y=\"{top:.1}\" width=\"{long:.1}\" height=\"{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LABEL - 8.0,
            top + 15.0,
            rank_label(bucket),
            ROW - 4.0,
            LABEL + long + 6.0,
            top + 15.0,
            bucket.count
        );
    }
    svg.push_str("</svg>");
    svg
}

fn open(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" style=\"max-width:{:.0}px\" role=\"img\"><title>{title}</title>",
        width * 1.2
    )
}

fn across(share: f64) -> f64 {
    LEFT + SIDE * share.clamp(0.0, 1.0)
}

fn upwards(share: f64) -> f64 {
    TOP + SIDE * (1.0 - share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scores::rank_counts;

    #[test]
    fn the_longest_bar_is_the_most_and_none_has_no_length() {
        let svg = rank_histogram(&rank_counts(&[Some(1), Some(1), Some(2)]));
        assert_eq!(svg.matches("width=\"220.0\"").count(), 1);
        assert_eq!(svg.matches("width=\"110.0\"").count(), 1);
        assert_eq!(svg.matches("width=\"0.0\"").count(), 8);
        assert!(rank_histogram(&rank_counts(&[])).contains("no rank"));
    }

    #[test]
    fn certainty_is_at_the_upper_right() {
        assert_eq!((across(0.0), upwards(0.0)), (LEFT, TOP + SIDE));
        assert_eq!((across(1.0), upwards(1.0)), (LEFT + SIDE, TOP));
    }
}
