//! Edits past the store: each must be named by `verify`.

use hearback_core::entry::Broken;
use hearback_core::ports::{Expect, RecordError};
use hearback_record::verify;

use crate::place::{Place, gathered, incident, note, snapshot};

pub async fn every_edit_in_the_database_is_noticed(place: Place) {
    let record = place.open().await;
    let check = async |number: u64, edit: &str, expect: Broken| {
        let id = incident(number);
        let drafts = vec![note(0, "alpha"), note(1, "beta"), note(2, "gamma")];
        let head = record.append(&id, Expect::Any, drafts).await.unwrap()[2].head();
        verify(&*record, &id, Some(head)).await.unwrap();
        place.tamper(&edit.replace("THIS", &format!("incident = '{id}'")));
        let noticed = verify(&*record, &id, Some(head)).await;
        assert!(
            matches!(&noticed, Err(RecordError::Broken(broken)) if *broken == expect),
            "{edit}: {noticed:?}"
        );
    };
    let (header, body) = (Broken::Header { seq: 2 }, Broken::Body { seq: 2 });
    let missing = Broken::Sequence { expected: 2, found: 3 };
    check(1, "UPDATE entry SET json = replace(json, 'beta', 'zeta') WHERE THIS", body).await;
    check(
        2,
        "UPDATE entry SET json = replace(json, '\"ana\"', '\"eve\"') WHERE THIS AND seq = 2",
        header.clone(),
    )
    .await;
    check(
        3,
        "UPDATE entry SET json = replace(json, '2023-', '2022-') WHERE THIS AND seq = 2",
        header.clone(),
    )
    .await;
    check(4, "UPDATE entry SET json = 'x' WHERE THIS AND seq = 2", header).await;
    check(5, "DELETE FROM entry WHERE THIS AND seq = 2", missing).await;
    check(6, "UPDATE entry SET seq = 9 WHERE THIS AND seq = 2", Broken::Sequence { expected: 9, found: 2 })
        .await;
    check(7, "DELETE FROM entry WHERE THIS AND seq = 3", Broken::Truncated { seq: 3 }).await;
    check(8, "DELETE FROM entry WHERE THIS", Broken::Truncated { seq: 3 }).await;
    let swap = "UPDATE entry SET json = (SELECT json FROM entry WHERE incident = 'INC-8X' AND seq = 2) \
                WHERE THIS AND seq = 2";
    let stranger = "8X".to_owned();
    let other = hearback_core::IncidentId::new(format!("INC-{stranger}")).unwrap();
    record.append(&other, Expect::Any, vec![note(0, "a"), note(1, "b")]).await.unwrap();
    check(9, swap, Broken::Stranger { seq: 2 }).await;
}

pub async fn a_record_cut_short_is_noticed_with_the_exported_head(place: Place) {
    let record = place.open().await;
    let one = incident(1);
    let head = record.append(&one, Expect::Any, vec![note(0, "a"), note(1, "b")]).await.unwrap()[1].head();
    place.tamper("DELETE FROM entry WHERE seq = 2");
    assert!(verify(&*record, &one, None).await.is_ok(), "what is left is a chain: only the head can tell");
    let noticed = verify(&*record, &one, Some(head)).await.unwrap_err();
    assert_eq!(
        noticed.to_string(),
        "the record was cut short or rewritten: it should hold entry 2 with the exported head's hash"
    );
}

pub async fn a_changed_snapshot_is_noticed(place: Place) {
    let record = place.open().await;
    let logs = snapshot("checkout: 500");
    record.keep(&logs).await.unwrap();
    record.append(&incident(1), Expect::Any, vec![gathered(0, &logs)]).await.unwrap();
    verify(&*record, &incident(1), None).await.unwrap();
    place.tamper("UPDATE snapshot SET json = replace(json, '500', '200')");
    let noticed = verify(&*record, &incident(1), None).await.unwrap_err().to_string();
    assert!(noticed.contains("was changed: its content does not match its id"), "{noticed}");
}
