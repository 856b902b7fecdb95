//! The parts of a backup's stream as bytes. The format is described in [`super`].

use std::io::{self, Read, Write};

use bytes::{Buf, BufMut, Bytes};
use data_encoding::HEXLOWER;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidegate_domain::dedup::Key;
use tidegate_domain::entry::Entry;
use tidegate_domain::id::{Position, ProjectId};
use tidegate_domain::label::Exemplar;
use tidegate_domain::ports::{KeyRecord, Project, Scopes};
use tidegate_domain::time::UnixMs;

use super::{Header, Trailer};

const HEADER: u8 = b'H';
const RECORD: u8 = b'R';
const PROJECT: u8 = b'P';
const KEY: u8 = b'K';
const EXEMPLAR: u8 = b'X';
const TRAILER: u8 = b'T';

const HAS_SESSION: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_FINGERPRINT: u8 = 4;

/// Largest body: no log holds a larger record.
const BODY_MAX_BYTES: usize = 512 << 20;

/// One part of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The first one.
    Header(Header),
    /// A record of the log.
    Record(Entry),
    /// A project.
    Project(Project),
    /// An API key, by its hash.
    Key(KeyRecord),
    /// A labelled text.
    Exemplar(Exemplar),
    /// The last one.
    Trailer(Trailer),
}

#[derive(Serialize, Deserialize)]
struct ProjectRow {
    id: ProjectId,
    created_at_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct KeyRow {
    id: String,
    sha256: String,
    project: ProjectId,
    scopes: String,
    label: String,
    created_at_ms: i64,
    expires_at_ms: Option<i64>,
    revoked_at_ms: Option<i64>,
}

impl Item {
    /// Writes the part to `out`.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (kind, body) = match self {
            Self::Header(header) => (HEADER, serde_json::to_vec(header)?),
            Self::Record(entry) => return write_record(entry, out),
            Self::Project(project) => (PROJECT, serde_json::to_vec(&project_row(project))?),
            Self::Key(key) => (KEY, serde_json::to_vec(&key_row(key))?),
            Self::Exemplar(exemplar) => (EXEMPLAR, serde_json::to_vec(exemplar)?),
            Self::Trailer(trailer) => (TRAILER, serde_json::to_vec(trailer)?),
        };
        write_head(kind, body.len(), out)?;
        out.write_all(&body)
    }

    /// Reads the next part.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 5];
        from.read_exact(&mut head)?;
        let len = (&head[1..]).get_u32_le() as usize;
        if len > BODY_MAX_BYTES {
            return Err(invalid("a part is too large"));
        }
        let mut body = Vec::new();
        from.take(len as u64).read_to_end(&mut body)?;
        if body.len() < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match head[0] {
            HEADER => json(&body).map(Self::Header),
            RECORD => record(Bytes::from(body)).map(Self::Record).ok_or_else(|| invalid("a record is cut")),
            PROJECT => json(&body).map(project),
            KEY => key(json(&body)?).map(Self::Key).ok_or_else(|| invalid("a key cannot be read")),
            EXEMPLAR => json(&body).map(Self::Exemplar),
            TRAILER => json(&body).map(Self::Trailer),
            _ => Err(invalid("a part of no known kind")),
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn json<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(body)?)
}

fn write_head(kind: u8, len: usize, out: &mut impl Write) -> io::Result<()> {
    let len = u32::try_from(len).map_err(|_| invalid("a part is too large"))?;
    out.write_all(&[kind])?;
    out.write_all(&len.to_le_bytes())
}

fn write_record(entry: &Entry, out: &mut impl Write) -> io::Result<()> {
    let mut meta = Vec::with_capacity(80);
    meta.put_u64_le(entry.position.0);
    meta.put_i64_le(entry.recorded_at.0);
    meta.put_u32_le(entry.checksum);
    meta.put_u64_le(entry.project);
    let flag = |is_there, flag| if is_there { flag } else { 0 };
    meta.put_u8(
        flag(entry.session.is_some(), HAS_SESSION)
            | flag(entry.key.is_some(), HAS_KEY)
            | flag(entry.fingerprint.is_some(), HAS_FINGERPRINT),
    );
    entry.session.iter().for_each(|session| meta.put_u64_le(*session));
    entry.key.iter().for_each(|key| {
        meta.put_u128_le(key.hash);
        meta.put_u64_le(key.digest);
    });
    entry.fingerprint.iter().for_each(|hash| meta.put_u128_le(*hash));
    write_head(RECORD, meta.len() + entry.record.len(), out)?;
    out.write_all(&meta)?;
    out.write_all(&entry.record)
}

