//! Puts names into PromQL so that they stay names.

/// `name` inside a quoted PromQL string.
pub(crate) fn escape_string(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\'' => escaped.push_str("\\'"),
            '`' => escaped.push_str("\\x60"),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `name` inside a regular expression (RE2) inside a quoted PromQL string; it matches itself alone.
pub(crate) fn escape_regex(name: &str) -> String {
    let mut literal = String::with_capacity(name.len());
    for c in name.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            literal.push('\\');
        }
        literal.push(c);
    }
    escape_string(&literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names() {
        assert_eq!(escape_string(r#"a"} or up{x='\"#), r#"a\"} or up{x=\'\\"#);
        assert_eq!(escape_string("a\nb\u{7}`"), "a\\nb\\u0007\\x60");
        assert_eq!(escape_regex("pay.roll-2"), r"pay\\.roll-2");
        assert_eq!(escape_regex("a|b.*"), r"a\\|b\\.\\*");
    }
}
