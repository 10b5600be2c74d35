//! A source is followed: what is new is read, what stayed is left alone, what is gone is forgotten — unless not everything
//! could be seen.

use std::sync::Mutex;

use async_trait::async_trait;
use hearback_core::memory::DocumentKind;
use hearback_core::memory::source::{Page, Web};
use hearback_memory::following::{Followed, Gone, How};
use jiff::SignedDuration;

use super::{Letters, Pile, how, shelf};

const A: &str = "# A\n\nThe cache was cold.\n";
const B: &str = "# B\n\nThe queue was full.\n";

fn counts(followed: &Followed) -> [usize; 4] {
    [followed.added, followed.changed, followed.unchanged, followed.removed]
}

#[tokio::test]
async fn only_what_changed_is_embedded_again() {
    let letters = Letters::new("letters");
    let shelf = shelf(Some(letters.clone())).await;
    let pile = Pile::new(DocumentKind::Postmortem, &[("a.md", A), ("b.md", B)]);
    let follow = async || shelf.library.follow(&pile, how(), &|_, _| {}).await.unwrap();
    assert_eq!(counts(&follow().await), [2, 0, 0, 0]);
    let embedded = || letters.texts.load(std::sync::atomic::Ordering::SeqCst);
    let first = embedded();
    assert_eq!(counts(&follow().await), [0, 0, 2, 0]);
    assert_eq!(embedded(), first);
    pile.write("b.md", "# B\n\nThe queue was full again.\n");
    pile.write("c.md", "# C\n\nThe disk was full.\n");
    pile.remove("a.md");
    let compared = shelf.library.compare(&pile).await.unwrap();
    let of = |ids: &[hearback_core::memory::DocumentId]| -> Vec<String> {
        ids.iter().map(|id| id.as_str().to_owned()).collect()
    };
    assert_eq!(of(&compared.added), ["memory:pile/c.md"]);
    assert_eq!(of(&compared.changed), ["memory:pile/b.md"]);
    assert_eq!(of(&compared.gone), ["memory:pile/a.md"]);
    assert_eq!(counts(&follow().await), [1, 1, 0, 1]);
    assert_eq!(shelf.library.filed().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_could_not_be_seen_is_not_forgotten() {
    let shelf = shelf(None).await;
    let pile = Pile::new(DocumentKind::Postmortem, &[("a.md", A), ("b.md", B)]);
    shelf.library.follow(&pile, how(), &|_, _| {}).await.unwrap();
    pile.remove("a.md");
    pile.missing.lock().unwrap().push("a folder could not be read".into());
    let followed = shelf.library.follow(&pile, how(), &|_, _| {}).await.unwrap();
    assert_eq!((counts(&followed), followed.missing.len()), ([0, 0, 1, 0], 1));
    pile.missing.lock().unwrap().clear();
    let kept = How { gone: Gone::Keep, ..how() };
    assert_eq!(shelf.library.follow(&pile, kept, &|_, _| {}).await.unwrap().removed, 0);
    assert_eq!(shelf.library.follow(&pile, how(), &|_, _| {}).await.unwrap().removed, 1);
}

#[tokio::test]
async fn a_document_that_can_t_be_read_keeps_its_last_readable_version_out() {
    let shelf = shelf(None).await;
    let pile = Pile::new(DocumentKind::Postmortem, &[("a.md", A), ("b.md", B)]);
    shelf.library.follow(&pile, how(), &|_, _| {}).await.unwrap();
    pile.write("b.md", "\0\u{1}\u{2}");
    let followed = shelf.library.follow(&pile, how(), &|_, _| {}).await.unwrap();
    assert_eq!(followed.left_out.len(), 1, "{followed:?}");
    assert_eq!(counts(&followed), [0, 0, 1, 1], "what it says now is not what is remembered");
}

/// Pages of which some are gone.
#[derive(Default)]
struct Pages {
    gone: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Web for Pages {
    async fn look(&self, url: &str, _: SignedDuration) -> Page {
        self.asked.lock().unwrap().push(url.to_owned());
        match self.gone.lock().unwrap().iter().any(|gone| gone == url) {
            true => Page::Gone("410".into()),
            false => Page::There,
        }
    }
}

#[tokio::test]
async fn a_link_that_dies_later_is_seen_and_one_that_comes_back_too() {
    let shelf = shelf(None).await;
    let text = "# Run\n\n1. See [it](https://wiki.test/a) and [that](b.md)\n";
    let pile = Pile::new(DocumentKind::Runbook, &[("run.md", text)]);
    let pages = Pages::default();
    let looking = How { web: Some(&pages), ..how() };
    let problems = async || {
        shelf.library.follow(&pile, looking, &|_, _| {}).await.unwrap();
        shelf.library.filed().await.unwrap()[0].problems.clone()
    };
    let inside = "it links to b.md, which is not there".to_owned();
    assert_eq!(problems().await, std::slice::from_ref(&inside));
    pages.gone.lock().unwrap().push("https://wiki.test/a".into());
    assert_eq!(
        problems().await,
        [inside.clone(), "it links to https://wiki.test/a, which is gone (410)".into()]
    );
    pages.gone.lock().unwrap().clear();
    assert_eq!(problems().await, [inside]);
    assert_eq!(pages.asked.lock().unwrap().len(), 3, "links inside are not asked for on the web");
}

#[tokio::test]
async fn only_links_of_runbooks_are_looked_at() {
    let shelf = shelf(None).await;
    let pile = Pile::new(DocumentKind::Doc, &[("a.md", "# A\n\n[x](https://wiki.test/a)\n")]);
    let pages = Pages::default();
    let looking = How { web: Some(&pages), ..how() };
    shelf.library.follow(&pile, looking, &|_, _| {}).await.unwrap();
    assert!(pages.asked.lock().unwrap().is_empty());
}
