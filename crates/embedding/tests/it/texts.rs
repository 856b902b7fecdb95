//! E4: no text is too strange, for an encoder or for hashing.

use proptest::prelude::*;
use tidegate_embedding::{BertEmbedder, Embedder, HashedEmbedder, ModelSettings};

use crate::tiny;

fn assert_lawful(embedder: &dyn Embedder, text: &str) {
    let vectors = embedder.embed(&[text, "hello"]).unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        assert_eq!(vector.len(), embedder.dims());
        let length = vector.cosine(&vector);
        assert!(length == 0.0 || (length - 1.0).abs() < 1e-4, "{length}");
    }
}

#[test]
fn strange_texts_give_vectors() {
    let directory = tiny::directory();
    let encoder = BertEmbedder::open(directory.path(), &ModelSettings::default()).unwrap();
    let texts = [
        String::new(),
        " \u{a0}\u{2003}\n".to_owned(),
        "\0\u{7f}\u{feff}\u{fffd}".to_owned(),
        "x".repeat(1 << 20),
        " ".repeat(1 << 20),
        "é".repeat(1 << 19),
        format!("a{}", "\u{301}".repeat(10_000)),
        "\u{202e}\u{2066}hello\u{202c}\u{200f}".repeat(500),
        "🙂👩‍👩‍👧‍👦🏳️‍🌈".repeat(300),
        "[CLS] [SEP] [PAD] [MASK] [UNK]".repeat(100),
        "我想取消我的订单".repeat(2_000),
        "a ".repeat(100_000),
    ];
    for text in &texts {
        assert_lawful(&encoder, text);
        assert_lawful(&HashedEmbedder, text);
    }
}

#[test]
fn text_is_cut_before_it_is_tokenized_and_to_the_positions_of_the_model() {
    let directory = tiny::directory();
    let settings = ModelSettings { max_tokens: 8, ..ModelSettings::default() };
    let short = BertEmbedder::open(directory.path(), &settings).unwrap();
    let filled = |tail: &str| format!("hello{}{tail}", " ".repeat(64 * 8));
    assert_eq!(
        short.embed(&[&filled("world")]).unwrap(),
        short.embed(&["hello"]).unwrap(),
        "beyond the byte limit"
    );
    assert_eq!(short.count_tokens(&"hello ".repeat(50)).unwrap(), 8);
    let whole = BertEmbedder::open(directory.path(), &ModelSettings::default()).unwrap();
    assert_eq!(
        whole.count_tokens(&"hello ".repeat(50)).unwrap(),
        tiny::POSITIONS,
        "fewer positions than tokens"
    );
}

proptest! {
    #[test]
    fn any_text_gives_a_unit_vector_or_zeros(text in any::<String>()) {
        assert_lawful(&HashedEmbedder, &text);
    }
}