fn record(mut body: Bytes) -> Option<Entry> {
    let position = Position(body.try_get_u64_le().ok()?);
    let recorded_at = UnixMs(body.try_get_i64_le().ok()?);
    let checksum = body.try_get_u32_le().ok()?;
    let project = body.try_get_u64_le().ok()?;
    let flags = body.try_get_u8().ok()?;
    let session = if flags & HAS_SESSION == 0 { None } else { Some(body.try_get_u64_le().ok()?) };
    let key = if flags & HAS_KEY == 0 {
        None
    } else {
        Some(Key { hash: body.try_get_u128_le().ok()?, digest: body.try_get_u64_le().ok()? })
    };
    let fingerprint = if flags & HAS_FINGERPRINT == 0 { None } else { Some(body.try_get_u128_le().ok()?) };
    Some(Entry { position, recorded_at, checksum, project, session, key, fingerprint, record: body })
}

fn project_row(project: &Project) -> ProjectRow {
    ProjectRow { id: project.id.clone(), created_at_ms: project.created_at.0 }
}

fn project(row: ProjectRow) -> Item {
    Item::Project(Project { id: row.id, created_at: UnixMs(row.created_at_ms) })
}

fn key_row(key: &KeyRecord) -> KeyRow {
    KeyRow {
        id: key.id.clone(),
        sha256: HEXLOWER.encode(&key.hash),
        project: key.project.clone(),
        scopes: key.scopes.to_string(),
        label: key.label.clone(),
        created_at_ms: key.created_at.0,
        expires_at_ms: key.expires_at.map(|at| at.0),
        revoked_at_ms: key.revoked_at.map(|at| at.0),
    }
}

fn key(row: KeyRow) -> Option<KeyRecord> {
    Some(KeyRecord {
        id: row.id,
        hash: HEXLOWER.decode(row.sha256.as_bytes()).ok()?.try_into().ok()?,
        project: row.project,
        scopes: Scopes::parse(&row.scopes).ok()?,
        label: row.label,
        created_at: UnixMs(row.created_at_ms),
        expires_at: row.expires_at_ms.map(UnixMs),
        revoked_at: row.revoked_at_ms.map(UnixMs),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_went(
            position: u64, ms: i64, checksum: u32, project: u64, session: Option<u64>, key: Option<(u128, u64)>,
            fingerprint: Option<u128>, record: Vec<u8>,
        ) {
            let entry = Entry {
                position: Position(position), recorded_at: UnixMs(ms), checksum, project, session,
                key: key.map(|(hash, digest)| Key { hash, digest }), fingerprint, record: record.into(),
            };
            let mut bytes = Vec::new();
            Item::Record(entry.clone()).write(&mut bytes).unwrap();
            prop_assert_eq!(Item::read(&mut bytes.as_slice()).unwrap(), Item::Record(entry));
            let cut = bytes.len() - 1;
            prop_assert!(Item::read(&mut &bytes[..cut]).is_err());
        }

        #[test]
        fn any_bytes_are_a_part_or_none(bytes: Vec<u8>) {
            let _ = Item::read(&mut bytes.as_slice());
        }
    }

    #[test]
    fn a_key_comes_back_as_it_went() {
        let key = KeyRecord {
            id: "tg_a".into(),
            hash: [7; 32],
            project: "shop".parse().unwrap(),
            scopes: Scopes::parse("read,admin").unwrap(),
            label: "ü \"".into(),
            created_at: UnixMs(1_763_640_000_001),
            expires_at: Some(UnixMs(i64::MAX)),
            revoked_at: None,
        };
        let mut bytes = Vec::new();
        Item::Key(key.clone()).write(&mut bytes).unwrap();
        assert_eq!(Item::read(&mut bytes.as_slice()).unwrap(), Item::Key(key));
    }
}
