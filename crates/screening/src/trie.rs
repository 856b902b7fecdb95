//! A trie over the folded words of both lists; finds the longest word that starts at a given place.
//!
//! The walk reads at most [`Lexicon::WORD_CHARS_MAX`](crate::Lexicon::WORD_CHARS_MAX) characters plus the white
//! space between the words of a phrase, so a scan over a text stays linear (SC2).

use crate::lexicon::{Lexicon, fold, fold_word};

/// The words of a lexicon, by their first character, second character, and so on.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Next folded character and the node it leads to, sorted by character.
    edges: Vec<(char, usize)>,
    ends_offensive: bool,
    ends_targeting: bool,
}

/// Where the longest word of each list ends, in bytes of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) offensive: Option<usize>,
    pub(crate) targeting: Option<usize>,
}

impl Trie {
    pub(crate) fn new(lexicon: &Lexicon) -> Self {
        let mut trie = Self { nodes: vec![Node::default()] };
        for word in &lexicon.offensive {
            trie.insert(word).ends_offensive = true;
        }
        for word in &lexicon.targeting {
            trie.insert(word).ends_targeting = true;
        }
        trie
    }

    fn insert(&mut self, word: &str) -> &mut Node {
        let mut at = 0;
        for c in fold_word(word) {
            let fresh = self.nodes.len();
            let edges = &mut self.nodes[at].edges;
            at = match edges.binary_search_by_key(&c, |edge| edge.0) {
                Ok(found) => edges[found].1,
                Err(place) => {
                    edges.insert(place, (c, fresh));
                    self.nodes.push(Node::default());
                    fresh
                }
            };
        }
        &mut self.nodes[at]
    }

    /// The first two folded characters of every word; `None` where a word has only one.
    pub(crate) fn openings(&self) -> impl Iterator<Item = (char, Option<char>)> {
        self.nodes[0].edges.iter().flat_map(|&(first, next)| {
            let node = &self.nodes[next];
            let alone = (node.ends_offensive || node.ends_targeting).then_some((first, None));
            alone.into_iter().chain(node.edges.iter().map(move |edge| (first, Some(edge.0))))
        })
    }

    /// The longest word of each list that begins `text` and ends where `is_end` agrees.
    ///
    /// - `text`: characters with their byte positions, from the start of a token on.
    /// - `is_end`: whether a token may end at this byte position.
    pub(crate) fn longest(
        &self,
        text: impl Iterator<Item = (usize, char)>,
        is_end: impl Fn(usize) -> bool,
    ) -> Ends {
        let mut ends = Ends::default();
        let mut node = &self.nodes[0];
        let mut in_gap = false;
        for (at, c) in text {
            let folded = fold(c);
            if folded == ' ' && in_gap {
                continue;
            }
            in_gap = folded == ' ';
            let Ok(edge) = node.edges.binary_search_by_key(&folded, |edge| edge.0) else { break };
            node = &self.nodes[node.edges[edge].1];
            let end = at + c.len_utf8();
            if (node.ends_offensive || node.ends_targeting) && is_end(end) {
                ends.offensive = if node.ends_offensive { Some(end) } else { ends.offensive };
                ends.targeting = if node.ends_targeting { Some(end) } else { ends.targeting };
            }
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(offensive: &[&str], targeting: &[&str]) -> Trie {
        let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Trie::new(&Lexicon { offensive: list(offensive), targeting: list(targeting) })
    }

    #[test]
    fn longest_word_wins_in_each_list() {
        let trie = trie(&["you fool", "you"], &["you", "you fools"]);
        let ends = trie.longest("you fool".char_indices(), |_| true);
        assert_eq!(ends, Ends { offensive: Some(8), targeting: Some(3) });
    }

    #[test]
    fn refused_end_falls_back_to_the_shorter_word() {
        let ends = trie(&["bad", "bad egg"], &[]).longest("bad eggs".char_indices(), |end| end != 7);
        assert_eq!(ends.offensive, Some(3));
    }

    #[test]
    fn space_of_a_phrase_matches_any_white_space() {
        let ends = trie(&[], &["you are"]).longest("YOU \n\t ARE".char_indices(), |_| true);
        assert_eq!(ends.targeting, Some(10));
        let ends = trie(&[], &["you are"]).longest("youare".char_indices(), |_| true);
        assert_eq!(ends.targeting, None);
    }

    #[test]
    fn trie_without_words_finds_nothing() {
        assert_eq!(trie(&[], &[]).longest("bad".char_indices(), |_| true), Ends::default());
    }
}
