//! The list of rules as it is published, in Markdown. It must say what the rules say, so it is made of them.

use super::Level;
use super::rules;

const INTRODUCTION: &str = "\
# What is taken out of text

Written by `cargo run -p hearback-core --example redaction -- --rules`; a test compares it with the rules.

Each hit becomes `[redacted: kind]`. What a rule says in its pattern stands in `agent/core/src/redaction/`. In the column
*looks like*, `{36 alnum}` are 36 letters and digits; `hex`, `digits`, `upper` (capitals and digits), `lower` (small letters
and digits), `base64` and `url64` (base64 for addresses) likewise. A *probable secret* is a value of sixteen characters or
more beside a word like token or key, in which letters and digits change as they do in no name; ids, digests, paths and
names of code stay.

Everything is looked for before text is written to disk, sent to a model or traced. E-mail addresses stay where they say
who somebody is: authors of changes, experts, approvers.

| kind | what it is | looks like |
|---|---|---|
";

/// The rules that are built in, as Markdown: `config/redaction.md`.
pub fn published_rules() -> String {
    let mut list = INTRODUCTION.to_owned();
    for rule in rules() {
        let only =
            if rule.level == Level::Everything { " (stays where it says who somebody is)" } else { "" };
        let form = rule.form.replace('|', "\\|");
        list.push_str(&format!("| {} | {}{only} | `{form}` |\n", rule.kind, rule.about));
    }
    list.push_str(
        "\nRules of your own come beside them, as `[redaction]` in `config/default.toml` shows; none of these can be switched \
         off.\n",
    );
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_list_is_that_of_the_rules() {
        let published = include_str!("../../../../config/redaction.md");
        assert_eq!(published, published_rules(), "write it anew: see its second line");
    }
}
