//! Text of guests on its way into a document: only what can be said, and nothing that could be
//! markup.

use super::estimate::{Pace, SpokenLength};
use super::plain_letters::plain_letters;
use crate::unescaped::UnescapedSet;

/// Target of the words: a document, in which five characters are escaped, or a plain transcript.
#[derive(Debug)]
pub(super) struct Out {
    /// The text so far.
    pub(super) text: String,
    /// The length of the words so far, if they are counted.
    pub(super) length: SpokenLength,
    /// `None`: words are not counted.
    pace: Option<Pace>,
    escape: bool,
    /// Places in the text where the action belongs.
    actions: Vec<usize>,
}

impl Out {
    /// An empty document with room for `capacity` bytes.
    pub(super) fn document(capacity: usize) -> Self {
        Self {
            text: String::with_capacity(capacity),
            length: SpokenLength::default(),
            pace: None,
            escape: true,
            actions: Vec::new(),
        }
    }

    /// An empty transcript.
    pub(super) const fn transcript() -> Self {
        Self {
            text: String::new(),
            length: SpokenLength {
                quarters: 0,
                silence: 0,
            },
            pace: None,
            escape: false,
            actions: Vec::new(),
        }
    }

    /// Counts the words that are written from now on.
    pub(super) fn counted(self, pace: Pace) -> Self {
        Self {
            pace: Some(pace),
            ..self
        }
    }

    /// Returns whether a document is written, not a transcript.
    pub(super) const fn is_document(&self) -> bool {
        self.escape
    }

    /// Writes a text that came from outside: what cannot be said is left out, and white space
    /// around it with it. A text of which nothing could be said is written as it is, but for marks
    /// that cannot be seen either. Letters in disguise are said as plain ones.
    pub(super) fn say(&mut self, text: &str) {
        if is_all_plain(text) && !has_gaps(text) && text.trim_ascii().len() == text.len() {
            self.push_plain(text);
            return;
        }
        let text = &*plain_letters(text);
        let sayable = |text: &str| text.chars().any(|c| c.is_alphanumeric() && is_sayable(c));
        let keep: fn(char) -> bool = if sayable(text) {
            is_sayable
        } else {
            |c| is_xml(c) && !is_format(c)
        };
        let (begin, mut gap) = (self.text.len(), false);
        for c in text.chars().filter(|c| keep(*c)) {
            if c.is_whitespace() {
                gap = true;
                continue;
            }
            if gap && self.text.len() > begin {
                self.text.push(' ');
            }
            gap = false;
            self.push(c);
        }
    }

    /// Writes text of ours: nothing is left out but what XML forbids.
    pub(super) fn exactly(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let (plain, special) = rest.split_at(PLAIN.prefix_len(rest.as_bytes()));
            self.push_plain(plain);
            let mut chars = special.chars();
            let Some(first) = chars.next() else { return };
            if is_xml(first) {
                self.push(first);
            }
            rest = chars.as_str();
        }
    }

    /// Leaves out the action, which depends on how long the document takes.
    pub(super) fn leave_out_action(&mut self) {
        self.actions.push(self.text.len());
    }

    /// Puts the action wherever it was left out.
    pub(super) fn put_action(&mut self, action: &str) {
        let action = escape(action);
        for at in self.actions.drain(..).rev() {
            self.text.insert_str(at, &action);
        }
    }

    /// Writes a phrase's own text, already escaped and counted. The point at its end is left out after a value
    /// that brings one along, such as "Jr.", and after a tag.
    pub(super) fn phrase(&mut self, text: &str) {
        let point = text.starts_with('.') && self.text.ends_with(['.', '>']);
        // The space after the last message of a Say.
        if text.starts_with("</") && self.text.ends_with(' ') {
            let _space = self.text.pop();
        }
        self.text.push_str(if point {
            text.get(1..).unwrap_or_default()
        } else {
            text
        });
    }

    /// Makes "d’" of a French "de" at the end if `name`, which is written next, begins with a vowel.
    /// An h is left alone: it is not known whether that of a name is mute, and both are said.
    pub(super) fn elide_before(&mut self, name: &str) {
        let mut letters = name.trim_start().chars().flat_map(char::to_lowercase);
        let begins = match letters.next() {
            // "d’Yves", but "de Yann".
            Some('y') => !letters.next().is_some_and(is_vowel),
            Some(first) => is_vowel(first),
            None => false,
        };
        let before = self.text.strip_suffix("de ");
        if begins && before.is_some_and(|before| before.is_empty() || before.ends_with([' ', '>']))
        {
            self.text.truncate(self.text.len() - "e ".len());
            self.text.push('’');
            let elided = self.pace.map_or(0, |pace| pace.quarters("e"));
            self.length.quarters = self.length.quarters.saturating_sub(elided);
        }
    }

    /// Returns whether the next word is the first of a sentence.
    pub(super) fn begins_sentence(&self) -> bool {
        self.text.is_empty() || self.text.ends_with(['>', ' ']) && !self.continues()
    }

    /// Returns whether the sentence goes on after the space at the end.
    fn continues(&self) -> bool {
        let before = self.text.trim_end_matches(' ');
        !before.ends_with(['.', '!', '?', '>'])
    }

    /// Begins the word at `begin` with a capital.
    pub(super) fn capitalize(&mut self, begin: usize) {
        let first = self.text.get(begin..).and_then(|word| word.chars().next());
        if let Some(first) = first.filter(|first| first.is_lowercase()) {
            let capital: String = first.to_uppercase().collect();
            self.text
                .replace_range(begin..begin + first.len_utf8(), &capital);
        }
    }

    fn push(&mut self, c: char) {
        match escaped(c).filter(|_| self.escape) {
            Some(entity) => self.text.push_str(entity),
            None => self.push_plain(c.encode_utf8(&mut [0; 4])),
        }
    }

    /// Writes words in which nothing is escaped.
    fn push_plain(&mut self, text: &str) {
        self.text.push_str(text);
        if let Some(pace) = self.pace {
            self.length.quarters += pace.quarters(text);
        }
    }
}

