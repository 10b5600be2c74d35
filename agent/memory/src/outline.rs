//! A text as headings and paragraphs, whatever its form. Markdown is read as CommonMark with tables and task lists; HTML
//! becomes Markdown first; plain text is read by its blank lines. A short label that names a section (`Root cause: …`,
//! `**Impact**`) counts as a heading. It must not know what the parts are used for.

use hearback_core::memory::Section;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::section::{names_a_section, section_of};
use crate::writing::Form;

/// A heading that a label stands for lies below all real ones.
const LABEL_LEVEL: u8 = 7;

/// A text with its structure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The first heading of the first level, if the text begins with it or has no other of that level.
    pub title: Option<String>,
    /// Its parts in order; a part without text is left out, unless nothing has any.
    pub parts: Vec<Part>,
    /// What it links to, in order, each once.
    pub links: Vec<String>,
}

/// A stretch of text under one heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The headings above it, the outermost first; the title is not among them.
    pub headings: Vec<String>,
    /// What it is about, by its headings.
    pub section: Option<Section>,
    /// The line it begins at, from 1.
    pub line: u32,
    /// Its paragraphs. Of a list each item is one, and a code block is one.
    pub blocks: Vec<Block>,
}

/// A paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its text without marks; code keeps its lines.
    pub text: String,
    /// The line it begins at, from 1.
    pub line: u32,
}

/// What a paragraph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Running text, a quotation, a row of a table.
    Text,
    /// An item of a numbered list or of a checklist: something to do.
    Step,
    /// An item of another list.
    Item,
    /// Code, or a command.
    Code,
}

/// Reads the structure of `text`. `line` is where it begins in its file, from 0.
pub fn outline(text: &str, form: Form, line: u32) -> Outline {
    match form {
        Form::Markdown => markdown(text, line),
        // Lines of what HTML becomes are not lines of the file.
        Form::Html => {
            let converter =
                htmd::HtmlToMarkdown::builder().skip_tags(vec!["script", "style", "nav", "head"]).build();
            match converter.convert(text) {
                Ok(text) => {
                    let mut outline = markdown(&text, 0);
                    for part in &mut outline.parts {
                        part.line = 1;
                        part.blocks.iter_mut().for_each(|block| block.line = 1);
                    }
                    outline
                }
                Err(_) => plain(text, line),
            }
        }
        Form::Plain => plain(text, line),
    }
}

/// Collects parts while headings and paragraphs come by.
#[derive(Default)]
struct Builder {
    outline: Outline,
    /// The headings that hold, with their level and what each is about.
    above: Vec<(u8, String, Option<Section>)>,
    part: Part,
    first_level: usize,
    title_at_top: bool,
}

impl Builder {
    fn heading(&mut self, level: u8, text: String, line: u32) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return;
        }
        self.close();
        if level == 1 {
            self.first_level += 1;
            let is_first = self.outline.parts.is_empty() && self.above.is_empty();
            // `# Impact` begins a section, not a document.
            let is_section = text.split(' ').count() <= 2 && names_a_section(&text).is_some();
            if self.outline.title.is_none() && !is_section {
                self.title_at_top = is_first;
                self.outline.title = Some(text.clone());
                // The title is above everything, and says nothing about where one is.
                if is_first {
                    self.part = Part { line, ..Part::default() };
                    return;
                }
            }
        }
        self.above.retain(|(other, _, _)| *other < level);
        let parent = self.above.last().and_then(|(_, _, section)| *section);
        let section = section_of(&text, parent).or(parent);
        self.above.push((level, text, section));
        self.part = Part {
            headings: self.above.iter().map(|(_, text, _)| text.clone()).collect(),
            section,
            line,
            blocks: Vec::new(),
        };
    }

    fn block(&mut self, kind: BlockKind, text: &str, line: u32) {
        let text = match kind {
            BlockKind::Code => text.trim_matches('\n').trim_end().to_owned(),
            _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        if text.is_empty() {
            return;
        }
        if kind == BlockKind::Text
            && let Some((label, rest)) = labelled(&text)
        {
            self.heading(LABEL_LEVEL, label.to_owned(), line);
            if !rest.is_empty() {
                self.part.blocks.push(Block { kind, text: rest.to_owned(), line });
            }
            return;
        }
        if self.part.line == 0 {
            self.part.line = line;
        }
        self.part.blocks.push(Block { kind, text, line });
    }

    fn close(&mut self) {
        let part = std::mem::take(&mut self.part);
        if !part.blocks.is_empty() {
            self.outline.parts.push(part);
        }
    }

    fn finish(mut self) -> Outline {
        self.close();
        // Of several headings of the first level none is the title, unless the text begins with it.
        if self.first_level > 1 && !self.title_at_top {
            self.outline.title = None;
        }
        self.outline
    }
}

/// A paragraph that begins with the name of a section and a colon, or is nothing but that.
fn labelled(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.split_once(':')?;
    names_a_section(label)?;
    // `What happened: x` is a label, `Impact of https://…` is not; a clock time is none either.
    let is_label = rest.is_empty() || rest.starts_with(' ');
    is_label.then(|| (label.trim(), rest.trim()))
}

