//! Folding: one character at a time, to the lower-case letters that a reader sees.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use super::{Normal, Shape};

/// What becomes of an ASCII byte, and how it counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Space,
    Mark,
    Code,
    Other,
}

static KINDS: [Kind; 128] = {
    let mut kinds = [Kind::Other; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'a'..=b'z' => Kind::Lower,
            b'A'..=b'Z' => Kind::Upper,
            b'0'..=b'9' => Kind::Digit,
            0..=b' ' | 127 => Kind::Space,
            b'!' | b'?' => Kind::Mark,
            b'{' | b'}' | b'<' | b'>' | b'=' | b'\\' | b'[' | b']' | b'|' | b'_' | b'/' => Kind::Code,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
};

/// Folds `text` into `normal`; true if some word may be written in disguise.
pub(super) fn fold(text: &str, normal: &mut Normal<'_>) -> bool {
    normal.bytes.reserve(text.len() + 2);
    normal.origin.reserve(text.len() + 2);
    let latin = text.is_ascii() || reads_as_latin(text);
    normal.push(b' ', 0);
    let mut shape = Shape::default();
    let mut suspicion = Suspicion::default();
    for (at, c) in text.char_indices() {
        shape.chars += 1;
        if c.is_ascii() {
            fold_ascii(c as u8, at as u32, normal, &mut shape);
            suspicion.see(&normal.bytes);
        } else {
            fold_wide(c, at as u32, latin, normal, &mut shape);
            suspicion.see(&normal.bytes);
        }
    }
    normal.shape = shape;
    if normal.bytes.last() != Some(&b' ') {
        let at = text.char_indices().next_back().map_or(0, |(at, _)| at as u32);
        normal.push(b' ', at);
    }
    suspicion.found
}

fn fold_ascii(byte: u8, at: u32, normal: &mut Normal<'_>, shape: &mut Shape) {
    match KINDS[usize::from(byte)] {
        Kind::Lower => shape.letters += 1,
        Kind::Upper => {
            shape.letters += 1;
            shape.capitals += 1;
        }
        Kind::Digit => shape.digits += 1,
        Kind::Mark => shape.marks += 1,
        Kind::Code => shape.code += 1,
        Kind::Space => {
            shape.lines += u32::from(byte == b'\n');
            if normal.bytes.last() != Some(&b' ') {
                normal.push(b' ', at);
            }
            return;
        }
        Kind::Other => {}
    }
    normal.push(byte.to_ascii_lowercase(), at);
}

fn fold_wide(c: char, at: u32, latin: bool, normal: &mut Normal<'_>, shape: &mut Shape) {
    shape.wide += 1;
    if c.is_alphabetic() {
        shape.letters += 1;
        shape.capitals += u32::from(c.is_uppercase());
        shape.foreign += u32::from(!is_latin(c));
    }
    if is_hidden(c) {
        shape.hidden += 1;
    } else if c.is_whitespace() {
        if normal.bytes.last() != Some(&b' ') {
            normal.push(b' ', at);
        }
    } else {
        let mut put = |c: char| put(c, at, latin, normal);
        // Syllables of Hangul and Han would come apart into pieces that nobody searches for.
        if ('\u{2e80}'..='\u{d7ff}').contains(&c) { put(c) } else { decompose_compatible(c, put) }
    }
}

fn put(c: char, at: u32, latin: bool, normal: &mut Normal<'_>) {
    if is_stripped_mark(c) {
        return;
    }
    let c = if latin { look_alike(c) } else { plain_sign(c) };
    for lower in c.to_lowercase().filter(|&c| !is_stripped_mark(c)).take(1) {
        for &byte in lower.encode_utf8(&mut [0; 4]).as_bytes() {
            normal.push(byte, at);
        }
    }
}

/// Whether most letters are Latin, or all others merely look so: then look-alikes are read as Latin.
fn reads_as_latin(text: &str) -> bool {
    let (mut latin, mut alike, mut other) = (0_u32, 0_u32, 0_u32);
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        if is_latin(c) {
            latin += 1;
        } else if look_alike(c) != c {
            alike += 1;
        } else {
            other += 1;
        }
    }
    other == 0 && latin > 0 || latin > alike + other
}

