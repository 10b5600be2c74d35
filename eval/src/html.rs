//! A summary as one page that needs nothing else: no script, no font, no picture from elsewhere, light and dark.
//! Everything that is not ours is escaped, and the page forbids itself to load anything.

use std::fmt::Write as _;

use crate::report::{Block, MissTold, Picture, Report, Table, outside};
use crate::summary::Summary;
use crate::svg;

/// How much of a page's title is shown.
const TITLE: usize = 160;

/// How much of a line about the cases is shown.
const LINE: usize = 600;

const STYLE: &str = include_str!("html/page.css");

/// The page. The title says what was measured: which repositories, since when, which half.
/// `stopped` says so if not all cases were asked; `cases` says where they came from and what was left out.
pub fn page(summary: &Summary, title: &str, stopped: Option<&str>, cases: &[String]) -> String {
    let report = Report::of(summary);
    let title = escaped(&outside(title, TITLE));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n"
    );
    if let Some(stopped) = stopped {
        let _ = writeln!(page, "<p class=\"verdict\">{}</p>", escaped(&outside(stopped, LINE)));
    }
    let _ = writeln!(page, "<p class=\"verdict\">{}</p>", escaped(&report.verdict));
    for beside in &report.beside {
        let _ = writeln!(page, "<p class=\"beside\">{}</p>", escaped(beside));
    }
    for section in &report.sections {
        let _ = writeln!(page, "<section>\n<h2>{}</h2>", escaped(section.title));
        for block in &section.blocks {
            match block {
                Block::Line(line) => {
                    let _ = writeln!(page, "<p>{}</p>", escaped(line));
                }
                Block::Table(table) => page.push_str(&table_html(table)),
                Block::Miss(miss) => page.push_str(&miss_html(miss)),
                Block::Picture(picture) => page.push_str(&picture_html(*picture, summary)),
            }
        }
        page.push_str("</section>\n");
    }
    if !cases.is_empty() {
        page.push_str("<section>\n<h2>Cases</h2>\n");
        for line in cases {
            let _ = writeln!(page, "<p>{}</p>", escaped(&outside(line, LINE)));
        }
        page.push_str("</section>\n");
    }
    let _ = write!(page, "<footer>{}</footer>\n</main>\n</body>\n</html>\n", escaped(&report.cost));
    page
}

fn table_html(table: &Table) -> String {
    let class = |column: usize| if column < table.words { " class=\"word\"" } else { "" };
    let mut html = String::from("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>");
    for (column, head) in table.heads.iter().enumerate() {
        let _ = write!(html, "<th scope=\"col\"{}>{}</th>", class(column), escaped(head));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(html, "<td{}>{}</td>", class(column), escaped(cell));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

fn miss_html(miss: &MissTold) -> String {
    let mut html = format!("<article>\n<h3>{}</h3>\n<dl>\n", escaped(&miss.head));
    for (label, text) in &miss.lines {
        let _ = writeln!(html, "<dt>{label}</dt><dd>{}</dd>", escaped(text));
    }
    html.push_str("</dl>\n</article>\n");
    html
}

fn picture_html(picture: Picture, summary: &Summary) -> String {
    let (svg, caption) = match (picture, &summary.calibration) {
        (Picture::Ranks, _) => {
            (svg::rank_histogram(&summary.ranks), "How many culprits stand at which rank.")
        }
        (Picture::Reliability, Some(measured)) => (
            svg::reliability(measured),
            "A dot is a row of the table, with its 95 % interval. On the dashed line what was said is what was right; \
             below it too much was promised.",
        ),
        (Picture::Reliability, None) => return String::new(),
    };
    format!("<figure>\n{svg}\n<figcaption>{caption}</figcaption>\n</figure>\n")
}

/// Text that HTML reads as text, between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{history, outcome};
    use crate::outcome::{Outcome, Ranked, Told};
    use crate::resample::Settings;
    use crate::summary::summarise;

    fn quick() -> Settings {
        Settings { resamples: 100, paired_resamples: 100, simulations: 50, ..Settings::default() }
    }

    #[test]
    fn a_hostile_title_is_only_text() {
        let hostile = "</p><script>alert(1)</script><img src=x onerror=\"alert(2)\">'\u{202e}\u{1b}[31m";
        let told = |text: &str| Told {
            symptom: text.into(),
            culprit: text.into(),
            first: text.into(),
            why: text.into(),
        };
        let case = |id: &str| Outcome {
            rank: Some(4),
            repo: format!("{hostile}{id}"),
            told: told(hostile),
            ranked: vec![Ranked { sha: hostile.into(), confidence: 0.9 }],
            ..outcome(&format!("{hostile}{id}"))
        };
        let page = page(
            &summarise(&[case("a"), case("b")], &quick()),
            hostile,
            Some(hostile),
            &[hostile.to_owned()],
        );
        for bad in ["<script", "<img", "onerror=\"", "\u{202e}", "\u{1b}"] {
            assert!(!page.contains(bad), "{bad:?} stands in the page");
        }
        assert!(page.contains("&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert_eq!(page.matches("<article>").count(), 2);
    }

    #[test]
    fn the_page_references_nothing_outside() {
        for n in [0, 1, 12, 200] {
            let page = page(&summarise(&history(n), &quick()), "A backtest", None, &[]);
            for reference in
                [" src=", "href=", "url(", "@import", "http:", "https:", "//", "<script", "<link", "<iframe"]
            {
                assert!(!page.contains(reference), "{reference} with {n} cases");
            }
            assert!(page.contains("default-src 'none'"));
        }
    }

    #[test]
    fn what_is_opened_is_closed() {
        let page = page(&summarise(&history(200), &quick()), "A backtest", None, &[]);
        for tag in [
            "html", "head", "body", "main", "section", "div", "table", "figure", "svg", "article", "dl",
            "text", "h2",
        ] {
            let opened =
                page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
            assert!(opened > 0, "{tag}");
        }
        assert!(page.contains("class=\"curve\"") && page.contains("class=\"bar lost\""));
    }

    #[test]
    fn few_cases_make_a_page_without_a_curve() {
        let page = page(&summarise(&history(12), &quick()), "A backtest", None, &[]);
        assert!(page.contains("too few to tell") && !page.contains("class=\"curve\""));
    }
}
