//! `hearback memory`: what is indexed, from where, and whether it can be trusted still.

mod added;
mod status;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hearback_core::memory::DocumentId;
use hearback_core::memory::source::{Web, WritingSource};
use hearback_core::{Incident, SourceName};
use hearback_engine::incidents::load;
use hearback_memory::folder::{Folder, walk};
use hearback_memory::following::{Followed, Gone, How};
use hearback_memory::incident::shelve;
use hearback_memory::library::Library;
use hearback_memory::reading::Reader;
use jiff::Timestamp;
use serde_json::json;

use self::added::Added;
use crate::cli::{Add, Memory, Move, Remove, Said};
use crate::config::Config;
use crate::output::{self, Usage};
use crate::progress::Progress;
use crate::wiring;
use crate::wiring::memory::{ADDED, INCIDENTS, Missing, known_services};

/// Listing files may take so long.
const LISTING: std::time::Duration = std::time::Duration::from_secs(120);

pub async fn run(command: Memory, config: &Config) -> Result<ExitCode> {
    match command {
        Memory::Add(arguments) => add(&arguments, config).await,
        Memory::Sync(said) => sync(&said, config).await,
        Memory::Status(said) => status::run(&said, config).await,
        Memory::Remove(arguments) => remove(&arguments, config).await,
        Memory::Move(arguments) => carry(&arguments, config).await,
        Memory::Rebuild(said) => rebuild(&said, config).await,
    }
}

/// The library, or a sentence why there is none.
pub async fn opened(config: &Config, missing: Missing) -> Result<Library> {
    let opened = wiring::memory::open(config, missing).await?;
    opened.map(|opened| opened.library).context(
        "nothing is remembered here yet; `hearback memory add PATH` or `hearback memory sync` begins it",
    )
}

async fn add(arguments: &Add, config: &Config) -> Result<ExitCode> {
    let kind = arguments.kind.map(Into::into);
    let files = files(&arguments.paths)?;
    let progress = Progress::start();
    let library = opened(config, Missing::Make).await?;
    let said = files.iter().map(|file| (file.clone(), kind)).collect();
    let source = Folder::of_files(SourceName::new(ADDED)?, said);
    let followed = follow(&library, &source, Gone::Keep, config, &progress).await?;
    library.store().tidy().await?;
    drop(progress);
    let mut added = Added::read(config)?;
    added.extend(files.into_iter().filter(|file| !is_left_out(&followed, file)).map(|file| (file, kind)));
    added.write(config)?;
    tell(std::slice::from_ref(&followed), arguments.json)?;
    Ok(if followed.left_out.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_left_out(followed: &Followed, file: &Path) -> bool {
    followed.left_out.iter().any(|(name, _)| file.ends_with(name))
}

/// The files that paths and patterns name, absolute.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let until = std::time::Instant::now() + LISTING;
    let mut files = Vec::new();
    for path in paths {
        let path =
            std::path::absolute(path).map_err(|error| Usage(format!("{}: {error}", path.display())))?;
        let mut missing = Vec::new();
        if path.is_dir() {
            files.extend(walk(&path, until, &mut missing));
        } else if path.exists() {
            files.push(path);
        } else if let Some((base, pattern)) = pattern(&path)? {
            files.extend(walk(&base, until, &mut missing).into_iter().filter(|file| pattern.is_match(file)));
        } else {
            return Err(Usage(format!("{} is not there", path.display())).into());
        }
        if let Some(why) = missing.first() {
            return Err(Usage(format!("a folder can't be listed whole: {why}")).into());
        }
    }
    if files.is_empty() {
        return Err(Usage("no document is there: a document ends in .md, .html or .txt".into()).into());
    }
    Ok(files)
}

/// A path with signs of a pattern, and the folder before the first of them.
fn pattern(path: &Path) -> Result<Option<(PathBuf, globset::GlobMatcher)>> {
    let text = path.to_string_lossy();
    if !text.contains(['*', '?', '[', '{']) {
        return Ok(None);
    }
    let glob = globset::GlobBuilder::new(&text)
        .literal_separator(true)
        .build()
        .map_err(|error| Usage(format!("{text} is no pattern: {error}")))?;
    let base = path
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']));
    Ok(Some((base.collect(), glob.compile_matcher())))
}

async fn follow(
    library: &Library,
    source: &dyn WritingSource,
    gone: Gone,
    config: &Config,
    progress: &Progress,
) -> Result<Followed> {
    let services = known_services(config);
    let reader = Reader { services: &services, now: Timestamp::now() };
    let say = progress.listener();
    let name = source.name().to_string();
    let tell = move |done: usize, of: usize| say(format!("{name}: {done} of {of} files"));
    let web = wiring::memory::web(config)?;
    let web = web.as_ref().map(|web| web as &dyn Web);
    Ok(library.follow(source, How { gone, reader, web }, &tell).await?)
}

async fn sync(said: &Said, config: &Config) -> Result<ExitCode> {
    let followed = bring_up_to_date(config).await?;
    tell(&followed, said.json)?;
    let whole = followed.iter().all(|one| one.left_out.is_empty() && one.missing.is_empty());
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Brings everything that is followed to what it is now. A source that fails is told, and does not keep the others.
async fn bring_up_to_date(config: &Config) -> Result<Vec<Followed>> {
    let progress = Progress::start();
    let say = progress.listener();
    wiring::memory::carry_over(config, &move |done, of| {
        say(format!("{done} of {of} documents embedded anew"))
    })
    .await?;
    let library = opened(config, Missing::Make).await?;
    let mut all = Vec::new();
    for source in sources(config)? {
        match follow(&library, source.as_ref(), Gone::Forget, config, &progress).await {
            Ok(followed) => all.push(followed),
            Err(error) => {
                let (source, missing) = (source.name().to_string(), vec![error.to_string()]);
                all.push(Followed { source, missing, ..Followed::default() });
            }
        }
    }
    all.extend(incidents(&library, config).await?);
    library.embed_what_is_missing(&|_, _| {}).await?;
    library.store().tidy().await?;
    Ok(all)
}

/// Everything that is followed: what the configuration names, and the files that were added.
fn sources(config: &Config) -> Result<Vec<Arc<dyn WritingSource>>> {
    let mut sources = wiring::memory::followed(config)?;
    let added = Added::read(config)?.into_files();
    if !added.is_empty() {
        sources.push(Arc::new(Folder::of_files(SourceName::new(ADDED)?, added)));
    }
    Ok(sources)
}

/// Closed incidents of the record; none if there is no record yet.
async fn incidents(library: &Library, config: &Config) -> Result<Option<Followed>> {
    if let crate::config::RecordPlace::Default(folder) = &config.record
        && !folder.join("record.sqlite").exists()
    {
        return Ok(None);
    }
    let record = wiring::record(config).await?;
    let source = SourceName::new(INCIDENTS)?;
    let mut followed = Followed { source: source.to_string(), ..Followed::default() };
    let (services, now) = (known_services(config), Timestamp::now());
    let all = record.incidents().await?;
    let mut documents = Vec::new();
    for (id, _) in &all {
        let (entries, _) = load(record.as_ref(), id).await?;
        let incident = Incident::as_of(id.clone(), &entries, now);
        let Some(document) = shelve(&incident, &source, Reader { services: &services, now }) else {
            continue;
        };
        let known = library.store().find(std::slice::from_ref(&document.filed.id)).await?;
        match known.first() {
            Some(known) if known.version == document.filed.version => followed.unchanged += 1,
            known => {
                *(if known.is_some() { &mut followed.changed } else { &mut followed.added }) += 1;
                documents.push(document);
            }
        }
    }
    followed.searched = format!("{} incidents of the record", all.len());
    library.shelve(documents, &|_, _| {}).await?;
    Ok(Some(followed))
}

fn tell(followed: &[Followed], as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&json!({ "sources": followed }));
    }
    if followed.is_empty() {
        return output::line(
            "Nothing is followed: name folders in [[memory.folder]], or add files with `hearback memory add`.",
        );
    }
    for one in followed {
        let Followed { source, added, changed, unchanged, removed, .. } = one;
        output::line(format!(
            "{source}: {added} new, {changed} changed, {unchanged} as before, {removed} gone"
        ))?;
        for (name, why) in &one.left_out {
            output::line(format!("  left out {name}: {why}"))?;
        }
        for (name, why) in &one.problems {
            output::line(format!("  {name}: {why}"))?;
        }
        for why in &one.missing {
            output::line(format!("  not seen: {why}"))?;
        }
    }
    Ok(())
}

