//! A stream listened to until it has said everything: events become a reply, and silence has a limit. It must not know whom
//! it listens to.

use hearback_http::{HttpError, Pieces};
use serde_json::Value;
use tokio::time::{Duration, timeout};

use super::assembly::Assembly;
use super::events::{Event, Events};
use super::wire::Answer;

/// What ends a stream of this API.
const DONE: &str = "[DONE]";

/// Where bytes come from.
pub(crate) trait Source {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError>;
}

impl Source for Pieces {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        Pieces::next(self).await
    }
}

/// How long silence may last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Before the first piece.
    pub(crate) first: Duration,
    /// Between two.
    pub(crate) next: Duration,
}

/// Why a stream ended before its reply did.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// Nothing came for so long.
    Silent(Duration),
    /// The connection had its own end.
    Http(HttpError),
    /// The server told of an error where a piece was expected.
    Told(Value),
    /// It sent something that is no piece.
    NoPiece,
    /// It ended as if all had been said.
    Ended,
}

/// Listens until the reply is at its end. What has come so far, and what was in the way of the rest. A reply whose end was
/// said is whole, even if the stream breaks before it counts its tokens.
pub(crate) async fn listen(
    source: &mut impl Source,
    patience: Patience,
) -> (Assembly, Result<(), Interrupted>) {
    let mut assembly = Assembly::default();
    let heard = hear_all(source, patience, &mut assembly).await;
    match heard {
        Err(Interrupted::Silent(_) | Interrupted::Http(_) | Interrupted::Ended) if assembly.is_finished() => {
            (assembly, Ok(()))
        }
        other => (assembly, other),
    }
}

