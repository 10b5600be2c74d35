//! What is told of a summary, and in which order: a verdict, tables, lines, misses, and what it took. Text, Markdown
//! and HTML are three ways to write the same [`Report`]. It must not measure anything.

use hearback_core::ExternalText;

use crate::calibration::Calibration;
use crate::resample::{Estimate, Settings};
use crate::scores::{Count, Method, RankCount};
use crate::summary::{Miss, Sliced, Summary};

mod layout;

pub(crate) use layout::{escaped, wrapped};

/// How much of a name is shown.
const NAME: usize = 80;
/// How much of a title, and of the reasons, a miss shows.
const TITLE: usize = 100;
const WHY: usize = 320;
/// A difference less likely than this is not called chance.
const CHANCE: f64 = 0.05;

/// A backtest as people read it.
pub(crate) struct Report {
    /// The first line.
    pub(crate) verdict: String,
    /// Those below it: what the first is worth.
    pub(crate) beside: Vec<String>,
    /// What stands behind it.
    pub(crate) sections: Vec<Section>,
    /// The last line: what it took, and how it was measured.
    pub(crate) cost: String,
}

/// A part of it.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) blocks: Vec<Block>,
}

/// A piece of a part.
pub(crate) enum Block {
    Line(String),
    Table(Table),
    Picture(Picture),
    Miss(MissTold),
}

/// Figures in rows. The first `words` columns are words, the others figures.
pub(crate) struct Table {
    pub(crate) heads: Vec<&'static str>,
    pub(crate) words: usize,
    pub(crate) rows: Vec<Vec<String>>,
}

/// What a page draws, and text leaves out: its figures stand in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picture {
    Reliability,
    Ranks,
}