/// The bytes that need no escaping, in documents too: printable ASCII without markup.
static PLAIN: UnescapedSet<5> = UnescapedSet::new([
    (b' ', b'!'),
    (b'#', b'%'),
    (b'(', b';'),
    (b'=', b'='),
    (b'?', b'~'),
]);

fn is_vowel(c: char) -> bool {
    "aàáâãäåąæeèéêëęiìíîïoòóôõöøœuùúûü".contains(c)
}

/// Turns a text of CLDR into one that can be spoken: narrow and fixed spaces become plain ones, and
/// marks for the eye are left out.
pub(super) fn of_cldr(text: &str) -> String {
    text.chars()
        .filter(|c| is_sayable(*c))
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect()
}

fn has_gaps(text: &str) -> bool {
    text.as_bytes().windows(2).any(|two| two == b"  ")
}

/// Returns whether a text can be written as it stands: most of them can.
fn is_all_plain(text: &str) -> bool {
    PLAIN.prefix_len(text.as_bytes()) == text.len()
}

const fn escaped(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&apos;"),
        _ => None,
    }
}

/// The text of a phrase as it stands in a document.
pub(super) fn escape(text: &str) -> String {
    let mut out = Out::document(text.len());
    out.exactly(text);
    out.text
}

/// Returns whether XML 1.0 allows the character in a document (its production `Char`).
pub(super) const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// Returns whether a voice can do something with the character: no emoji, arrows or boxes, no
/// private characters, nothing that only steers how text is shown (general category Cf).
pub(super) fn is_sayable(c: char) -> bool {
    let mute = c.is_control() && !c.is_whitespace();
    is_xml(c) && !(mute || is_format(c) || is_picture(c) || is_private(c))
}

const fn is_format(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{890}'..='\u{891}' | '\u{8E2}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFC}' | '\u{110BD}' | '\u{110CD}'
        | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

const fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{20D0}'..='\u{20FF}' | '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{27BF}' | '\u{2900}'..='\u{297F}'
        | '\u{2B00}'..='\u{2BFF}' | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Private use, and the code points that are no characters.
const fn is_private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{FDD0}'..='\u{FDEF}' | '\u{F0000}'..='\u{10FFFF}')
        || c as u32 & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let mut out = Out::document(0);
        out.say(text);
        out.text
    }

    #[test]
    fn markup_is_only_text() {
        assert_eq!(
            said("<b>Ana</b> & O'Neill \"Jr\""),
            "&lt;b&gt;Ana&lt;/b&gt; &amp; O&apos;Neill &quot;Jr&quot;"
        );
    }

    #[test]
    fn what_cannot_be_said_is_left_out() {
        assert_eq!(said("Ana 🍕👩‍👩‍👧 María\u{FE0F}"), "Ana María");
        assert_eq!(said("\u{2068}Ana\u{2069}\u{200D}\u{0}\u{FFFE}\u{8}"), "Ana");
        assert_eq!(said("דנה כהן"), "דנה כהן");
        assert_eq!(said(" Ana  Ruiz "), "Ana Ruiz");
        assert_eq!(said("山田 太郎"), "山田 太郎");
        assert_eq!(said("José-Luis d’Été"), "José-Luis d’Été");
    }

    #[test]
    fn de_loses_its_vowel_before_another_one() {
        let said = |text: &str, name: &str| {
            let mut out = Out::transcript();
            out.phrase(text);
            out.elide_before(name);
            out.say(name);
            out.text
        };
        assert_eq!(said("au nom de ", "Ana María"), "au nom d’Ana María");
        assert_eq!(said("au nom de ", "Émile"), "au nom d’Émile");
        assert_eq!(said("au nom de ", "Yves"), "au nom d’Yves");
        assert_eq!(said("au nom de ", "Yann"), "au nom de Yann");
        assert_eq!(said("au nom de ", "Hugo"), "au nom de Hugo");
        assert_eq!(said("au nom de ", "Martin"), "au nom de Martin");
        assert_eq!(said("grande ", "Ana"), "grande Ana");
        assert_eq!(said("pour ", "Ana"), "pour Ana");
        assert_eq!(said("de ", "דנה"), "de דנה");
    }

    #[test]
    fn letters_in_disguise_are_said_as_plain_ones() {
        assert_eq!(said("𝓐𝓷𝓪 𝓖𝓪𝓻𝓬í𝓪"), "Ana García");
        assert_eq!(said("🅰🅱 & 𝟜"), "AB &amp; 4");
    }

    #[test]
    fn days_and_times_are_said_without_their_marks_for_the_eye() {
        assert_eq!(of_cldr("7:30\u{202F}PM"), "7:30 PM");
        assert_eq!(of_cldr("\u{200F}8\u{A0}בנובמבר"), "8 בנובמבר");
    }

    #[test]
    fn a_text_of_pictures_alone_is_kept_as_it_is() {
        assert_eq!(said("🎂🎉"), "🎂🎉");
        assert_eq!(said("\u{0}\u{2068}🍕<"), "🍕&lt;");
    }
}
