//! From files to requests, on a thread of its own.

use std::io;
use std::sync::Arc;

use anyhow::Context;
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::batch::{Batch, Batcher, Place};
use super::lines::{Files, Line, Lines};
use super::row::Translator;

/// Reads `files` to their ends and hands over requests; ends early when nobody takes them any more.
///
/// Errors: a file cannot be read on. What was read before has been handed over.
pub(super) fn read(
    files: Files,
    mut batcher: Batcher,
    send: &mpsc::Sender<Batch>,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    for lines in files.into_lines(bar) {
        let mut lines = lines?;
        let taken = read_file(&mut lines, &mut batcher, send);
        if !taken.with_context(|| format!("cannot read {} after line {}", lines.path, lines.number))? {
            return Ok(());
        }
    }
    // Nobody takes it: then the sender's error is the one to tell.
    let _ = send.blocking_send(batcher.finish());
    Ok(())
}

/// False if nobody takes requests any more.
fn read_file(lines: &mut Lines, batcher: &mut Batcher, send: &mpsc::Sender<Batch>) -> io::Result<bool> {
    let (file, stem) = (Arc::clone(&lines.path), lines.stem.clone());
    while let Some((line, text)) = lines.next()? {
        let translator =
            Translator { door: batcher.door, project: batcher.project.as_deref(), stem: &stem, line };
        let events = match text {
            Line::Text(row) => translator.events(row),
            Line::Unreadable(why) => Err((String::new(), why)),
        };
        let place = Place { file: Arc::clone(&file), line };
        batcher.row();
        match events {
            Err((pointer, detail)) => batcher.refuse(place, pointer, detail),
            Ok(events) => {
                for event in &events {
                    if let Some(full) = batcher.push(place.clone(), event)
                        && send.blocking_send(full).is_err()
                    {
                        return Ok(false);
                    }
                }
            }
        }
    }
    Ok(true)
}
