//! Mending the end of the last segment before it is used: a torn tail is cut, an unproven group made durable.

use std::io;

use super::scan::{Scan, Torn};
use super::writer::is_full;
use crate::disk::{Disk, DiskFile};

/// Makes what `scanned` found at the end of segment `first` safe to go on from: durable when this returns.
///
/// A full disk is no reason to refuse the start: what is cut was never acknowledged, and its traces are harmless.
pub(super) fn mend(disk: &dyn Disk, file: &dyn DiskFile, first: u64, scanned: &Scan) -> io::Result<()> {
    if let Some(torn) = &scanned.torn {
        let Torn { from_byte, to_byte, whole_records } = *torn;
        tracing::warn!(first, from_byte, to_byte, whole_records, "log: a torn tail is cut");
        unless_full(cut(disk, file, first, torn))?;
    }
    if let Some(group) = &scanned.unproven {
        // After a failed sync the pages may look clean in memory and never have reached the disk: a sync alone would
        // not write them.
        let mut bytes = vec![0; (group.end - group.start) as usize];
        file.read_exact_at(&mut bytes, group.start)?;
        unless_full(file.write_all_at(&bytes, group.start))?;
    }
    if scanned.torn.is_some() || scanned.unproven.is_some() { file.sync_data() } else { Ok(()) }
}

/// Keeps the torn bytes aside and zeroes them.
fn cut(disk: &dyn Disk, file: &dyn DiskFile, first: u64, torn: &Torn) -> io::Result<()> {
    let mut bytes = vec![0; (torn.to_byte - torn.from_byte) as usize];
    file.read_exact_at(&mut bytes, torn.from_byte)?;
    unless_full(keep_aside(disk, &format!("{first:020}-{}", torn.from_byte), &bytes))?;
    bytes.fill(0);
    file.write_all_at(&bytes, torn.from_byte)
}

/// Writes `bytes` to a new file `<stem>.torn`, or `<stem>-1.torn`, …; not again if one of them holds them already.
fn keep_aside(disk: &dyn Disk, stem: &str, bytes: &[u8]) -> io::Result<()> {
    for number in 0.. {
        let name = if number == 0 { format!("{stem}.torn") } else { format!("{stem}-{number}.torn") };
        match disk.create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if holds(disk.open(&name)?.as_ref(), bytes)? {
                    return Ok(());
                }
            }
            other => {
                let file = other?;
                file.write_all_at(bytes, 0)?;
                file.sync_data()?;
                return disk.sync_dir();
            }
        }
    }
    Ok(())
}

fn holds(file: &dyn DiskFile, bytes: &[u8]) -> io::Result<bool> {
    if file.size()? != bytes.len() as u64 {
        return Ok(false);
    }
    let mut held = vec![0; bytes.len()];
    file.read_exact_at(&mut held, 0)?;
    Ok(held == bytes)
}

fn unless_full(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if is_full(&error) => {
            tracing::error!(error = %error, "log: the disk is full, so the end of the log could not be mended in full");
            Ok(())
        }
        other => other,
    }
}