async fn remove(arguments: &Remove, config: &Config) -> Result<ExitCode> {
    let library = opened(config, Missing::Leave).await?;
    let ids: Vec<DocumentId> = match &arguments.source {
        Some(source) => {
            let source = SourceName::new(source.as_str()).map_err(|error| Usage(error.to_string()))?;
            library.of_source(&source).await?
        }
        None => arguments.documents.iter().map(|text| named(text)).collect::<Result<_>>()?,
    };
    let removed = library.store().remove(&ids).await?;
    let mut added = Added::read(config)?;
    added.forget(&ids);
    added.write(config)?;
    if arguments.json {
        output::json(&json!({ "removed": removed }))?;
    } else {
        let what = if removed == 1 { "document" } else { "documents" };
        output::line(format!("{removed} {what} forgotten."))?;
    }
    if removed == 0 {
        return Err(Usage("no such document; `hearback memory status --json` lists them".into()).into());
    }
    Ok(ExitCode::SUCCESS)
}

/// A document by its id, or by the path it was added with.
fn named(text: &str) -> Result<DocumentId> {
    let is_path = Path::new(text).exists() || !text.contains(':');
    let id = if is_path {
        format!("file:{}", std::path::absolute(text)?.to_string_lossy())
    } else {
        text.to_owned()
    };
    DocumentId::new(id).map_err(|error| Usage(error.to_string()).into())
}

async fn carry(arguments: &Move, config: &Config) -> Result<ExitCode> {
    let progress = Progress::start();
    let from = opened(config, Missing::Leave).await?;
    let to = wiring::memory::elsewhere(config, &arguments.to).await?;
    let say = progress.listener();
    let carried = to.carry_from(&from, &move |done, of| say(format!("{done} of {of} documents"))).await?;
    to.store().tidy().await?;
    drop(progress);
    let count = to.store().count().await?;
    if arguments.json {
        return output::json(&json!({ "carried": carried, "there": count })).map(|()| ExitCode::SUCCESS);
    }
    output::line(format!(
        "{carried} documents carried; {} are there now. Set [memory] at = {:?} to use them.",
        count.documents, arguments.to
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn rebuild(said: &Said, config: &Config) -> Result<ExitCode> {
    wiring::memory::destroy(config).await?;
    sync(said, config).await
}
