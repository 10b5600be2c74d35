//! Looking for an action whose end nobody heard.

use hearback_core::ports::{ActionExecutor as _, ConnectorError, Trace};

use crate::approved::{approved, bring};
use crate::front::{Does, Front, json, state};
use crate::{SHORT, hook};

async fn looked(does: Does) -> Result<Trace, ConnectorError> {
    let front = Front::start(vec![does]).await;
    let action = bring("v12", "v11");
    let looked = hook(&front).look(&action, approved(&action, 1).key(), SHORT).await;
    let asked = front.heard();
    assert!(asked.iter().all(|asked| asked["do"] == "look"), "{asked:?}");
    let ids: std::collections::BTreeSet<String> = front
        .raw()
        .into_iter()
        .map(|(head, _)| crate::contract::headers(&head)["webhook-id"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), asked.len(), "each look has an id of its own");
    looked.map(|trace| match trace {
        Trace::NotFound(says) => Trace::NotFound(says.replace(&front.host, "HOST")),
        done @ Trace::Done(_) => done,
    })
}

#[tokio::test]
async fn what_was_done_has_its_receipt() {
    let Trace::Done(receipt) = looked(state("done", r#","made":"42""#)).await.unwrap() else { panic!() };
    assert_eq!((receipt.made.as_deref(), receipt.inverse), (Some("42"), Some(Box::new(bring("v11", "v12")))));
}

#[tokio::test]
async fn what_was_not_done_is_said_in_a_sentence() {
    for (does, says) in [
        (state("not_known", ""), "HOST knows nothing of it"),
        (
            state("failed", r#","why":"quota""#),
            "HOST could not do it, and nothing was changed; it says: \"quota\"",
        ),
        (
            state("not_as_expected", ""),
            "cart in production is not as expected, says HOST, and nothing was changed",
        ),
        (
            state("unclear", ""),
            "HOST can't tell whether it was done; see which version of cart runs in production before anything else \
             is done there",
        ),
    ] {
        assert_eq!(looked(does).await.unwrap(), Trace::NotFound(says.into()));
    }
}

#[tokio::test]
async fn what_can_not_be_told_yet_is_an_error_so_that_it_is_asked_again() {
    for does in [state("under_way", ""), Does::Closes, Does::Hangs, json("503 X", "{}")] {
        let error = looked(does).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Failed(_) | ConnectorError::TimedOut(_)), "{error:?}");
    }
    for does in [json("401 X", "{}"), json("404 X", "{}"), json("200 OK", "{}")] {
        let error = looked(does).await.unwrap_err();
        assert!(matches!(error, ConnectorError::NotUsable(_)), "{error:?}");
    }
}