fn markdown(text: &str, first: u32) -> Outline {
    let starts = line_starts(text);
    let line_of = |at: usize| {
        let before = starts.partition_point(|start| *start <= at);
        first + u32::try_from(before).unwrap_or(u32::MAX)
    };
    let mut builder = Builder::default();
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    let mut run = Run::default();
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        let line = line_of(range.start);
        match event {
            Event::Start(Tag::Heading { .. }) => {
                run.flush(&mut builder);
                run.line = line;
            }
            Event::End(TagEnd::Heading(level)) => {
                let heading = std::mem::take(&mut run.text);
                builder.heading(level as u8, heading, run.line);
                run.line = 0;
            }
            Event::Start(Tag::List(first)) => {
                run.flush(&mut builder);
                run.lists.push(first.is_some());
            }
            Event::End(TagEnd::List(_)) => {
                run.flush(&mut builder);
                run.lists.pop();
            }
            Event::Start(Tag::Item) => {
                run.flush(&mut builder);
                run.in_item = true;
                run.line = line;
            }
            Event::TaskListMarker(_) => run.is_task = true,
            Event::Start(Tag::CodeBlock(kind)) => {
                run.flush(&mut builder);
                run.is_code = true;
                run.line = line;
                // A fence stands before its first line.
                if matches!(kind, CodeBlockKind::Fenced(_)) {
                    run.line += 1;
                }
            }
            Event::End(TagEnd::CodeBlock) => run.flush(&mut builder),
            Event::Start(Tag::Paragraph | Tag::TableRow | Tag::TableHead | Tag::HtmlBlock) => {
                if !run.in_item {
                    run.flush(&mut builder);
                }
                run.at(line);
            }
            Event::End(TagEnd::Paragraph | TagEnd::TableRow | TagEnd::TableHead | TagEnd::HtmlBlock) => {
                if run.in_item {
                    run.text.push(' ');
                } else {
                    let is_label = std::mem::take(&mut run.all_strong) && run.text.chars().count() <= 60;
                    if is_label && !run.text.trim().is_empty() {
                        let label = std::mem::take(&mut run.text);
                        builder.heading(LABEL_LEVEL, label.trim().trim_end_matches(':').to_owned(), run.line);
                        run.line = 0;
                    } else {
                        run.flush(&mut builder);
                    }
                }
            }
            Event::End(TagEnd::Item | TagEnd::BlockQuote(_)) => run.flush(&mut builder),
            Event::End(TagEnd::TableCell) => run.text.push_str(" · "),
            Event::Start(Tag::Strong) => run.strong(),
            Event::End(TagEnd::Strong) => run.in_strong = false,
            Event::Start(Tag::Link { dest_url, .. }) => {
                let link = dest_url.to_string();
                if !builder.outline.links.contains(&link) {
                    builder.outline.links.push(link);
                }
            }
            Event::Text(text) | Event::Code(text) => run.say(&text, line),
            Event::SoftBreak | Event::HardBreak => run.text.push(if run.is_code { '\n' } else { ' ' }),
            _ => {}
        }
    }
    run.flush(&mut builder);
    builder.finish()
}

/// The paragraph that is being read.
#[derive(Default)]
struct Run {
    text: String,
    line: u32,
    /// The lists around it; whether each is numbered.
    lists: Vec<bool>,
    in_item: bool,
    is_task: bool,
    is_code: bool,
    in_strong: bool,
    all_strong: bool,
}

impl Run {
    fn at(&mut self, line: u32) {
        if self.line == 0 {
            self.line = line;
        }
    }

    fn strong(&mut self) {
        self.in_strong = true;
        if self.text.trim().is_empty() {
            self.all_strong = true;
        }
    }

    fn say(&mut self, text: &str, line: u32) {
        self.at(line);
        if !self.in_strong && !text.trim().trim_matches(':').is_empty() {
            self.all_strong = false;
        }
        self.text.push_str(text);
    }

