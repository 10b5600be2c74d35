//! What the cache saves, and what it survives.

use super::*;

/// Makes vectors out of a text's length, and counts.
#[derive(Debug)]
struct Counting {
    space: VectorSpace,
    asked: Mutex<Vec<String>>,
    fails: bool,
}

impl Counting {
    fn new(model: &str) -> Self {
        let space = VectorSpace { model: model.into(), dimension: 2 };
        Counting { space, asked: Mutex::default(), fails: false }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn expected(text: &str) -> Vec<f32> {
    let angle = text.len() as f32;
    vec![angle.cos(), angle.sin()]
}

#[async_trait]
impl Embedder for Counting {
    fn space(&self) -> &VectorSpace {
        &self.space
    }

    async fn embed(
        &self,
        texts: &[String],
        _texts_are: EmbedAs,
        budget: SignedDuration,
    ) -> Result<Vec<Vec<f32>>, MemoryError> {
        if self.fails {
            return Err(MemoryError::TimedOut(budget));
        }
        self.asked.lock().unwrap().extend(texts.iter().cloned());
        Ok(texts.iter().map(|text| expected(text)).collect())
    }
}

const AMPLE: SignedDuration = SignedDuration::from_secs(60);

fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

fn cached(model: &str, path: &Path) -> Cached<Counting> {
    Cached::new(Counting::new(model), Arc::new(VectorCache::open(path, 1000)))
}

async fn check(cached: &Cached<Counting>, of: &[&str], texts_are: EmbedAs, asked: &[&str]) {
    let vectors = cached.embed(&texts(of), texts_are, AMPLE).await.unwrap();
    assert_eq!(vectors, of.iter().map(|text| expected(text)).collect::<Vec<_>>());
    assert_eq!(cached.inner().asked(), texts(asked));
}

#[tokio::test]
async fn what_was_seen_is_not_asked_for_again_even_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.db");
    let first = cached("m", &path);
    check(&first, &["a", "bb", "a"], EmbedAs::Passage, &["a", "bb"]).await;
    check(&first, &["bb", "ccc", "a"], EmbedAs::Passage, &["ccc"]).await;
    check(&cached("m", &path), &["ccc", "bb"], EmbedAs::Passage, &[]).await;
    check(&first, &[], EmbedAs::Passage, &[]).await;
}

#[tokio::test]
async fn another_model_or_another_use_is_another_vector() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.db");
    check(&cached("m", &path), &["a"], EmbedAs::Passage, &["a"]).await;
    check(&cached("m", &path), &["a"], EmbedAs::Query, &["a"]).await;
    check(&cached("n", &path), &["a"], EmbedAs::Passage, &["a"]).await;
}

#[tokio::test]
async fn the_file_holds_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.db");
    check(&cached("m", &path), &["the secret of the house"], EmbedAs::Passage, &["the secret of the house"])
        .await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(10).any(|window| window == b"the secret"));
    }
}

#[tokio::test]
async fn the_first_written_go_when_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(VectorCache::open(&folder.path().join("vectors.db"), 2));
    let cached = Cached::new(Counting::new("m"), cache);
    check(&cached, &["a", "bb", "ccc"], EmbedAs::Passage, &["a", "bb", "ccc"]).await;
    check(&cached, &["bb", "ccc"], EmbedAs::Passage, &[]).await;
    check(&cached, &["a"], EmbedAs::Passage, &["a"]).await;
}

#[tokio::test]
async fn a_vector_that_was_damaged_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.db");
    check(&cached("m", &path), &["a", "bb"], EmbedAs::Passage, &["a", "bb"]).await;
    let connection = Connection::open(&path).unwrap();
    connection.execute("UPDATE vectors SET vector = x'0000c07f0000c07f' WHERE place = 1", []).unwrap();
    connection.execute("UPDATE vectors SET vector = x'00' WHERE place = 2", []).unwrap();
    drop(connection);
    check(&cached("m", &path), &["a", "bb"], EmbedAs::Passage, &["a", "bb"]).await;
    check(&cached("m", &path), &["a", "bb"], EmbedAs::Passage, &[]).await;
}

#[tokio::test]
async fn a_file_of_somebody_else_is_left_alone_and_the_work_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("theirs.db");
    let connection = Connection::open(&database).unwrap();
    connection.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);").unwrap();
    drop(connection);
    let letter = folder.path().join("letter.txt");
    std::fs::write(&letter, "Dear Ada, ".repeat(500)).unwrap();
    for path in [database, letter] {
        let before = std::fs::read(&path).unwrap();
        let cached = cached("m", &path);
        assert!(!cached.cache.is_usable());
        check(&cached, &["a"], EmbedAs::Passage, &["a"]).await;
        check(&cached, &["a"], EmbedAs::Passage, &["a"]).await;
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_file_of_another_version_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.db");
    check(&cached("m", &path), &["a"], EmbedAs::Passage, &["a"]).await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA + 1).unwrap();
    check(&cached("m", &path), &["a"], EmbedAs::Passage, &["a"]).await;
    check(&cached("m", &path), &["a"], EmbedAs::Passage, &[]).await;
}

#[tokio::test]
async fn more_than_one_step_comes_back_in_order_and_what_was_done_in_time_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.db");
    let many: Vec<String> = (0..STEP * 2 + 3).map(|i| "x".repeat(i)).collect();
    let first = cached("m", &path);
    let vectors = first.embed(&many, EmbedAs::Passage, AMPLE).await.unwrap();
    assert_eq!(vectors, many.iter().map(|text| expected(text)).collect::<Vec<_>>());
    // Nothing is forgotten when the embedder inside runs out of time.
    let mut late = cached("m", &path);
    late.inner.fails = true;
    assert_eq!(late.embed(&texts(&["new"]), EmbedAs::Query, AMPLE).await, Err(MemoryError::TimedOut(AMPLE)));
    assert_eq!(late.embed(&many[900..909], EmbedAs::Passage, AMPLE).await.unwrap(), vectors[900..909]);
}
