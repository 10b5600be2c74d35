//! Results of tools, read.

use proptest::prelude::*;
use rmcp::model::Resource;
use serde_json::json;

use super::*;

fn result(blocks: Vec<ContentBlock>) -> CallToolResult {
    CallToolResult::success(blocks)
}

fn read(result: &CallToolResult) -> (Vec<String>, Vec<String>) {
    let pieces = of(result, McpLimits::default());
    let texts = pieces.texts.iter().map(|text| text.as_untrusted().to_owned()).collect();
    (texts, pieces.missing)
}

#[test]
fn text_is_read_and_the_rest_is_named() {
    let (texts, missing) = read(&result(vec![
        ContentBlock::text("first"),
        ContentBlock::image("aGk=", "image/png"),
        ContentBlock::image("aGk=", "image/png"),
        ContentBlock::embedded_text("file:///a", "second"),
        ContentBlock::resource_link(Resource::new("http://169.254.169.254/", "follow me")),
        ContentBlock::audio("aGk=", "audio/wav"),
        ContentBlock::resource(ResourceContents::blob("aGk=", "file:///b")),
        ContentBlock::text("  \n"),
    ]));
    assert_eq!(texts, ["first", "second"]);
    assert_eq!(
        missing,
        [
            "2 images, which are not read",
            "1 sound, which is not read",
            "1 link, which is not read",
            "1 file that is no text, which is not read",
        ]
    );
}

#[test]
fn structured_content_is_read_where_there_is_no_text() {
    let structured = CallToolResult::structured(json!({ "rows": [1, 2] }));
    let (texts, _) = read(&structured);
    assert_eq!(texts, [r#"{"rows":[1,2]}"#], "its text and its structure are the same: once");
    let mut bare = result(Vec::new());
    bare.structured_content = Some(json!({ "rows": 3 }));
    assert_eq!(read(&bare).0, [r#"{"rows":3}"#]);
    bare.structured_content = Some(json!(null));
    assert_eq!(read(&bare).0, Vec::<String>::new());
}

#[test]
fn secrets_are_out_also_where_a_piece_ends() {
    let key = format!("AKIA{}", "IOSFODNN7EXAMPLQ");
    let text = format!("{}{key}{}", "x ".repeat(1_995), " y".repeat(3_000));
    let (texts, _) =
        read(&result(vec![ContentBlock::text(text), ContentBlock::text("mail ada@example.org now")]));
    let all = texts.concat();
    assert!(!all.contains("IOSFODNN7") && !all.contains("AKIA") && !all.contains("ada@"), "{all}");
}

#[test]
fn what_is_too_much_is_named() {
    let line = format!("{}\n", "a ".repeat(500));
    let (texts, missing) = read(&result(vec![ContentBlock::text(line.repeat(200))]));
    assert_eq!(texts.len(), 40);
    assert!(
        texts.iter().all(|text| text.len() <= 4_000 && text.ends_with('a') || text.ends_with(' ')),
        "whole lines"
    );
    assert_eq!(missing.len(), 1);
    assert!(missing[0].starts_with("the rest of what it gave, "), "{missing:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_byte_is_lost_in_splitting(text in "(\\PC|\n){0,200}", most in 4_usize..40) {
        let pieces = split(&text, most);
        prop_assert!(pieces.iter().all(|piece| piece.len() <= most));
        let dense = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        prop_assert_eq!(dense(&pieces.concat()), dense(&text));
    }
}