    fn flush(&mut self, builder: &mut Builder) {
        let text = std::mem::take(&mut self.text);
        let kind = match (self.is_code, self.in_item) {
            (true, _) => BlockKind::Code,
            (false, true) if self.is_task || self.lists.last().copied().unwrap_or(false) => BlockKind::Step,
            (false, true) => BlockKind::Item,
            (false, false) => BlockKind::Text,
        };
        builder.block(kind, text.trim_end_matches(" · "), self.line);
        (self.line, self.is_task, self.is_code, self.in_item, self.all_strong) =
            (0, false, false, false, false);
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

fn plain(text: &str, first: u32) -> Outline {
    let mut builder = Builder::default();
    let lines: Vec<&str> = text.lines().collect();
    let (mut paragraph, mut began) = (String::new(), 0);
    let number = |index: usize| first + u32::try_from(index).unwrap_or(u32::MAX - 1) + 1;
    let mut skip_rule = false;
    for (index, line) in lines.iter().enumerate() {
        if std::mem::take(&mut skip_rule) {
            continue;
        }
        let next = lines.get(index + 1).copied().unwrap_or_default();
        let is_alone = paragraph.is_empty();
        if is_alone && is_heading(line, next) {
            skip_rule = is_rule(next);
            let level = if skip_rule && next.trim_start().starts_with('=') { 1 } else { 2 };
            let heading = line.trim().trim_start_matches('#').trim().trim_end_matches(':');
            builder.heading(level, heading.to_owned(), number(index));
        } else if line.trim().is_empty() {
            builder.block(BlockKind::Text, &std::mem::take(&mut paragraph), began);
        } else {
            let trimmed = line.trim_start();
            let item = trimmed.strip_prefix("- ").or_else(|| trimmed.strip_prefix("* "));
            let step = step_of(trimmed);
            if let Some(text) = step.or(item) {
                builder.block(BlockKind::Text, &std::mem::take(&mut paragraph), began);
                let kind = if step.is_some() { BlockKind::Step } else { BlockKind::Item };
                builder.block(kind, text, number(index));
                continue;
            }
            if is_alone {
                began = number(index);
            }
            paragraph.push_str(line);
            paragraph.push('\n');
        }
    }
    builder.block(BlockKind::Text, &paragraph, began);
    builder.finish()
}

/// `1. restart it`, `2) look`.
fn step_of(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 3 {
        return None;
    }
    let rest = line.get(digits..)?;
    rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") "))
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-'))
}

/// A line above a rule, a line with `#` in front, a short one in capitals, or one that names a section and ends in a colon.
fn is_heading(line: &str, next: &str) -> bool {
    let line = line.trim();
    let words = line.split_whitespace().count();
    if line.is_empty() || words > 10 {
        return false;
    }
    let letters = || line.chars().filter(|c| c.is_alphabetic());
    let is_loud = words <= 6 && letters().count() >= 4 && letters().all(char::is_uppercase);
    let is_marked = line.trim_start_matches('#').starts_with(' ') && line.starts_with('#');
    let names = line.strip_suffix(':').is_some_and(|label| names_a_section(label).is_some());
    is_rule(next) || is_marked || is_loud || names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(outline: &Outline) -> String {
        let mut told = format!("title: {:?}\n", outline.title);
        for part in &outline.parts {
            let section = part.section.map_or("-".into(), |section| format!("{section:?}"));
            told += &format!("{} [{section}] {}\n", part.line, part.headings.join(" › "));
            for block in &part.blocks {
                told += &format!("  {} {:?}: {:?}\n", block.line, block.kind, block.text);
            }
        }
        told
    }

    #[test]
    fn markdown_becomes_parts() {
        let text = "# Checkout down\n\nIt *was* down for [an hour](https://x.test).\n\n## Root cause\nThe pool\nwas full.\n\n\
                    - one\n- two\n  - deeper\n\n### Details\n```sh\nkubectl get pods\n  -n shop\n```\n\n## Steps\n\n\
                    1. Roll back\n2. Wait\n\n- [ ] Tell them\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        insta::assert_snapshot!(told(&outline(text, Form::Markdown, 0)));
    }

    #[test]
    fn labels_and_bold_lines_count_as_headings() {
        let text = "**Impact**\n\nAll users.\n\nRoot cause: the pool was full.\n\nAt 12:04: we saw it.\n\n**Note** that it was late.\n";
        insta::assert_snapshot!(told(&outline(text, Form::Markdown, 3)));
    }

    #[test]
    fn plain_text_is_read_by_its_blank_lines() {
        let text = "CHECKOUT DOWN\n\nIt was down.\nFor an hour.\n\nRoot cause:\nThe pool.\n\nResolution\n----------\n1. Rolled back\n2) Waited\n* told them\n";
        insta::assert_snapshot!(told(&outline(text, Form::Plain, 0)));
    }

    #[test]
    fn html_becomes_the_same_parts() {
        let text = "<html><head><title>x</title><style>p{}</style></head><body><nav>Menu</nav><h1>Down</h1>\
                    <p>It was &amp; is.</p><h2>Root cause</h2><ol><li>Pool</li></ol><script>alert(1)</script>\
                    <pre><code>a\n b</code></pre></body></html>";
        insta::assert_snapshot!(told(&outline(text, Form::Html, 0)));
    }

    #[test]
    fn nothing_breaks_it() {
        use proptest::prelude::*;
        proptest!(|(text in "[ \\n#*`>|0-9a-z.:<>/\\[\\]()-]{0,400}")| {
            for form in [Form::Markdown, Form::Html, Form::Plain] {
                let outline = outline(&text, form, 0);
                let blocks = outline.parts.iter().flat_map(|part| &part.blocks);
                prop_assert!(blocks.clone().all(|block| !block.text.trim().is_empty() && block.line > 0), "{text:?}");
            }
        });
    }
}
