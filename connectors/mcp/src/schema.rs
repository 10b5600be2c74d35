//! What a server says of a tool's arguments, reduced to names and types, and arguments held against that. It must not know
//! what a tool is for: whatever is in words is left out.

use serde_json::{Map, Value, json};

/// The longest name of an argument.
const LONGEST_NAME: usize = 64;
/// How deep objects may stand in each other; the arguments themselves are the first.
const DEEPEST: usize = 4;
/// How many steps there are from the top to a leaf: objects, lists, choices and references together.
const LONGEST_WAY: usize = 16;
/// How many arguments there may be, those of objects inside counted too.
const MOST_PROPERTIES: usize = 64;
/// How many values a choice may have, and how many forms.
const MOST_CHOICES: usize = 64;
const MOST_FORMS: usize = 8;
/// How many nodes are looked at: a schema that refers to itself in many places is not followed everywhere.
const MOST_NODES: usize = 2_000;

/// The types of JSON Schema.
const TYPES: &[&str] = &["null", "boolean", "object", "array", "number", "string", "integer"];

/// Whether a word of a server can stand in a schema: it looks like the name of a variable.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && text.len() <= LONGEST_NAME && bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Why a schema can't be reduced, in words of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Irreducible {
    /// The arguments are no object.
    NoObject,
    /// An argument that must be given can't be kept: its name, its form, its depth, or there are too many.
    RequiredLost,
}

/// The skeleton of `schema`: names, types, what is required, nested objects and lists, and choices that look like names.
/// Nothing else of it is kept, and nothing beside what is named may be given.
pub(crate) fn reduce(schema: &Map<String, Value>) -> Result<Value, Irreducible> {
    let mut reducer = Reducer { root: schema, properties: 0, nodes: 0 };
    let node = reducer.resolved(schema, 0).ok_or(Irreducible::NoObject)?;
    let names_another =
        node.get("type").is_some_and(|kind| kind != "object" && !holds(kind, &Value::from("object")));
    if names_another {
        return Err(Irreducible::NoObject);
    }
    reducer.object(node, 1, 0).ok_or(Irreducible::RequiredLost)
}

fn holds(list: &Value, wanted: &Value) -> bool {
    list.as_array().is_some_and(|list| list.contains(wanted))
}

struct Reducer<'s> {
    root: &'s Map<String, Value>,
    properties: usize,
    nodes: usize,
}

impl<'s> Reducer<'s> {
    /// The node that `node` stands for, if it refers to one of the same document.
    fn resolved(&self, node: &'s Map<String, Value>, way: usize) -> Option<&'s Map<String, Value>> {
        let mut node = node;
        for _ in way..LONGEST_WAY {
            let Some(target) = node.get("$ref") else { return Some(node) };
            let path = target.as_str()?.strip_prefix("#/")?;
            let (place, name) = path.split_once('/')?;
            if !matches!(place, "$defs" | "definitions") || name.contains(['/', '~']) {
                return None;
            }
            node = self.root.get(place)?.get(name)?.as_object()?;
        }
        None
    }

    /// The skeleton of any node; none if it can't be kept.
    fn node(&mut self, node: &'s Value, depth: usize, way: usize) -> Option<Value> {
        self.nodes += 1;
        if way > LONGEST_WAY || self.nodes > MOST_NODES {
            return None;
        }
        let node = match node {
            Value::Bool(true) => return Some(json!({})),
            Value::Object(node) => self.resolved(node, way)?,
            _ => return None,
        };
        if let Some(forms) = ["anyOf", "oneOf"].iter().find_map(|key| node.get(*key)?.as_array()) {
            return self.any_of(forms, depth, way);
        }
        // Some write a reference with a default beside it as a list of one.
        if let Some([only]) = node.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
            return self.node(only, depth, way + 1);
        }
        let kinds = kinds(node)?;
        match kinds.as_slice() {
            [] => Some(self.untyped(node)),
            [only] => self.typed(node, only, depth, way),
            several => {
                let forms: Option<Vec<Value>> =
                    several.iter().map(|kind| self.typed(node, kind, depth, way)).collect();
                Some(json!({ "anyOf": forms? }))
            }
        }
    }

