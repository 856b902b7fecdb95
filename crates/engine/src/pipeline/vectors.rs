//! The vectors of a batch's texts, asked for a window ahead: while one window is folded, the next is computed.
//!
//! - **V1** every text gets the answer to it, in order.
//! - **V2** a batch of at most [`WINDOW_TEXTS`] texts waits once: for as long as the screener does, less what was spent on
//!   gathering it. Of a larger one each further window waits from the moment on when the one before it began to be folded.
//! - **V3** a tier that panics did not answer: the texts of that window are `Refused`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use std::vec;

use tidegate_domain::assessment::{Embedded, Embedding, Screener};

/// Texts asked for at once: about as many as are folded in the time that texts wait for an encoder (40 ms), so that neither
/// waits for the other.
const WINDOW_TEXTS: usize = 2_048;

/// Vectors, in the order of their texts.
pub(super) struct Vectors<'a> {
    screener: &'a dyn Screener,
    /// Not yet asked for.
    texts: &'a [&'a str],
    /// Asked for, and of how many texts.
    coming: Option<(Embedding, usize)>,
    here: vec::IntoIter<Embedded>,
    waited: Option<Duration>,
}

impl<'a> Vectors<'a> {
    /// Asks for the first ones, which have waited for `spent` already.
    pub(super) fn ask(screener: &'a dyn Screener, texts: &'a [&'a str], spent: Duration) -> Self {
        let mut vectors = Self { screener, texts, coming: None, here: Vec::new().into_iter(), waited: None };
        vectors.ask_window(spent);
        vectors
    }

    fn ask_window(&mut self, spent: Duration) {
        let (window, rest) = self.texts.split_at(self.texts.len().min(WINDOW_TEXTS));
        self.texts = rest;
        let screener = self.screener;
        self.coming = (!window.is_empty()).then(|| {
            let asked = catch_unwind(AssertUnwindSafe(|| screener.embed(window, spent)));
            (asked.unwrap_or_else(|_| Embedding::Known(refused(window.len()))), window.len())
        });
    }

    /// The answer to the next text; blocks if it has to be waited for.
    pub(super) fn next(&mut self) -> Embedded {
        if self.here.len() == 0
            && let Some((coming, texts)) = self.coming.take()
        {
            let started = Instant::now();
            let here = catch_unwind(AssertUnwindSafe(|| coming.wait())).unwrap_or_else(|_| refused(texts));
            if here.iter().any(|embedded| !matches!(embedded, Embedded::Off)) {
                *self.waited.get_or_insert_default() += started.elapsed();
            }
            self.here = here.into_iter();
            self.ask_window(Duration::ZERO);
        }
        self.here.next().unwrap_or_default()
    }

    /// How long texts were waited for, if any was to have a vector.
    pub(super) fn waited(&self) -> Option<Duration> {
        self.waited
    }
}

fn refused(texts: usize) -> Vec<Embedded> {
    vec![Embedded::Refused; texts]
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tidegate_domain::assessment::{Assessment, Input};

    use super::*;

    /// Says what it is asked and waited for; the vector of a text is its length.
    #[derive(Default)]
    struct Encoder(std::sync::Arc<Mutex<Vec<String>>>);

    impl Screener for Encoder {
        fn screen(&self, _: &Input<'_>) -> Assessment {
            Assessment::default()
        }

        fn embed(&self, texts: &[&str], spent: Duration) -> Embedding {
            assert!(!texts[0].starts_with("ask"));
            self.0.lock().unwrap().push(format!("ask {} after {}", texts.len(), spent.as_millis()));
            let (said, poison) = (std::sync::Arc::clone(&self.0), texts[0].starts_with("wait"));
            let vectors: Vec<_> =
                texts.iter().map(|text| Embedded::Vector([text.len() as f32].into())).collect();
            Embedding::Coming(Box::new(move || {
                assert!(!poison);
                said.lock().unwrap().push(format!("wait {}", vectors.len()));
                vectors
            }))
        }

        fn version(&self) -> &str {
            "encoder-1"
        }
    }

    fn texts(count: usize) -> Vec<String> {
        (0..count).map(|length| "x".repeat(length % 7)).collect()
    }

    fn length(embedded: &Embedded) -> Option<f32> {
        if let Embedded::Vector(vector) = embedded { Some(vector[0]) } else { None }
    }

    #[test]
    fn v1_v2_a_window_is_asked_for_before_the_one_ahead_of_it_is_folded() {
        let (encoder, texts) = (Encoder::default(), texts(2 * WINDOW_TEXTS + 5));
        let views: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut vectors = Vectors::ask(&encoder, &views, Duration::from_millis(9));
        assert_eq!(vectors.waited(), None);
        assert_eq!(length(&vectors.next()), Some(0.0));
        let said = |encoder: &Encoder| encoder.0.lock().unwrap().join(", ");
        assert_eq!(said(&encoder), "ask 2048 after 9, wait 2048, ask 2048 after 0");
        for text in &views[1..] {
            assert_eq!(length(&vectors.next()), Some(text.len() as f32));
        }
        let all = "ask 2048 after 9, wait 2048, ask 2048 after 0, wait 2048, ask 5 after 0, wait 5";
        assert_eq!(said(&encoder), all);
        assert!(vectors.waited().is_some());
    }

    #[test]
    fn v3_a_tier_that_panics_costs_its_window_the_vectors() {
        for poison in ["ask", "wait"] {
            let (encoder, mut texts) = (Encoder::default(), texts(WINDOW_TEXTS + 2));
            texts[0] = poison.to_owned();
            let views: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut vectors = Vectors::ask(&encoder, &views, Duration::from_millis(9));
            let first: Vec<_> = (0..WINDOW_TEXTS).map(|_| vectors.next()).collect();
            assert!(first.iter().all(|embedded| matches!(embedded, Embedded::Refused)));
            assert!(length(&vectors.next()).is_some());
        }
    }
}