/// Letters of Latin, its mathematical and fullwidth forms among them.
fn is_latin(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '\u{aa}'..='\u{24f}' | '\u{1d00}'..='\u{1eff}' | '\u{2c60}'..='\u{2c7f}'
        | '\u{ff21}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}' | '\u{2100}'..='\u{218b}' | '\u{1f100}'..='\u{1f1ff}')
}

/// Zero width, direction changes, variation selectors, soft hyphens, tags.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Marks that decorate Latin letters; those of other scripts are letters in their own right.
fn is_stripped_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
        && is_combining_mark(c)
}

/// One kind of apostrophe, quotation mark, dash and dots.
fn plain_sign(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2b9}' | '\u{2bc}' | '\u{b4}' | '\u{2032}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c => c,
    }
}

/// The Latin letter that a letter of Cyrillic, Greek, Armenian or Cherokee looks like.
fn look_alike(c: char) -> char {
    match c {
        'а' | 'А' | 'α' | 'Α' | 'Ꭺ' => 'a',
        'В' | 'в' | 'Β' | 'β' | 'Ᏼ' | 'Ь' | 'ь' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' | 'Ꮯ' => 'c',
        'ԁ' | 'Ꭰ' | 'ɗ' => 'd',
        'е' | 'Е' | 'Ε' | 'ε' | 'є' | 'Є' | 'Ꭼ' | 'ɛ' => 'e',
        'ƒ' | 'Ϝ' => 'f',
        'ɡ' | 'Ԍ' | 'Ꮐ' | 'ց' => 'g',
        'һ' | 'Һ' | 'Н' | 'н' | 'Η' | 'հ' | 'Ꮋ' => 'h',
        'і' | 'І' | 'Ι' | 'ι' | 'ı' | 'ɩ' | 'Ꭵ' | 'ӏ' | 'Ӏ' => 'i',
        'ј' | 'Ј' | 'ϳ' | 'Ꭻ' => 'j',
        'к' | 'К' | 'κ' | 'Κ' | 'Ꮶ' => 'k',
        'ʟ' | 'Ꮮ' | 'ł' | 'Ł' => 'l',
        'м' | 'М' | 'Μ' | 'Ꮇ' => 'm',
        'Ν' | 'ո' | 'п' | 'η' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' | 'Օ' | 'σ' | 'ø' | 'Ø' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' | 'Ꮲ' => 'p',
        'ԛ' | 'գ' => 'q',
        'г' | 'ʀ' | 'Ꮢ' => 'r',
        'ѕ' | 'Ѕ' | 'Ꮪ' | 'ꜱ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' | 'Ꭲ' => 't',
        'υ' | 'ս' | 'ц' => 'u',
        'ѵ' | 'Ѵ' | 'ν' | 'Ꮩ' => 'v',
        'ѡ' | 'ω' | 'ш' | 'Ꮃ' => 'w',
        'х' | 'Х' | 'Χ' | 'χ' => 'x',
        'у' | 'У' | 'γ' | 'Υ' | 'ү' => 'y',
        'Ζ' | 'Ꮓ' => 'z',
        c => plain_sign(c),
    }
}

/// Watches the normal form grow for what disguised words are made of.
#[derive(Default)]
struct Suspicion {
    found: bool,
}

impl Suspicion {
    fn see(&mut self, bytes: &[u8]) {
        let &[.., a, b, c] = bytes else { return };
        let letter = |byte: u8| byte.is_ascii_lowercase();
        let sign = |byte: u8| matches!(byte, b'@' | b'$' | b'!' | b'*' | b'+' | b'0'..=b'9');
        let joins = |byte: u8| matches!(byte, b' ' | b'.' | b'-' | b'*' | b'_');
        self.found |= (sign(b) && (letter(a) || letter(c)))
            | (letter(c) && b == c && a == b)
            | (joins(a) && letter(b) && joins(c) && b != b'a' && b != b'i');
    }
}

/// A word of a list in the normal form of its letters.
pub(crate) fn fold_word(word: &str) -> String {
    let mut normal = Normal::default();
    fold(word, &mut normal);
    String::from_utf8_lossy(&normal.bytes).trim().to_owned()
}
