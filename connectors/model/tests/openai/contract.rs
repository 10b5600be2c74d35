//! What a request for vectors must look like, written down from the published description of the API
//! (`CreateEmbeddingRequest` and `POST /embeddings` in the OpenAPI document of OpenAI, version 2.3.0): the facts alone, as a
//! JSON Schema. A request that breaks one is answered with 500 and is a failure of the test that made it.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The longest that `input` may be, in texts.
pub const MOST_TEXTS: usize = 2048;

static CREATE_EMBEDDING_REQUEST: LazyLock<Validator> = LazyLock::new(|| {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["model", "input"],
        "additionalProperties": false,
        "properties": {
            "model": { "type": "string", "minLength": 1 },
            "input": {
                "oneOf": [
                    { "type": "string", "minLength": 1 },
                    {
                        "type": "array", "minItems": 1, "maxItems": MOST_TEXTS,
                        "items": { "type": "string", "minLength": 1 }
                    },
                    {
                        "type": "array", "minItems": 1, "maxItems": MOST_TEXTS,
                        "items": { "type": "integer" }
                    },
                    {
                        "type": "array", "minItems": 1, "maxItems": MOST_TEXTS,
                        "items": { "type": "array", "minItems": 1, "items": { "type": "integer" } }
                    }
                ]
            },
            "encoding_format": { "enum": ["float", "base64"] },
            "dimensions": { "type": "integer", "minimum": 1 },
            "user": { "type": "string" }
        }
    });
    jsonschema::validator_for(&schema).expect("the schema is one")
});

/// Says how `body` breaks the description.
pub fn broken(body: &Value) -> Vec<String> {
    CREATE_EMBEDDING_REQUEST.iter_errors(body).map(|error| error.to_string()).collect()
}

#[test]
fn the_contract_can_be_broken() {
    assert!(broken(&json!({ "model": "m", "input": ["a"], "encoding_format": "float" })).is_empty());
    for bad in [
        json!({ "input": ["a"] }),
        json!({ "model": "m", "input": [] }),
        json!({ "model": "m", "input": [""] }),
        json!({ "model": "m", "input": vec!["a"; MOST_TEXTS + 1] }),
        json!({ "model": "m", "input": ["a"], "dimensions": 0 }),
        json!({ "model": "m", "input": ["a"], "encoding_format": "int8" }),
        json!({ "model": "m", "input": ["a"], "prompt": "a" }),
    ] {
        assert!(!broken(&bad).is_empty(), "{bad}");
    }
}
