//! What the onset and signature analysts get right and what they cost, on generated series, beside two textbook
//! baselines. `cargo bench -p hearback-engine --bench signals` prints the report set; `-- --tuning` the other one,
//! `-- --cells` also every noise and season, `-- --misses` each series that was read wrongly.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::indexing_slicing, reason = "a bench prints")]

mod baseline;
mod score;

use std::time::Instant;

use hearback_engine::analysts::change_point::onset_of;
use hearback_engine::analysts::signature::signature;
use hearback_testkit::series::{Case, Height, Made, Noise, Season, Seeds, Told, every_case};
use score::{HEALTHY, Judged, SHAPES, confusion, expected, judge, off_by, precision, recall, share};

const REPEATS: u64 = 6;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let seeds = if has("--tuning") { Seeds::Tuning } else { Seeds::Report };
    let rules = score::shipped();
    let cases = every_case(seeds, REPEATS);
    let judged = judge(&cases, |made| score::hearback(made, &rules));
    println!("{} generated series, {seeds:?} seeds\n", cases.len());
    shapes(&judged);
    matrix(&judged);
    compare(&cases, &judged);
    if has("--cells") {
        cells(&judged);
    }
    if has("--misses") {
        for one in judged.iter().filter(|one| one.shape() != expected(one.case.told)) {
            let case = one.case;
            println!("{:?} read as {}, off by {:?}", case, one.shape(), one.off_by);
        }
    }
    cost(&rules);
}

fn percent(share: f64) -> String {
    format!("{:5.1} %", 100.0 * share)
}

fn shapes(judged: &[Judged]) {
    println!(
        "{:18} {:>9} {:>7} {:>7} {:>11} {:>6} {:>7} {:>6}",
        "shape", "precision", "recall", "found", "off, median", "p90", "covered", "wide"
    );
    for shape in SHAPES {
        let of = || judged.iter().filter(|one| expected(one.case.told) == shape);
        let found = share(of(), |one| one.read.is_some());
        let mut line = format!(
            "{shape:18} {:>9} {:>7}",
            percent(precision(judged, shape)),
            percent(recall(judged, shape))
        );
        if shape != HEALTHY {
            let covered = share(of().filter(|one| one.read.is_some()), |one| one.covered);
            let mut widths: Vec<f64> = of().filter(|one| one.read.is_some()).map(|one| one.width).collect();
            widths.sort_by(f64::total_cmp);
            let wide = widths.get(widths.len() / 2).copied().unwrap_or_default();
            line += &format!(
                " {:>7} {:>11.1} {:>6.1} {:>7} {wide:>6.1}",
                percent(found),
                off_by(of(), 0.5),
                off_by(of(), 0.9),
                percent(covered)
            );
        }
        println!("{line}");
    }
    println!("off and wide are in samples; covered: the truth lies inside the interval\n");
}

fn matrix(judged: &[Judged]) {
    let counts = confusion(judged);
    println!(
        "told ↓ read →    {}",
        SHAPES.map(|shape| format!("{shape:.9}")).map(|s| format!("{s:>10}")).join("")
    );
    for told in Told::ALL {
        let row =
            SHAPES.map(|shape| format!("{:>10}", counts.get(&(told, shape)).copied().unwrap_or_default()));
        println!("{:16} {}", format!("{told:?}"), row.join(""));
    }
    println!();
}

fn compare(cases: &[Case], ours: &[Judged]) {
    println!(
        "{:14} {:>12} {:>14} {:>12} {:>7} {:>12}",
        "", "onsets found", "false (health)", "off, median", "p90", "within 3"
    );
    let line = |name: &str, judged: &[Judged]| {
        let sick = || judged.iter().filter(|one| one.case.told.has_onset());
        let healthy = judged.iter().filter(|one| !one.case.told.has_onset());
        println!(
            "{name:14} {:>12} {:>14} {:>12.1} {:>7.1} {:>12}",
            percent(share(sick(), |one| one.read.is_some())),
            percent(share(healthy, Judged::is_false_alarm)),
            off_by(sick(), 0.5),
            off_by(sick(), 0.9),
            percent(share(sick(), |one| one.off_by.is_some_and(|off| off <= 3.0)))
        );
    };
    line("hearback", ours);
    line("three sigma", &judge(cases, baseline::three_sigma));
    line("Page's CUSUM", &judge(cases, baseline::page_cusum));
    println!("within 3: of all onsets, those found at most three samples off\n");
}

fn cells(judged: &[Judged]) {
    println!("{:44} {:>9} {:>8} {:>8} {:>6}", "noise, season, height", "unharmed", "shape", "covered", "off");
    for noise in Noise::ALL {
        for season in Season::ALL {
            for height in Height::ALL {
                let of = || {
                    judged.iter().filter(move |one| {
                        (one.case.noise, one.case.season, one.case.height) == (noise, season, height)
                    })
                };
                let sick = || of().filter(|one| one.case.told.has_onset());
                println!(
                    "{:44} {:>9} {:>8} {:>8} {:>6.1}",
                    format!("{noise:?}, {season:?}, {height:?}"),
                    percent(share(of().filter(|one| !one.case.told.has_onset()), |one| one.read.is_none())),
                    percent(share(sick(), |one| one.shape() == expected(one.case.told))),
                    percent(share(sick().filter(|one| one.read.is_some()), |one| one.covered)),
                    off_by(sick(), 0.5)
                );
            }
        }
    }
    println!("unharmed: healthy series without an onset; shape: troubled ones read rightly\n");
}

fn cost(rules: &hearback_engine::signals::Signals) {
    let of = |season: Season| -> Vec<Made> {
        let cases = every_case(Seeds::Report, 1);
        cases.iter().filter(|case| case.season == season).map(Case::make).collect()
    };
    println!(
        "{:34} {:>8} {:>12} {:>12} {:>14}",
        "cost, median of the series", "points", "onset", "signature", "× CUSUM"
    );
    for (name, season) in [
        ("six hours", Season::Unseen),
        ("eight days and more", Season::Daily),
        ("three weeks", Season::Weekly),
    ] {
        let made = of(season);
        let mut points: Vec<usize> = made.iter().map(|made| made.series.points.len()).collect();
        points.sort_unstable();
        let onset = median_us(&made, |made| onset_of(&made.series, made.as_of, rules).is_some());
        let whole = median_us(&made, |made| signature(&made.series, made.as_of, rules).is_some());
        let naive = median_us(&made, |made| baseline::page_cusum(made).is_some());
        println!(
            "{name:34} {:>8} {onset:>9.0} µs {whole:>9.0} µs {:>14.0}",
            points[points.len() / 2],
            whole / naive.max(0.01)
        );
    }
    println!("Page's CUSUM stops at its first alarm, which is early on most of these");
}

fn median_us(made: &[Made], work: impl Fn(&Made) -> bool) -> f64 {
    let mut times: Vec<f64> = made
        .iter()
        .map(|made| {
            let once = || {
                let started = Instant::now();
                std::hint::black_box(work(std::hint::black_box(made)));
                started.elapsed().as_secs_f64() * 1e6
            };
            // The best of five: what else the machine does is no cost of ours.
            (0..5).map(|_| once()).fold(f64::MAX, f64::min)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
