//! Texts of ours with named holes, and what may fill them. That a filling is never an outsider's text is a matter of
//! types: there is no way from a `String` to a [`Filling`].

use std::collections::BTreeSet;

use hearback_core::ids::ToolName;
use hearback_core::{IncidentId, ServiceName};
use jiff::Timestamp;

use crate::handle::Handle;
use crate::quote::Quoted;

/// Text that may be sent to a model: of templates, of quotations, and of values of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered(String);

impl Rendered {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is, after words of ours.
    pub(crate) fn after(self, before: &'static str) -> Self {
        Rendered(format!("{before}{}", self.0))
    }

    /// Several as one, with `between` after each but the last.
    pub(crate) fn joined(parts: &[Rendered], between: &'static str) -> Self {
        Rendered(parts.iter().map(Rendered::as_str).collect::<Vec<_>>().join(between))
    }
}

/// What fills a hole.
#[derive(Debug, Clone)]
pub(crate) struct Filling(String);

impl From<Quoted> for Filling {
    fn from(quoted: Quoted) -> Self {
        Filling(quoted.as_str().to_owned())
    }
}

impl From<Rendered> for Filling {
    fn from(rendered: Rendered) -> Self {
        Filling(rendered.0)
    }
}

/// Words that stand in the program.
impl From<&'static str> for Filling {
    fn from(words: &'static str) -> Self {
        Filling(words.to_owned())
    }
}

impl From<Handle> for Filling {
    fn from(handle: Handle) -> Self {
        Filling(handle.to_string())
    }
}

impl From<usize> for Filling {
    fn from(number: usize) -> Self {
        Filling(number.to_string())
    }
}

macro_rules! can_fill {
    ($($name:ty),*) => {
        $(impl From<&$name> for Filling {
            fn from(value: &$name) -> Self {
                Filling(value.to_string())
            }
        })*
    };
}

// Each refuses what is no word, and none holds white space.
can_fill!(IncidentId, ServiceName, Timestamp, ToolName);

/// A template and its fillings don't fit: a mistake in the program, which the tests of each template find.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A hole has no filling.
    #[error("template {template}: nothing fills {{{{{hole}}}}}")]
    Unfilled {
        /// The template.
        template: &'static str,
        /// The hole.
        hole: String,
    },
    /// A filling has no hole.
    #[error("template {template}: there is no {{{{{hole}}}}}")]
    Unknown {
        /// The template.
        template: &'static str,
        /// What was to be filled.
        hole: &'static str,
    },
    /// A hole is opened and not closed.
    #[error("template {template}: a hole is not closed")]
    Open {
        /// The template.
        template: &'static str,
    },
}

/// A text of ours with holes like `{{name}}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    name: &'static str,
    text: &'static str,
}

impl Template {
    pub(crate) const fn new(name: &'static str, text: &'static str) -> Self {
        Template { name, text }
    }

    /// Fills every hole. What fills one is not looked through for holes.
    ///
    /// # Errors
    /// [`BadTemplate`] unless each hole has a filling and each filling a hole.
    pub(crate) fn fill(self, fillings: &[(&'static str, Filling)]) -> Result<Rendered, BadTemplate> {
        let template = self.name;
        let mut filled = String::new();
        let mut used = BTreeSet::new();
        let mut rest = self.text.trim_end();
        while let Some((before, opened)) = rest.split_once("{{") {
            let (hole, after) = opened.split_once("}}").ok_or(BadTemplate::Open { template })?;
            let Some((name, Filling(filling))) = fillings.iter().find(|(name, _)| *name == hole) else {
                return Err(BadTemplate::Unfilled { template, hole: hole.to_owned() });
            };
            filled.push_str(before);
            filled.push_str(filling);
            used.insert(*name);
            rest = after;
        }
        filled.push_str(rest);
        match fillings.iter().find(|(name, _)| !used.contains(name)) {
            Some((hole, _)) => Err(BadTemplate::Unknown { template, hole }),
            None => Ok(Rendered(filled)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::{Label, quote_in_line};

    fn check(text: &'static str, fillings: &[(&'static str, Filling)], expect: Result<&str, BadTemplate>) {
        let filled = Template::new("t", text).fill(fillings);
        assert_eq!(filled.as_ref().map(Rendered::as_str), expect.as_ref().copied(), "{text}");
    }

    #[test]
    fn each_hole_is_filled_and_each_filling_used() {
        check("a {{x}} b {{y}} {{x}}\n", &[("x", 1.into()), ("y", "z".into())], Ok("a 1 b z 1"));
        check("{{x}}", &[], Err(BadTemplate::Unfilled { template: "t", hole: "x".into() }));
        check("a", &[("x", 1.into())], Err(BadTemplate::Unknown { template: "t", hole: "x" }));
        check("{{x", &[("x", 1.into())], Err(BadTemplate::Open { template: "t" }));
    }

    #[test]
    fn a_filling_opens_no_hole() {
        let outside = quote_in_line(&"{{y}}".into(), 20);
        check("{{x}} {{y}}", &[("x", outside.into()), ("y", 2.into())], Ok("⟦{{y}}⟧ 2"));
    }

    #[test]
    fn a_mistake_is_told_in_one_sentence() {
        let said = Template::new("t", "{{x}}").fill(&[]).unwrap_err().to_string();
        assert_eq!(said, "template t: nothing fills {{x}}");
        let said = Template::new("t", "").fill(&[("x", 1.into())]).unwrap_err().to_string();
        assert_eq!(said, "template t: there is no {{x}}");
    }

    #[test]
    fn parts_are_joined() {
        let part = |text| Template::new("t", text).fill(&[]).unwrap();
        assert_eq!(Rendered::joined(&[part("a"), part("b")], "\n").as_str(), "a\nb");
        let _ = Label::new("x");
    }
}
