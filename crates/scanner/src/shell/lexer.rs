//! Shell words: quotes removed, commands apart, what is substituted kept for a look of its own.
//!
//! Enough of the POSIX grammar to see which programs run with which words: quoting, lists and pipelines,
//! `$(…)`, backquotes, `<(…)`, redirections and here-documents. Nothing is expanded; `$HOME` stays `$HOME`.
//!
//! Source: POSIX.1-2017, Shell Command Language, sections 2.2 to 2.9.

use super::{ansi, nesting};

/// A word after quote removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether any part was quoted: then it is no operator, no keyword.
    pub(super) quoted: bool,
}

/// One simple command.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// Targets of `>` and its kin.
    pub(super) outputs: Vec<String>,
    /// What `<<` and `<<<` give it to read.
    pub(super) here: String,
    /// Whether it reads what the command before it writes.
    pub(super) piped: bool,
}

/// A list of commands in the order of the text, and the sources of all substitutions in them.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    pub(super) substitutions: Vec<String>,
}

/// Reads `source`. Never fails: what is left open ends with the text. Cost O(bytes).
pub(super) fn lex(source: &str) -> Script {
    let mut lexer = Lexer::new(source);
    while let Some(next) = lexer.peek() {
        lexer.step(next);
    }
    lexer.end_command(false);
    lexer.script
}

/// What the next word is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Word,
    Input,
    Output,
    HereString,
    HereDocument,
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    script: Script,
    command: Command,
    word: Option<Word>,
    role: Role,
    /// Delimiters of here-documents that start on the next line, each with the command that reads it.
    waiting: Vec<(String, usize)>,
}

impl<'s> Lexer<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            at: 0,
            script: Script::default(),
            command: Command::default(),
            word: None,
            role: Role::Word,
            waiting: Vec::new(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn step(&mut self, next: char) {
        match next {
            '\n' => self.end_line(),
            _ if next.is_whitespace() => {
                self.end_word();
                self.at += next.len_utf8();
            }
            '#' if self.word.is_none() => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
            '\'' => self.single_quoted(),
            '"' => self.double_quoted(),
            '\\' => self.escaped(),
            '$' | '`' => self.expansion(),
            '<' | '>' => self.redirection(next),
            ';' | '&' | '|' | '(' | ')' => self.operator(next),
            _ => self.push(next),
        }
    }

    fn push(&mut self, next: char) {
        self.word.get_or_insert_default().text.push(next);
        self.at += next.len_utf8();
    }

    fn quoted(&mut self) -> &mut Word {
        let word = self.word.get_or_insert_default();
        word.quoted = true;
        word
    }

    fn single_quoted(&mut self) {
        let body = &self.rest()[1..];
        let length = body.find('\'').unwrap_or(body.len());
        self.quoted().text.push_str(&body[..length]);
        self.at = self.source.len().min(self.at + length + 2);
    }

    /// `$'…'`: escapes stand for bytes.
    fn ansi_quoted(&mut self) {
        let (text, length) = ansi::unquoted(self.rest());
        self.quoted().text.push_str(&text);
        self.at += length;
    }

    fn double_quoted(&mut self) {
        self.quoted();
        self.at += 1;
        while let Some(next) = self.peek() {
            match next {
                '"' => {
                    self.at += 1;
                    return;
                }
                '\\' => self.escaped(),
                '$' | '`' if !self.is_quoted_sign() => self.expansion(),
                _ => self.push(next),
            }
        }
    }

    /// Inside double quotes `$'` is no quote, and a separator separates nothing.
    fn is_quoted_sign(&self) -> bool {
        self.rest().starts_with("$'") || field_separator(self.rest()).is_some()
    }

    fn escaped(&mut self) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(next) => self.push(next),
            None => {}
        }
    }

    /// `$(…)`, `` `…` ``, `${…}`: kept as written in the word, and put aside to be read as a script.
    fn expansion(&mut self) {
        let rest = self.rest();
        if rest.starts_with("$'") {
            return self.ansi_quoted();
        }
        if let Some(length) = field_separator(rest) {
            self.end_word();
            self.at += length;
            return;
        }
        let (open, length) = if rest.starts_with('`') {
            (1, nesting::backquoted(rest))
        } else if rest.starts_with("$(") {
            (2, nesting::bracketed(&rest[1..], '(', ')').map(|length| length + 1))
        } else if rest.starts_with("${") {
            (2, nesting::bracketed(&rest[1..], '{', '}').map(|length| length + 1))
        } else {
            return self.push('$');
        };
        let length = length.unwrap_or(rest.len());
        let whole = &rest[..length];
        let inner = whole.get(open..length.saturating_sub(1).max(open)).unwrap_or_default();
        if let Some(sum) = arithmetic(inner).filter(|_| whole.starts_with("$((")) {
            // Nothing in a sum is run but what is substituted in it.
            self.script.substitutions.push(format!(": \"{}\"", sum.replace('"', " ")));
        } else if !whole.starts_with("${") || inner.contains("$(") || inner.contains('`') {
            self.script.substitutions.push(inner.to_owned());
        }
        self.word.get_or_insert_default().text.push_str(whole);
        self.at += length;
    }

    fn redirection(&mut self, sign: char) {
        let rest = self.rest();
        if rest[1..].starts_with('(') {
            let length = nesting::bracketed(&rest[1..], '(', ')').map_or(rest.len(), |length| length + 1);
            self.script.substitutions.push(rest[2..length.max(2)].trim_end_matches(')').to_owned());
            self.word.get_or_insert_default().text.push_str(&rest[..length]);
            self.at += length;
            return;
        }
        // `2>`: the digits are no argument.
        if self
            .word
            .as_ref()
            .is_some_and(|word| !word.quoted && word.text.bytes().all(|b| b.is_ascii_digit()))
        {
            self.word = None;
        }
        self.end_word();
        let signs = rest.chars().take_while(|&c| c == sign).count();
        self.role = match (sign, signs) {
            ('<', 3..) => Role::HereString,
            ('<', 2) => Role::HereDocument,
            ('<', _) => Role::Input,
            _ => Role::Output,
        };
        self.at += signs;
        // `>&2`, `<<-`, `>|`
        self.at += self.rest().chars().take_while(|c| matches!(c, '&' | '-' | '|')).count();
    }

    fn operator(&mut self, sign: char) {
        self.end_word();
        let both = self.rest().starts_with("&>");
        let signs = self.rest().chars().take_while(|&c| c == sign).count().min(2);
        self.at += signs;
        if both {
            return;
        }
        self.end_command(sign == '|' && signs == 1);
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match std::mem::replace(&mut self.role, Role::Word) {
            Role::Word => self.command.words.push(word),
            Role::Output => self.command.outputs.push(word.text),
            Role::HereString => self.command.here.push_str(&word.text),
            Role::HereDocument => self.waiting.push((word.text, self.script.commands.len())),
            Role::Input => {}
        }
    }

    fn end_command(&mut self, pipes: bool) {
        self.end_word();
        // A substitution alone is a command too, and so is an output alone.
        let command = std::mem::take(&mut self.command);
        self.command.piped = pipes;
        self.script.commands.push(command);
    }

    fn end_line(&mut self) {
        self.end_command(false);
        self.at += 1;
        for (delimiter, reader) in std::mem::take(&mut self.waiting) {
            let body_start = self.at;
            let mut body_end = self.source.len();
            for line in self.source[body_start..].split_inclusive('\n') {
                let line_start = self.at;
                self.at += line.len();
                if line.trim() == delimiter {
                    body_end = line_start;
                    break;
                }
            }
            if let Some(command) = self.script.commands.get_mut(reader) {
                command.here.push_str(&self.source[body_start..body_end]);
            }
        }
    }
}

