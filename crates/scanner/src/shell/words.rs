//! The words of one command: the program, its options, the rest.

/// Keywords that stand before a command.
const KEYWORDS: [&str; 14] =
    ["if", "then", "else", "elif", "while", "until", "do", "for", "case", "{", "}", "!", "time", "function"];

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Words<'w> {
    /// Name of the program without its folder; empty if there is none.
    pub(super) program: &'w str,
    /// Everything behind it.
    pub(super) arguments: Vec<&'w str>,
}

impl<'w> Words<'w> {
    /// The command in `texts`, behind keywords and assignments.
    pub(super) fn new(texts: &[&'w str]) -> Self {
        let skipped = texts.iter().take_while(|text| KEYWORDS.contains(text) || is_assignment(text)).count();
        let mut texts = texts[skipped..].iter().copied();
        let path = texts.next().unwrap_or_default();
        let program = path.rsplit(['/', '\\']).next().unwrap_or(path);
        Self { program: program.strip_suffix(".exe").unwrap_or(program), arguments: texts.collect() }
    }

    /// Arguments that are no options, up to and behind `--`.
    pub(super) fn operands(&self) -> Vec<&'w str> {
        let mut ended = false;
        let mut operands = Vec::new();
        for &argument in &self.arguments {
            match argument {
                "--" if !ended => ended = true,
                _ if !ended && argument.starts_with('-') && argument.len() > 1 => {}
                _ => operands.push(argument),
            }
        }
        operands
    }

    /// The operands, without the values of these options.
    pub(super) fn operands_behind(&self, valued: &[&str]) -> Vec<&'w str> {
        let value = |at: usize| at > 0 && valued.contains(&self.arguments[at - 1]);
        let own = self.arguments.iter().enumerate().filter(|(at, _)| !value(*at)).map(|(_, word)| *word);
        Words { program: self.program, arguments: own.collect() }.operands()
    }

    /// Whether the option `letter` is given among letters of which `valued` take the rest as their value.
    pub(super) fn has_letter_before(&self, letter: char, valued: &[char]) -> bool {
        self.options().filter(|option| !option.starts_with("--")).any(|option| {
            let value = option.find(valued).map_or(option.len(), |at| at + 1);
            option[1..value].contains(letter)
        })
    }

    /// The arguments before `--`.
    pub(super) fn options(&self) -> impl Iterator<Item = &'w str> + '_ {
        self.arguments.iter().copied().take_while(|argument| *argument != "--").filter(|a| a.starts_with('-'))
    }

    /// Whether the one-letter option `letter` is given, alone or among others (`-rf`).
    pub(super) fn has_letter(&self, letter: char) -> bool {
        self.options().any(|option| !option.starts_with("--") && option[1..].contains(letter))
    }

    /// Whether the long option `name` is given, with or without a value.
    pub(super) fn has_long(&self, name: &str) -> bool {
        self.options().any(|option| {
            option.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    }

    /// The value of an option: the word behind it, or what is joined to it by `=`.
    pub(super) fn value_of(&self, names: &[&str]) -> Option<&'w str> {
        self.arguments.iter().enumerate().find_map(|(at, argument)| {
            let joined = names.iter().find_map(|name| argument.strip_prefix(name)?.strip_prefix('='));
            joined.or_else(|| names.contains(argument).then(|| self.arguments.get(at + 1).copied()).flatten())
        })
    }

    /// Whether the program would only say what it would do.
    pub(super) fn is_rehearsal(&self) -> bool {
        let says = |option: &str| matches!(option, "--help" | "--dry-run" | "--dryrun" | "--what-if");
        self.options().any(|option| says(option) || option.starts_with("--dry-run="))
            && !self.options().any(|option| option == "--dry-run=none")
    }
}

/// `NAME=value` before a command.
pub(super) fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        !name.is_empty() && named && !name.as_bytes()[0].is_ascii_digit()
    })
}
