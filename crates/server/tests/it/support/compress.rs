//! Encoded bodies.

use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::stream::encode_all(bytes, 1).expect("memory takes all")
}

pub(crate) fn brotli(bytes: &[u8]) -> Vec<u8> {
    brotli_with(bytes, 22, false)
}

/// A brotli stream that asks for a window of `2^log` bytes; above 24 by an extension that RFC 7932 does not know.
pub(crate) fn brotli_with_window(bytes: &[u8], log: i32) -> Vec<u8> {
    brotli_with(bytes, log, true)
}

fn brotli_with(mut bytes: &[u8], window_log: i32, is_large: bool) -> Vec<u8> {
    let wanted = BrotliEncoderParams {
        quality: 2,
        lgwin: window_log,
        large_window: is_large,
        ..BrotliEncoderParams::default()
    };
    let mut out = Vec::new();
    ::brotli::BrotliCompress(&mut bytes, &mut out, &wanted).expect("memory takes all");
    out
}

/// A zstd frame that asks for a window of `2^log` bytes.
pub(crate) fn zstd_with_window(bytes: &[u8], log: u32) -> Vec<u8> {
    let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 1).expect("a level");
    encoder.window_log(log).expect("a window");
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}