/// What stands between the brackets of `$((…))`, if the inner two belong together.
fn arithmetic(inner: &str) -> Option<&str> {
    let sum = inner.strip_prefix('(')?.strip_suffix(')')?;
    (nesting::bracketed(inner, '(', ')') == Some(inner.len())).then_some(sum)
}

/// Bytes of `$IFS` or `${IFS}`: a blank by another name.
fn field_separator(rest: &str) -> Option<usize> {
    let plain = rest
        .strip_prefix("$IFS")
        .filter(|tail| !tail.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
    plain.map(|_| "$IFS".len()).or_else(|| rest.starts_with("${IFS}").then_some("${IFS}".len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<Vec<String>> {
        let commands = lex(source).commands.into_iter();
        let texts = commands.map(|command| command.words.into_iter().map(|word| word.text).collect());
        texts.filter(|words: &Vec<String>| !words.is_empty()).collect()
    }

    #[test]
    fn quotes_are_removed_and_commands_are_apart() {
        assert_eq!(
            words(r#"a 'b c' "d e" f\ g 'h''i'; j|k && l # m"#).concat().join("/"),
            "a/b c/d e/f g/hi/j/k/l"
        );
        assert_eq!(words("a 2>/dev/null >x -- b"), [["a", "--", "b"]]);
        assert_eq!(words("a 'open"), [["a", "open"]]);
        assert_eq!(words(r"$'\x72\155' b$IFS'c'${IFS}d").concat().join("/"), "rm/b/c/d");
        assert_eq!(words("\"$IFS $'a'\" $IFSx").concat().join("/"), "$IFS $'a'/$IFSx");
    }

    #[test]
    fn substitutions_are_put_aside() {
        let script = lex("a $(b $(c)) \"`d`\" <(e) ${x:-$(f)} $((1+`g`))");
        assert_eq!(script.substitutions, ["b $(c)", "d", "e", "x:-$(f)", ": \"1+`g`\""]);
    }

    #[test]
    fn a_here_document_is_read_by_its_command_only() {
        let script = lex("sh <<'EOF' | wc\nrm x\nEOF\nls");
        assert_eq!(script.commands[0].here, "rm x\n");
        assert_eq!(words("cat <<E\nrm x\nE\nls"), [["cat"], ["ls"]]);
    }
}
