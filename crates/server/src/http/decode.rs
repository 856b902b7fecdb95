//! Decompressing a request's body: one encoding, at most one byte more than is allowed, nothing after the end.

use std::io::{Error, ErrorKind, Read};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use brotli_decompressor::BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW;

use super::Problem;

/// The largest window a zstd frame may ask for, as a power of two: 8 MiB, the format's advice for receivers.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// How much of a body the brotli decoder looks at in one go.
const BROTLI_BUFFER_BYTES: usize = 8 << 10;
/// How much larger decompressed JSON is, most of the time.
const LIKELY_RATIO: usize = 12;
/// What a client is told that sent another one.
const ACCEPTED: &str = "gzip, deflate, zstd, br";

/// How a body was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Zstd,
    Brotli,
}

/// The encoding that the headers name; 415 for one we do not know, and for more than one.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(first) = encodings.next() else { return Ok(Encoding::Identity) };
    match first.to_str().unwrap_or("?").trim().to_ascii_lowercase().as_str() {
        _ if encodings.next().is_some() => {}
        "" | "identity" => return Ok(Encoding::Identity),
        "gzip" | "x-gzip" => return Ok(Encoding::Gzip),
        "deflate" => return Ok(Encoding::Deflate),
        "zstd" => return Ok(Encoding::Zstd),
        "br" => return Ok(Encoding::Brotli),
        _ => {}
    }
    let detail = format!("content-encoding must be one of {ACCEPTED}, or absent");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", detail)
        .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED)))
}

/// What was in `sent`, at most `max_bytes`. Errors: 400 broken, 413 too large.
pub(super) fn decode(encoding: Encoding, sent: &[u8], max_bytes: usize) -> Result<Vec<u8>, Problem> {
    let limits = Limits { likely: sent.len().saturating_mul(LIKELY_RATIO), max: max_bytes };
    let decoded = limits.decode(encoding, sent).map_err(|error| {
        let detail = format!("the body cannot be decompressed: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "broken-encoding", detail)
    })?;
    decoded.ok_or_else(|| {
        let detail = format!("the decompressed body is larger than server.decoded_max_bytes, {max_bytes}");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    })
}

/// How many bytes will do for most bodies, and how many are allowed.
#[derive(Clone, Copy)]
struct Limits {
    likely: usize,
    max: usize,
}

impl Limits {
    /// `None` if there is more than is allowed. Errors: broken, or followed by something else.
    fn decode(self, encoding: Encoding, sent: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
        match encoding {
            Encoding::Identity => self.read(sent),
            Encoding::Gzip => self.read(flate2::read::MultiGzDecoder::new(sent)),
            Encoding::Deflate => {
                let mut decoder = flate2::bufread::ZlibDecoder::new(sent);
                let Some(decoded) = self.read(&mut decoder)? else { return Ok(None) };
                ended(decoder.get_ref())?;
                Ok(Some(decoded))
            }
            Encoding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(sent)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                self.read(decoder)
            }
            Encoding::Brotli => {
                let mut decoder = brotli_decompressor::Decompressor::new(sent, BROTLI_BUFFER_BYTES);
                // An extension with windows of up to 1 GiB; RFC 7932 itself knows 16 MiB.
                decoder.set_parameter(BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
                let Some(decoded) = self.read(&mut decoder)? else { return Ok(None) };
                // Once more after the end: what lies behind it in the decoder's own buffer is an error.
                let mut probe = [0];
                let more = decoder.read(&mut probe)?;
                ended(&probe[..more])?;
                ended(decoder.get_ref())?;
                Ok(Some(decoded))
            }
        }
    }

    /// All that `reader` gives; `None` once that is a byte more than allowed, for no more is ever decoded. The buffer
    /// grows once, straight to the most it can need: memory that is not written to costs nothing, and copies on the
    /// way there do.
    fn read(self, mut reader: impl Read) -> std::io::Result<Option<Vec<u8>>> {
        let most = self.max + 1;
        let likely = if self.likely > most / 2 { most } else { self.likely };
        let mut bytes = Vec::with_capacity(likely);
        let read = reader.by_ref().take(likely as u64).read_to_end(&mut bytes)?;
        if read == likely {
            bytes.reserve_exact(most - read);
            reader.take((most - read) as u64).read_to_end(&mut bytes)?;
        }
        Ok((bytes.len() < most).then_some(bytes))
    }
}

fn ended(rest: &[u8]) -> std::io::Result<()> {
    if rest.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidData, format!("{} bytes after its end", rest.len())))
}