    fn any_of(&mut self, forms: &'s [Value], depth: usize, way: usize) -> Option<Value> {
        if forms.is_empty() || forms.len() > MOST_FORMS {
            return None;
        }
        let kept: Vec<Value> = forms.iter().filter_map(|form| self.node(form, depth, way + 1)).collect();
        // Only "nothing" is left: what the argument is for is lost.
        if kept.iter().all(|form| *form == json!({ "type": "null" })) && kept.len() < forms.len() {
            return None;
        }
        match kept.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            _ => Some(json!({ "anyOf": kept })),
        }
    }

    fn untyped(&self, node: &Map<String, Value>) -> Value {
        let choices = choices(node, |_| true);
        if choices.is_empty() { json!({}) } else { json!({ "enum": choices }) }
    }

    fn typed(&mut self, node: &'s Map<String, Value>, kind: &str, depth: usize, way: usize) -> Option<Value> {
        match kind {
            "object" => {
                // What is open to any key can't be said by names.
                if depth >= DEEPEST || !node.get("properties")?.is_object() {
                    return None;
                }
                self.object(node, depth + 1, way)
            }
            "array" => match node.get("items") {
                None => Some(json!({ "type": "array", "items": {} })),
                Some(items) => {
                    let items = self.node(items, depth, way + 1)?;
                    Some(json!({ "type": "array", "items": items }))
                }
            },
            plain => {
                let choices = choices(node, |value| is_of(value, plain));
                match choices.is_empty() {
                    true => Some(json!({ "type": plain })),
                    false => Some(json!({ "type": plain, "enum": choices })),
                }
            }
        }
    }

    /// The skeleton of an object; none if something that is required can't be kept.
    fn object(&mut self, node: &'s Map<String, Value>, depth: usize, way: usize) -> Option<Value> {
        let mut required: Vec<&str> = Vec::new();
        let names = match node.get("required") {
            None => &[][..],
            Some(names) => names.as_array()?.as_slice(),
        };
        for name in names {
            let name = name.as_str()?;
            if !required.contains(&name) {
                required.push(name);
            }
        }
        let given = match node.get("properties") {
            None => None,
            Some(given) => Some(given.as_object()?),
        };
        let mut kept = Map::new();
        // What is needed first, so that it is not what falls beyond the limit.
        for name in &required {
            let value = given?.get(*name)?;
            let value = self.property(name, value, depth, way)?;
            kept.insert((*name).to_owned(), value);
        }
        let optional = given.into_iter().flatten().filter(|(name, _)| !required.contains(&name.as_str()));
        for (name, value) in optional {
            if let Some(value) = self.property(name, value, depth, way) {
                kept.insert(name.clone(), value);
            }
        }
        Some(json!({
            "type": "object",
            "properties": kept,
            "required": required,
            "additionalProperties": false,
        }))
    }

    fn property(&mut self, name: &str, value: &'s Value, depth: usize, way: usize) -> Option<Value> {
        if !is_identifier(name) || self.properties >= MOST_PROPERTIES {
            return None;
        }
        self.properties += 1;
        self.node(value, depth, way + 1)
    }
}

/// The types that a node names; none if one is unknown.
fn kinds(node: &Map<String, Value>) -> Option<Vec<&'static str>> {
    let known = |kind: &Value| {
        let kind = kind.as_str()?;
        TYPES.iter().find(|known| **known == kind).copied()
    };
    match node.get("type") {
        None if node.contains_key("properties") => Some(vec!["object"]),
        None if node.contains_key("items") => Some(vec!["array"]),
        None => Some(Vec::new()),
        Some(Value::Array(several)) if several.len() <= TYPES.len() => several.iter().map(known).collect(),
        Some(one) => Some(vec![known(one)?]),
    }
}

/// The values that may be chosen, those that hold no words.
fn choices(node: &Map<String, Value>, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let single = node.get("const").map(std::slice::from_ref);
    let several = node.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    let wordless = |value: &&Value| match value {
        Value::String(text) => is_identifier(text),
        Value::Number(_) | Value::Bool(_) | Value::Null => true,
        Value::Array(_) | Value::Object(_) => false,
    };
    let all = single.or(several).unwrap_or_default().iter();
    all.filter(wordless).filter(|value| fits(value)).take(MOST_CHOICES).cloned().collect()
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "string" => value.is_string(),
        _ => false,
    }
}

/// Holds arguments against what [`reduce`] made. The sentence of the error names the place and no value.
pub(crate) fn check(skeleton: &Value, arguments: &Map<String, Value>) -> Result<(), String> {
    check_object(skeleton, arguments, "")
}

fn check_object(skeleton: &Value, given: &Map<String, Value>, place: &str) -> Result<(), String> {
    let none = Map::new();
    let known = skeleton.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = skeleton.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Some(lost) = required.iter().filter_map(Value::as_str).find(|name| !given.contains_key(*name)) {
        return Err(format!("{place}{lost} is missing"));
    }
    for (name, value) in given {
        let Some(wanted) = known.get(name) else {
            return Err(match is_identifier(name) {
                true => format!("{place}{name} is not known"),
                false => format!("{place}… has a key that is not known"),
            });
        };
        check_value(wanted, value, &format!("{place}{name}"))?;
    }
    Ok(())
}

fn check_value(skeleton: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(forms) = skeleton.get("anyOf").and_then(Value::as_array) {
        let fits = forms.iter().any(|form| check_value(form, value, place).is_ok());
        return if fits { Ok(()) } else { Err(format!("{place} has none of the forms it may have")) };
    }
    if let Some(kind) = skeleton.get("type").and_then(Value::as_str).filter(|kind| !is_of(value, kind)) {
        return Err(format!("{place} is not of the type {kind}"));
    }
    if skeleton.get("enum").and_then(Value::as_array).is_some_and(|choices| !choices.contains(value)) {
        return Err(format!("{place} is not one of the values it may have"));
    }
    match (value, skeleton.get("items")) {
        (Value::Object(given), _) if skeleton.get("properties").is_some() => {
            check_object(skeleton, given, &format!("{place}."))
        }
        (Value::Array(values), Some(items)) => {
            values.iter().try_for_each(|value| check_value(items, value, &format!("{place}[]")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
