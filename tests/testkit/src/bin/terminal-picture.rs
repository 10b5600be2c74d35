//! Draws what a program printed as a picture of a terminal: text on standard input, SVG on standard output. It must
//! not change a word; lines longer than the terminal wrap. The argument is the command that printed it.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

/// Characters in a line.
const COLUMNS: usize = 132;
/// The width of a character, in pixels.
const CELL: f64 = 7.25;
/// The height of a line, in pixels.
const LINE: f64 = 17.0;
/// The room around the text, in pixels.
const MARGIN: f64 = 16.0;

fn main() -> std::io::Result<()> {
    let mut printed = String::new();
    std::io::stdin().read_to_string(&mut printed)?;
    let command = std::env::args().nth(1).unwrap_or_default();
    std::io::stdout().write_all(draw(&command, &printed).as_bytes())
}

fn draw(command: &str, printed: &str) -> String {
    let prompt = format!("$ {command}");
    let lines: Vec<String> =
        std::iter::once(prompt.as_str()).chain(printed.lines()).flat_map(wrapped).collect();
    let width = COLUMNS as f64 * CELL + 2.0 * MARGIN;
    let height = lines.len() as f64 * LINE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#14181d\"/>\n"
    );
    for (index, line) in lines.iter().enumerate() {
        let y = MARGIN + (index as f64 + 0.75) * LINE;
        let length = line.chars().count() as f64 * CELL;
        // The text is stretched to its cells, so that columns stay columns in any font.
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"{}\" xml:space=\"preserve\" textLength=\"{length}\">{}</text>",
            colour(line),
            escaped(line)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line in pieces of at most [`COLUMNS`], broken at spaces, the further ones indented.
fn wrapped(line: &str) -> Vec<String> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    for word in line.split_inclusive(' ') {
        if piece.chars().count() + word.trim_end().chars().count() > COLUMNS && !piece.trim().is_empty() {
            pieces.push(std::mem::replace(&mut piece, "      ".to_owned()));
        }
        piece.push_str(word);
    }
    pieces.push(piece);
    pieces.into_iter().map(|piece| piece.trim_end().to_owned()).collect()
}

fn colour(line: &str) -> &'static str {
    match line {
        _ if line.starts_with("$ ") => "#7fd1a0",
        _ if line.starts_with("Look here") => "#ffd479",
        _ if line.contains(" strong ") => "#ffffff",
        _ if line.contains("  ALERT ") => "#f28b82",
        _ => "#c3cad2",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_lost_by_wrapping() {
        let line = "word ".repeat(100);
        let pieces = wrapped(&line);
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| piece.chars().count() <= COLUMNS));
        let words = |text: &str| text.split_whitespace().count();
        assert_eq!(pieces.iter().map(|piece| words(piece)).sum::<usize>(), 100);
    }

    #[test]
    fn markup_in_the_text_stays_text() {
        assert!(draw("x", "a <b> & c").contains("a &lt;b&gt; &amp; c"));
    }
}
