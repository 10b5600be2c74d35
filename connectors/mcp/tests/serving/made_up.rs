//! Made-up things to read, and a tool that never ends.

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::ids::ToolName;
use hearback_core::model::{ToolCall, ToolSpec};
use hearback_mcp::{Reads, Resource};
use serde_json::json;
use tokio::sync::Notify;

#[derive(Default)]
pub struct MadeUp {
    /// The endless tool was begun.
    pub begun: Arc<Notify>,
    /// Nobody waits for it any more.
    pub dropped: Arc<Notify>,
}

struct TellsWhenDropped(Arc<Notify>);

impl Drop for TellsWhenDropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn spec(name: &str) -> ToolSpec {
    let parameters = json!({ "type": "object", "properties": { "service": { "type": "string" } } });
    ToolSpec { name: ToolName::new(name).unwrap(), description: format!("Does {name}."), parameters }
}

#[async_trait]
impl Reads for MadeUp {
    fn instructions(&self) -> String {
        "Ask what changed first.".to_owned()
    }

    fn tools(&self) -> Vec<ToolSpec> {
        ["changes", "refuses", "endless", "broken"].map(spec).into()
    }

    async fn call(&self, call: &ToolCall) -> Result<String, String> {
        match call.name.as_str() {
            "changes" => Ok(format!("{}: {}", call.name, call.arguments.as_untrusted())),
            "refuses" => Err("there is no service of this name".to_owned()),
            "broken" => panic!("a mistake in the program"),
            _ => {
                let _tells = TellsWhenDropped(self.dropped.clone());
                self.begun.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn resources(&self) -> Result<Vec<Resource>, String> {
        let (uri, name) = ("hearback://incidents/INC-17".to_owned(), "INC-17".to_owned());
        Ok(vec![Resource { uri, name, mime: "text/markdown".to_owned() }])
    }

    async fn read(&self, uri: &str) -> Result<Option<String>, String> {
        match uri {
            "hearback://incidents/INC-17" => Ok(Some("The cart is slow.".to_owned())),
            "hearback://broken" => Err("the record can't be read".to_owned()),
            _ => Ok(None),
        }
    }
}
