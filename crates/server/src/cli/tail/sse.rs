//! Server-sent events: bytes in, frames out, whatever the pieces they come in.
//!
//! A frame larger than 8 MiB is an error, so that no server can fill our memory.
//!
//! Source: WHATWG HTML, 9.2.6 "Interpreting an event stream".

use std::time::Duration;

use anyhow::bail;

/// Largest line, and largest frame.
const FRAME_MAX_BYTES: usize = 8 << 20;

/// One dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its name; `message` if it has none.
    pub(super) event: String,
    /// Its data; several lines are joined by a line feed.
    pub(super) data: String,
}

/// Reads frames. Ids and the retry time are kept over frames and connections, as the standard wants.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// Bytes of a line that has not ended.
    rest: Vec<u8>,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_return: bool,
    event: String,
    data: String,
    has_data: bool,
    pending_id: Option<String>,
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl Parser {
    /// The id to resume after.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long the server wants us to wait before we connect again.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Forgets a frame that has not ended: its connection broke.
    pub(super) fn reset(&mut self) {
        let kept = Self { last_id: self.last_id.take(), retry: self.retry, ..Self::default() };
        *self = kept;
    }

    /// Reads `bytes` and appends the frames that end in them to `frames`.
    ///
    /// Errors: a frame is larger than [`FRAME_MAX_BYTES`].
    pub(super) fn feed(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> anyhow::Result<()> {
        for piece in bytes.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
            let (line, end) = match piece.split_last() {
                Some((end @ (b'\n' | b'\r'), line)) => (line, Some(*end)),
                _ => (piece, None),
            };
            let is_second_half = self.after_return && line.is_empty() && end == Some(b'\n');
            self.after_return = end == Some(b'\r');
            if is_second_half {
                continue;
            }
            if self.rest.len() + line.len() + self.data.len() > FRAME_MAX_BYTES {
                bail!("the server sent an event of more than {FRAME_MAX_BYTES} bytes");
            }
            self.rest.extend_from_slice(line);
            if end.is_some() {
                let line = std::mem::take(&mut self.rest);
                let text = String::from_utf8_lossy(&line);
                frames.extend(self.line(text.trim_start_matches('\u{feff}')));
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Option<Frame> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.pending_id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            // A comment (nothing before the colon) or a field of the future.
            _ => {}
        }
        None
    }

    /// Ends the frame. One without data only moves the id.
    fn dispatch(&mut self) -> Option<Frame> {
        if let Some(id) = self.pending_id.take() {
            self.last_id = Some(id);
        }
        let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Frame { event, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(pieces: &[&[u8]]) -> (Vec<(String, String)>, Option<String>) {
        let (mut parser, mut frames) = (Parser::default(), Vec::new());
        for piece in pieces {
            parser.feed(piece, &mut frames).unwrap();
        }
        (frames.into_iter().map(|f: Frame| (f.event, f.data)).collect(), parser.last_id)
    }

    #[test]
    fn frames_end_with_a_blank_line_whatever_the_line_ends() {
        for text in [
            "id: 7\nevent: gap\ndata: {}\n\n",
            "id: 7\r\nevent: gap\r\ndata: {}\r\n\r\n",
            "id: 7\revent: gap\rdata: {}\r\r",
        ] {
            let expected = (vec![("gap".into(), "{}".into())], Some("7".into()));
            assert_eq!(frames(&[text.as_bytes()]), expected, "{text:?}");
        }
    }

    #[test]
    fn comments_move_nothing_and_a_frame_without_data_only_the_id() {
        assert_eq!(frames(&[b": heartbeat\n\n"]), (vec![], None));
        assert_eq!(frames(&[b"id: 9\n\n"]), (vec![], Some("9".into())));
        assert_eq!(frames(&[b"id: 9\ndata: never ended\n"]), (vec![], None));
    }

    #[test]
    fn data_lines_are_joined_and_one_space_is_cut() {
        assert_eq!(
            frames(&[b"data:a\ndata:  b\ndata\nfuture: x\n\n"]).0,
            [("message".into(), "a\n b\n".into())]
        );
    }

    #[test]
    fn a_reset_forgets_the_open_frame_but_not_the_id() {
        let (mut parser, mut frames) = (Parser::default(), Vec::new());
        parser.feed(b"retry: 50\nid: 1\ndata: a\n\nid: 2\ndata: half", &mut frames).unwrap();
        parser.reset();
        parser.feed(b"data: c\n\n", &mut frames).unwrap();
        assert_eq!(frames.last().unwrap(), &Frame { event: "message".into(), data: "c".into() });
        assert_eq!((parser.last_id(), parser.retry()), (Some("1"), Some(Duration::from_millis(50))));
    }

    #[test]
    fn a_frame_without_end_is_an_error_and_not_all_memory() {
        let (mut parser, mut frames) = (Parser::default(), Vec::new());
        let piece = vec![b'x'; 1 << 20];
        let fed = (0..9).try_for_each(|_| parser.feed(&piece, &mut frames));
        assert!(fed.is_err());
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(text in "(id: ?[a-c]|data:x|event: e|:c|\r|\n|\r\n){0,40}", cuts in prop::collection::vec(0usize..200, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let ends = cuts.iter().copied().chain(std::iter::once(bytes.len()));
            let pieces: Vec<_> = starts.zip(ends).map(|(start, end)| &bytes[start..end]).collect();
            prop_assert_eq!(frames(&pieces), frames(&[bytes]));
        }
    }
}