/// A miss in words.
pub(crate) struct MissTold {
    pub(crate) head: String,
    /// What each is, and what it says.
    pub(crate) lines: Vec<(&'static str, String)>,
}

impl Report {
    pub(crate) fn of(summary: &Summary) -> Report {
        let sections = [
            scores(summary),
            against(summary),
            slices(summary),
            answers(summary),
            calibrated(summary),
            worst(summary),
        ];
        Report {
            verdict: verdict(summary),
            beside: failures(summary).into_iter().chain(beside(summary)).collect(),
            sections: sections.into_iter().flatten().collect(),
            cost: cost(summary),
        }
    }
}

fn verdict(summary: &Summary) -> String {
    let Some(ours) = summary.all().and_then(|all| all.scores.get(&Method::Hearback)) else {
        return "No case was measured, so nothing is known. Next: a longer history, or another repository."
            .into();
    };
    let n = summary.n;
    if summary.is_too_few(n) {
        let count = |share: Estimate| (share.value * f64::from(n)).round();
        return format!(
            "{}: too few to tell. First in {}, among the first five in {}. Next: a longer history.",
            cases(n),
            count(ours.top_1),
            count(ours.top_5)
        );
    }
    format!(
        "Names the culprit first in {:.0} % of {n} cases, among its first five in {:.0} %.",
        percent(ours.top_1.value),
        percent(ours.top_5.value)
    )
}

/// The same of the cases that resemble an incident; the others were undone because somebody decided so.
fn failures(summary: &Summary) -> Option<String> {
    let told = summary.failures().filter(|told| !summary.is_too_few(told.n))?;
    let ours = told.scores.get(&Method::Hearback)?;
    Some(format!(
        "Of {} that tell of a failure: {:.0} % and {:.0} %; the others tell of a decision.",
        cases(told.n),
        percent(ours.top_1.value),
        percent(ours.top_5.value)
    ))
}

/// What the verdict is worth: the best baseline, and whether the difference can be chance.
fn beside(summary: &Summary) -> Option<String> {
    let all = summary.all().filter(|all| !summary.is_too_few(all.n))?;
    let (method, scores) = all.best_baseline()?;
    let paired = all.against.get(&method)?;
    let difference = match paired.top_5_p {
        p if p >= CHANCE => "the difference may be chance",
        _ if paired.won > paired.lost => "Hearback is better",
        _ => "it is better than Hearback",
    };
    Some(format!(
        "The best baseline, {}: {:.0} % and {:.0} %; {difference} (first five, p {}).",
        method.label(),
        percent(scores.top_1.value),
        percent(scores.top_5.value),
        chance(paired.top_5_p)
    ))
}

fn scores(summary: &Summary) -> Option<Section> {
    let all = summary.all().filter(|all| all.n > 0)?;
    let row = |method: &Method| {
        let scores = all.scores.get(method)?;
        let shares = [scores.top_1, scores.top_3, scores.top_5, scores.top_10].map(share);
        Some([vec![method.label().to_owned()], shares.to_vec(), vec![mean_rank(scores.mrr)]].concat())
    };
    let table = Table {
        heads: vec!["", "top-1", "top-3", "top-5", "top-10", "MRR"],
        words: 1,
        rows: Method::ALL.iter().filter_map(row).collect(),
    };
    let mut blocks = vec![Block::Table(table)];
    let absent = summary.answers.abstained_without_culprit;
    if absent.of > 0 {
        blocks.push(Block::Line(format!(
            "In {} the culprit is not among the candidates: a miss here, whatever was said.",
            cases(absent.of)
        )));
    }
    blocks.push(Block::Picture(Picture::Ranks));
    Some(Section { title: "Scores: the culprit among the first, % of all cases (95 % interval)", blocks })
}

fn against(summary: &Summary) -> Option<Section> {
    let row = |sliced: &Sliced, method: Method| {
        let paired = sliced.against.get(&method)?;
        Some(vec![
            sliced.slice.label().to_owned(),
            method.label().to_owned(),
            format!("{} : {}", paired.won, paired.lost),
            points(paired.top_5_difference),
            chance(paired.top_5_p),
            rank_difference(paired.mrr_difference),
            chance(paired.mrr_p),
        ])
    };
    let all = summary.all().filter(|all| !summary.is_too_few(all.n))?;
    let mut rows: Vec<Vec<String>> =
        Method::BASELINES.iter().filter_map(|method| row(all, *method)).collect();
    let others = summary.slices.iter().filter(|sliced| sliced.slice != all.slice);
    rows.extend(others.filter_map(|sliced| row(sliced, sliced.best_baseline()?.0)));
    let table = Table {
        heads: vec!["culprit", "against", "won : lost", "top-5, points", "p", "MRR", "p"],
        words: 2,
        rows,
    };
    let line = "Won: only Hearback has the culprit among its first five; lost: only the other has. The slices show \
                their best baseline.";
    Some(Section {
        title: "Against the baselines, on the same cases (95 % interval)",
        blocks: vec![Block::Table(table), Block::Line(line.into())],
    })
}

fn slices(summary: &Summary) -> Option<Section> {
    let told: Vec<&Sliced> = summary.slices.iter().chain(&summary.repositories).collect();
    let baseline = |sliced: &Sliced, method| {
        sliced
            .scores
            .get(&method)
            .map_or("–".to_owned(), |scores| format!("{:.1}", percent(scores.top_5.value)))
    };
    let row = |sliced: &&Sliced| {
        let ours = sliced.scores.get(&Method::Hearback);
        let figure = |of: Option<String>| of.unwrap_or_else(|| "–".to_owned());
        vec![
            name(sliced.slice.label()),
            sliced.n.to_string(),
            figure(ours.map(|scores| format!("{:.1}", percent(scores.top_1.value)))),
            figure(ours.map(|scores| share(scores.top_5))),
            figure(ours.map(|scores| mean_rank(scores.mrr))),
            baseline(sliced, Method::Bm25WithAge),
            baseline(sliced, Method::Bm25),
            baseline(sliced, Method::MostRecent),
        ]
    };
    let table = Table {
        heads: vec!["culprit", "n", "top-1", "top-5", "MRR", "BM25+age", "BM25", "recent"],
        words: 1,
        rows: told.iter().map(row).collect(),
    };
    let mut blocks = vec![Block::Table(table)];
    let few: Vec<String> = told
        .iter()
        .filter(|sliced| summary.is_too_few(sliced.n))
        .map(|sliced| format!("{} ({})", name(sliced.slice.label()), sliced.n))
        .collect();
    if !few.is_empty() {
        let line = format!("Too few to tell, under {} cases: {}.", summary.settings.enough, few.join(", "));
        blocks.push(Block::Line(line));
    }
    (!summary.is_too_few(summary.n))
        .then_some(Section { title: "Slices; the last three columns are the baselines' top-5", blocks })
}

fn answers(summary: &Summary) -> Option<Section> {
    let told = summary.answers;
    let confident = summary.settings.confident * 100.0;
    let mut lines = vec![
        format!(
            "Abstained: {}. The first suspect was the culprit all the same in {}.",
            of(told.abstained),
            told.abstained_though_right.count
        ),
        format!("Put a suspect forward, and it was the wrong one: {}.", of(told.put_forward_wrong)),
        format!(
            "Gave a suspect {confident:.0} % or more, and it was the wrong one: {}.",
            of(told.confident_wrong)
        ),
    ];
    if told.abstained_without_culprit.of > 0 {
        let count = of(told.abstained_without_culprit);
        lines.push(format!("Abstained where no candidate did it, which is right: {count}."));
    }
    let blocks = lines.into_iter().map(Block::Line).collect();
    (summary.n > 0).then_some(Section { title: "Knowing when it can't tell", blocks })
}

fn calibrated(summary: &Summary) -> Option<Section> {
    let title = "Calibration of the first suspect's confidence";
    let measured = summary.calibration.as_ref()?;
    if summary.is_too_few(measured.n) {
        let line = format!("{} with a first suspect: too few to tell.", cases(measured.n));
        return Some(Section { title, blocks: vec![Block::Line(line)] });
    }
    let rows = measured.bins.iter().map(|bin| {
        let range = format!("{:.1} to {:.1}", percent(bin.from), percent(bin.to));
        vec![range, bin.n.to_string(), format!("{:.1}", percent(bin.said)), share(bin.right)]
    });
    let table = Table {
        heads: vec!["confidence, %", "n", "said, %", "was right, %"],
        words: 0,
        rows: rows.collect(),
    };
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(calibration_lines(measured).into_iter().map(Block::Line));
    blocks.push(Block::Picture(Picture::Reliability));
    Some(Section { title, blocks })
}

fn calibration_lines(measured: &Calibration) -> [String; 3] {
    let better = if measured.brier < measured.base_rate_brier { "better" } else { "no better" };
    let within = if measured.ece <= measured.perfect.ece_p95 { "within" } else { "outside" };
    let half = measured.confident_half;
    [
        format!(
            "ECE {}; perfectly calibrated with the same confidences: {}, 95 of 100 under {}: {within} chance.",
            small(measured.ece),
            small(measured.perfect.ece_mean),
            small(measured.perfect.ece_p95)
        ),
        format!(
            "Brier {}; saying the base rate of {:.1} % each time: {}: {better}.",
            small(measured.brier),
            percent(measured.base_rate),
            small(measured.base_rate_brier)
        ),
        format!(
            "The more confident half, {}, {:.1} % or more: first in {} %.",
            cases(half.n),
            percent(half.from),
            share(half.top_1)
        ),
    ]
}

fn worst(summary: &Summary) -> Option<Section> {
    if summary.worst.is_empty() {
        return None;
    }
    let blocks = summary.worst.iter().enumerate().map(|(i, miss)| Block::Miss(miss_told(i + 1, miss)));
    Some(Section {
        title: "Worst misses: most confidence in a wrong first suspect",
        blocks: blocks.collect(),
    })
}

fn miss_told(number: usize, miss: &Miss) -> MissTold {
    let said = match miss.confidence {
        Some(confidence) => format!("{:.0} % for the wrong change", percent(confidence)),
        None => "nothing ranked".to_owned(),
    };
    let abstained = if miss.abstained { " (abstained)" } else { "" };
    let place = match miss.rank {
        Some(rank) => format!("the culprit is {rank} of {}", miss.candidates),
        None if miss.is_candidate => format!("the culprit was ruled out among {}", miss.candidates),
        None => format!("the culprit is not among the {}", miss.candidates),
    };
    let told = &miss.told;
    let lines = [
        ("symptom", outside(&told.symptom, TITLE)),
        ("culprit", outside(&told.culprit, TITLE)),
        ("blamed", outside(&told.first, TITLE)),
        ("why", outside(&told.why, WHY)),
    ];
    MissTold {
        head: format!(
            "{number}. {} in {}: {said}{abstained}, {place}",
            outside(&miss.id, NAME),
            outside(&miss.repo, NAME)
        ),
        lines: lines.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
    }
}

fn cost(summary: &Summary) -> String {
    let Settings { seed, resamples, paired_resamples, simulations, .. } = summary.settings;
    let took = summary.speed.map_or(String::new(), |speed| {
        let (median, p95) = (milliseconds(speed.median_ms), milliseconds(speed.p95_ms));
        format!("A question took {median} ms in the median, 95 of 100 at most {p95} ms. ")
    });
    format!(
        "{took}Seed {seed}; {resamples} resamples for scores, {paired_resamples} for differences, {simulations} \
         simulations."
    )
}

/// The label of a bar of the histogram.
pub(crate) fn rank_label(bucket: &RankCount) -> String {
    match (bucket.from, bucket.to) {
        (None, _) => "no rank".to_owned(),
        (Some(from), Some(to)) if from == to => from.to_string(),
        (Some(from), Some(to)) => format!("{from}–{to}"),
        (Some(from), None) => format!("{from} on"),
    }
}

/// Text from outside, on one line and without what steers a terminal.
pub(crate) fn outside(text: &str, width: usize) -> String {
    ExternalText::from(text).for_people(width)
}

fn name(label: &str) -> String {
    outside(label, NAME)
}

fn cases(n: u32) -> String {
    if n == 1 { "1 case".to_owned() } else { format!("{n} cases") }
}

pub(crate) fn percent(share: f64) -> f64 {
    share * 100.0
}

/// `64.1 (60–68)`.
pub(crate) fn share(share: Estimate) -> String {
    format!("{:.1} ({:.0}–{:.0})", percent(share.value), percent(share.low), percent(share.high))
}

/// `.485 (.45–.52)`.
pub(crate) fn mean_rank(mrr: Estimate) -> String {
    format!("{} ({}–{})", short(mrr.value, 3), short(mrr.low, 2), short(mrr.high, 2))
}

/// `+4.9 (+2…+8)`.
fn points(difference: Estimate) -> String {
    let [value, low, high] = [difference.value, difference.low, difference.high].map(percent);
    format!(
        "{} ({}…{})",
        signed(&format!("{value:.1}")),
        signed(&format!("{low:.0}")),
        signed(&format!("{high:.0}"))
    )
}

/// `+.055 (+.03…+.08)`.
fn rank_difference(difference: Estimate) -> String {
    let Estimate { value, low, high } = difference;
    format!("{} ({}…{})", signed(&short(value, 3)), signed(&short(low, 2)), signed(&short(high, 2)))
}

/// `.012`, `<.001`, `1`.
fn chance(p: f64) -> String {
    if p < 0.001 {
        "<.001".to_owned()
    } else if p > 0.999 {
        "1".to_owned()
    } else {
        short(p, 3)
    }
}

fn small(value: f64) -> String {
    short(value, 3)
}

/// Without the zero before the point.
fn short(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix("-0.").map(|rest| ("-", rest)).or(text.strip_prefix("0.").map(|rest| ("", rest)))
    {
        Some((sign, rest)) => format!("{sign}.{rest}"),
        None => text,
    }
}

/// With its sign; what is 0 when written has none.
fn signed(text: &str) -> String {
    let bare = text.trim_start_matches('-');
    if bare.chars().all(|c| matches!(c, '0' | '.')) {
        bare.to_owned()
    } else if text.starts_with('-') {
        text.to_owned()
    } else {
        format!("+{text}")
    }
}

fn milliseconds(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

fn of(count: Count) -> String {
    if count.of == 0 {
        return "none of 0".to_owned();
    }
    format!(
        "{} of {} ({:.1} %)",
        count.count,
        count.of,
        percent(f64::from(count.count) / f64::from(count.of))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_people_write_them() {
        let estimate = |value, low, high| Estimate { value, low, high };
        assert_eq!(share(estimate(0.641, 0.603, 0.678)), "64.1 (60–68)");
        assert_eq!(mean_rank(estimate(0.485, 0.4549, 0.517)), ".485 (.45–.52)");
        assert_eq!(mean_rank(estimate(1.0, 1.0, 1.0)), "1.000 (1.00–1.00)");
        assert_eq!(points(estimate(0.049, -0.02, 0.08)), "+4.9 (-2…+8)");
        assert_eq!(rank_difference(estimate(-0.0551, -0.08, -0.0001)), "-.055 (-.08….00)");
        assert_eq!(points(estimate(0.0, -0.001, 0.0)), "0.0 (0…0)");
        for (p, expect) in [(0.0001, "<.001"), (0.0123, ".012"), (0.5, ".500"), (1.0, "1")] {
            assert_eq!(chance(p), expect);
        }
        assert_eq!((milliseconds(3.25), milliseconds(31.7)), ("3.2".into(), "32".into()));
    }
}
