//! Language: whether a text is English, which the classifiers were trained on.
//!
//! By script first: a text most of whose letters are not Latin is not English. Else by the little words that every
//! sentence has. Short texts without such words count as English: there is nothing to tell by.

use crate::normal::{Normal, hash};

/// Little words of Spanish, French, German, Portuguese, Italian, Dutch and Polish that are no English words.
const OTHERS: [&str; 56] = [
    "el", "los", "las", "una", "que", "por", "para", "como", "esta", "pero", "muy", "del", "le", "les",
    "des", "une", "est", "pas", "dans", "avec", "vous", "nous", "qui", "sur", "der", "das", "und", "ist",
    "nicht", "ein", "eine", "ich", "sie", "wie", "auf", "mit", "von", "zu", "den", "nao", "uma", "com",
    "voce", "il", "che", "di", "sono", "een", "het", "niet", "van", "jest", "nie", "na", "jak", "czy",
];
const ENGLISH: [&str; 40] = [
    "the", "and", "is", "are", "was", "to", "of", "in", "it", "that", "this", "you", "your", "i", "my", "me",
    "we", "they", "he", "she", "for", "with", "on", "at", "not", "be", "have", "has", "do", "does", "can",
    "will", "what", "how", "why", "who", "if", "or", "an", "a",
];
/// So many words are read.
const WORDS_READ: usize = 200;
/// So many little words of another language are needed.
const OTHERS_MIN: usize = 2;

/// Hashes of both lists, computed once.
static LITTLE: std::sync::LazyLock<[Vec<u64>; 2]> = std::sync::LazyLock::new(|| {
    let hashes = |words: &[&str]| {
        let mut hashes: Vec<u64> = words.iter().map(|word| hash(word.as_bytes())).collect();
        hashes.sort_unstable();
        hashes
    };
    [hashes(&ENGLISH), hashes(&OTHERS)]
});

/// Whether a text is English, or too short to tell. Cost O(words read).
pub(crate) fn is_english(normal: &Normal<'_>) -> bool {
    if normal.shape.foreign * 2 > normal.shape.letters {
        return false;
    }
    let count = |list: &[u64]| {
        normal.words.iter().take(WORDS_READ).filter(|word| list.binary_search(&word.hash).is_ok()).count()
    };
    let others = count(&LITTLE[1]);
    others < OTHERS_MIN || others <= count(&LITTLE[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::Lexicon;

    fn english(text: &str) -> bool {
        is_english(&Normal::of(text, &Lexicon::shared()))
    }

    #[test]
    fn english_and_short_texts_are_english() {
        for text in ["", "ok", "Thanks!", "How are you today?", "The van is in the garage", "kys lol", "🤡🤡"]
        {
            assert!(english(text), "{text}");
        }
    }

    #[test]
    fn other_languages_are_told_by_script_or_little_words() {
        for text in [
            "Ich weiß nicht, wie das auf Deutsch heißt",
            "¿Puedes recomendarme un libro para los niños que esta muy bien?",
            "Je ne sais pas dans quelle ville vous êtes",
            "Напишите короткий рассказ о зиме",
            "请写一首关于春天的诗",
            "كيف أتعلم اللغة الإنجليزية؟",
        ] {
            assert!(!english(text), "{text}");
        }
    }
}