async fn hear_all(
    source: &mut impl Source,
    patience: Patience,
    assembly: &mut Assembly,
) -> Result<(), Interrupted> {
    let mut events = Events::default();
    let mut most = patience.first;
    loop {
        let piece = timeout(most, source.next()).await.map_err(|_| Interrupted::Silent(most))?;
        most = patience.next;
        let Some(piece) = piece.map_err(Interrupted::Http)? else { break };
        for event in events.push(&piece) {
            if hear(&event, assembly)? == Heard::End {
                return Ok(());
            }
        }
    }
    match events.finish().map(|event| hear(&event, assembly)).transpose()? {
        Some(Heard::End) => Ok(()),
        Some(Heard::Piece) | None => Err(Interrupted::Ended),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Piece,
    End,
}

fn hear(event: &Event, assembly: &mut Assembly) -> Result<Heard, Interrupted> {
    let data = event.data.trim();
    if data == DONE {
        // What ends before its reply does has broken off.
        return if assembly.is_finished() { Ok(Heard::End) } else { Err(Interrupted::Ended) };
    }
    if data.is_empty() {
        return Ok(Heard::Piece);
    }
    let parsed: Option<Answer> = serde_json::from_str(data).ok();
    match parsed {
        Some(Answer { error: Some(error), .. }) if !error.is_null() => Err(Interrupted::Told(error)),
        _ if event.kind == "error" => {
            Err(Interrupted::Told(serde_json::from_str(data).unwrap_or_else(|_| Value::from(data))))
        }
        Some(answer) => {
            assembly.take(answer);
            Ok(Heard::Piece)
        }
        None => Err(Interrupted::NoPiece),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use hearback_core::model::{Ended, ReplyForm};
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Bytes, each after so many seconds; then silence or the end.
    struct Scripted {
        pieces: VecDeque<(u64, &'static str)>,
        ends: bool,
    }

    impl Source for Scripted {
        async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
            let Some((after, piece)) = self.pieces.pop_front() else {
                return if self.ends { Ok(None) } else { std::future::pending().await };
            };
            sleep(Duration::from_secs(after)).await;
            Ok(Some(piece.as_bytes().to_vec()))
        }
    }

    const PATIENCE: Patience = Patience { first: Duration::from_secs(60), next: Duration::from_secs(10) };
    const IT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"It \"}}]}\n\n";
    const WAS: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"was.\"}}]}\n\n";
    const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

    async fn run(pieces: &[(u64, &'static str)], ends: bool) -> (Assembly, Result<(), Interrupted>) {
        let mut source = Scripted { pieces: pieces.iter().copied().collect(), ends };
        listen(&mut source, PATIENCE).await
    }

    async fn check_whole(pieces: &[(u64, &'static str)], ends: bool) {
        let (assembly, heard) = run(pieces, ends).await;
        assert!(heard.is_ok(), "{pieces:?}: {heard:?}");
        let made = assembly.finish(&[], &ReplyForm::Text).unwrap();
        assert_eq!((made.text, made.ended), (Some("It was.".into()), Ended::Done), "{pieces:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_stream_is_heard_to_its_end() {
        let begun = Instant::now();
        check_whole(
            &[(59, IT), (9, ": alive\n\n"), (9, ": alive\n\n"), (9, WAS), (9, STOP), (9, "data: [DONE]\n\n")],
            false,
        )
        .await;
        assert_eq!(begun.elapsed().as_secs(), 104);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it() {
        let begun = Instant::now();
        let (assembly, heard) = run(&[], false).await;
        assert!(matches!(heard, Err(Interrupted::Silent(most)) if most.as_secs() == 60), "{heard:?}");
        assert!(!assembly.is_begun());
        let (assembly, heard) = run(&[(1, IT), (11, WAS)], false).await;
        assert!(matches!(heard, Err(Interrupted::Silent(most)) if most.as_secs() == 10), "{heard:?}");
        assert!(assembly.is_begun());
        assert_eq!(begun.elapsed().as_secs(), 71);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_whose_end_was_said_is_whole() {
        check_whole(&[(0, IT), (0, WAS), (0, STOP)], true).await;
        check_whole(&[(0, IT), (0, WAS), (0, STOP)], false).await;
        check_whole(&[(0, IT), (0, WAS), (0, STOP), (0, "data: [DONE]")], true).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_breaks_off_is_no_reply() {
        for pieces in [&[][..], &[(0, IT)], &[(0, IT), (0, "data: [DONE]\n\n")], &[(0, ": alive\n\n")]] {
            let (_, heard) = run(pieces, true).await;
            assert!(matches!(heard, Err(Interrupted::Ended)), "{pieces:?}: {heard:?}");
        }
        let (_, heard) = run(&[(0, IT), (0, "data: {\"choices\":[{\"del")], true).await;
        assert!(matches!(heard, Err(Interrupted::NoPiece)), "{heard:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_in_the_stream_is_an_error() {
        for piece in [
            "data: {\"error\":{\"message\":\"no memory\"}}\n\n",
            "event: error\ndata: {\"error\":{\"message\":\"no memory\"}}\n\n",
            "event: error\ndata: {\"message\":\"no memory\"}\n\n",
            "event: error\ndata: no memory\n\n",
        ] {
            let (_, heard) = run(&[(0, IT), (0, STOP), (0, piece)], true).await;
            assert!(
                matches!(&heard, Err(Interrupted::Told(told)) if told.to_string().contains("no memory")),
                "{heard:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_character_may_be_cut_in_two() {
        struct Bytes(VecDeque<Vec<u8>>);
        impl Source for Bytes {
            async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
                Ok(self.0.pop_front())
            }
        }
        let stream = format!("{}{STOP}", IT.replace("It ", "Überläufe 🛫"));
        let mut source = Bytes(stream.bytes().map(|byte| vec![byte]).collect());
        let (assembly, heard) = listen(&mut source, PATIENCE).await;
        assert!(heard.is_ok(), "{heard:?}");
        let made = assembly.finish(&[], &ReplyForm::Text).unwrap();
        assert_eq!(made.text, Some("Überläufe 🛫".into()));
    }
}
