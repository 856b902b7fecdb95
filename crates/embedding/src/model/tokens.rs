//! `tokenizer.json`: texts to token ids, under limits of ours.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::{Tokenizer, TruncationParams};

use super::config::Config;
use super::file::ModelFile;
use super::{ModelError, ModelSettings};
use crate::embedder::EmbedError;

/// A tokenizer with our limits instead of those of its file.
#[derive(Debug)]
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    prefix: String,
    text_bytes_max: usize,
}

impl Tokens {
    /// Largest `tokenizer.json` read.
    pub(crate) const FILE_BYTES_MAX: u64 = 64 << 20;
    /// Bytes of a text looked at for each token kept: some ten times what a token of prose takes. Beyond
    /// `64 · max_tokens` bytes (16 KiB by default) a text is cut before it is tokenized, so that a megabyte of one
    /// letter or of white space costs no more than a page.
    const BYTES_PER_TOKEN: usize = 64;

    /// Reads a tokenizer and checks that each of its ids has a row in the model.
    ///
    /// - Errors: the file is malformed, names an id beyond the vocabulary, or leaves no room for a token.
    pub(crate) fn parse(
        file: &ModelFile,
        settings: &ModelSettings,
        config: &Config,
    ) -> Result<Self, ModelError> {
        let max_length = settings.max_tokens.min(config.max_position_embeddings);
        let read = || -> Result<Tokenizer, tokenizers::Error> {
            let mut tokenizer = Tokenizer::from_bytes(&file.bytes)?;
            tokenizer.with_padding(None);
            tokenizer
                .with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() }))?;
            tokenizer.encode_fast("a", true)?;
            Ok(tokenizer)
        };
        // The library does not promise to return an error for a file that parses but contradicts itself.
        let read = catch_unwind(AssertUnwindSafe(read))
            .unwrap_or_else(|_| Err("the tokenizer's parts contradict each other".into()));
        let tokenizer = read.map_err(|source| ModelError::malformed(&file.path, source))?;
        let highest = tokenizer.get_vocab(true).into_values().max();
        if highest.is_none_or(|id| id as usize >= config.vocab_size) {
            let found = highest.map_or("no token".to_owned(), |id| format!("id {id}"));
            let expected = format!("ids below vocab_size {} of config.json", config.vocab_size);
            return Err(ModelError::mismatch(&file.path, expected, found));
        }
        let text_bytes_max = Self::BYTES_PER_TOKEN * settings.max_tokens;
        Ok(Self { tokenizer, prefix: settings.prefix.clone(), text_bytes_max })
    }

    /// Token ids of a text, special ones included: at most `max_tokens`, each below the vocabulary's size.
    pub(crate) fn of(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        let cut = &text[..text.floor_char_boundary(self.text_bytes_max)];
        let input = match self.prefix.as_str() {
            "" => Cow::Borrowed(cut),
            prefix => Cow::Owned(format!("{prefix}{cut}")),
        };
        let encoding = self.tokenizer.encode_fast(input, true).map_err(EmbedError::Tokenizer)?;
        Ok(encoding.get_ids().to_vec())
    }
}
