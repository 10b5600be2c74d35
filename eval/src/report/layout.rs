//! A report on paper without colours: lines of a hundred columns, and Markdown. It must not know what the figures
//! mean.

use std::fmt::Write as _;

use super::{Block, MissTold, Report, Table};

/// How wide a terminal may be taken to be.
const WIDTH: usize = 100;
/// How wide words in a table may be.
const WORDS: usize = 27;
/// How far what a miss says is moved in.
const INDENT: &str = "            ";

impl Report {
    /// For a terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = wrapped(&self.verdict, "");
        for beside in &self.beside {
            text.push_str(&wrapped(beside, ""));
        }
        for section in &self.sections {
            let _ = writeln!(text, "\n{}", section.title);
            for block in &section.blocks {
                match block {
                    Block::Line(line) => text.push_str(&wrapped(line, "")),
                    Block::Table(table) => text.push_str(&table_text(table)),
                    Block::Miss(miss) => text.push_str(&miss_text(miss)),
                    Block::Picture(_) => {}
                }
            }
        }
        text.push('\n');
        text.push_str(&wrapped(&self.cost, ""));
        text
    }

    /// For a document.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("**{}**\n", escaped(&self.verdict));
        for beside in &self.beside {
            let _ = writeln!(text, "\n{}", escaped(beside));
        }
        for section in &self.sections {
            let _ = writeln!(text, "\n## {}", escaped(section.title));
            for block in &section.blocks {
                match block {
                    Block::Line(line) => {
                        let _ = writeln!(text, "\n{}", escaped(line));
                    }
                    Block::Table(table) => text.push_str(&table_markdown(table)),
                    Block::Miss(miss) => text.push_str(&miss_markdown(miss)),
                    Block::Picture(_) => {}
                }
            }
        }
        let _ = writeln!(text, "\n{}", escaped(&self.cost));
        text
    }
}

fn table_text(table: &Table) -> String {
    let heads: Vec<String> = table.heads.iter().map(|head| (*head).to_owned()).collect();
    let short =
        |(column, cell): (usize, &String)| if column < table.words { shortened(cell) } else { cell.clone() };
    let rows: Vec<Vec<String>> = std::iter::once(&heads)
        .chain(&table.rows)
        .map(|row| row.iter().enumerate().map(short).collect())
        .collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if column < table.words { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn shortened(cell: &str) -> String {
    if cell.chars().count() <= WORDS {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(WORDS - 1).collect();
    format!("{}…", kept.trim_end())
}

fn table_markdown(table: &Table) -> String {
    let rule = table.heads.iter().enumerate().map(|(i, _)| if i < table.words { "---" } else { "--:" });
    let mut text = format!("\n| {} |\n|{}|\n", table.heads.join(" | "), rule.collect::<Vec<_>>().join("|"));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn miss_text(miss: &MissTold) -> String {
    let mut text = wrapped(&miss.head, "   ");
    for (label, line) in &miss.lines {
        let _ = write!(text, "{}", wrapped(&format!("   {label:<7}  {line}"), INDENT));
    }
    text
}

fn miss_markdown(miss: &MissTold) -> String {
    let mut text = format!("\n{}\n", escaped(&miss.head));
    for (label, line) in &miss.lines {
        let _ = writeln!(text, "   - {label}: {}", escaped(line));
    }
    text
}

/// A line in lines that fit, all but the first moved in. A word longer than a line is cut where the line ends.
pub(crate) fn wrapped(line: &str, indent: &str) -> String {
    let (mut text, mut column) = (String::new(), 0);
    let lead: String = line.chars().take_while(|c| *c == ' ').collect();
    for (i, word) in line.trim_start().split(' ').enumerate() {
        let length = word.chars().count();
        if i == 0 {
            text.push_str(&lead);
            column = lead.len();
        } else if column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(indent);
            column = indent.len();
        } else {
            text.push(' ');
            column += 1;
        }
        for c in word.chars() {
            if column >= WIDTH {
                text.push('\n');
                text.push_str(indent);
                column = indent.len();
            }
            text.push(c);
            column += 1;
        }
    }
    text.push('\n');
    text
}

/// Markdown's own signs made harmless.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '!' | '@' | '&' | '$'
        ) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_and_long_words_fit() {
        let long = format!("   why      {} {}", "word ".repeat(30), "x".repeat(250));
        for line in wrapped(&long, INDENT).lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert_eq!(wrapped("two words", ""), "two words\n");
    }

    #[test]
    fn markdown_from_outside_stays_text() {
        assert_eq!(escaped("a|b <img> [x](y) `c`"), "a\\|b \\<img\\> \\[x\\](y) \\`c\\`");
    }
}
