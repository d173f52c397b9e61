//! Words on the phone, in all languages: those of the message, whose keys a callee that listens
//! knows, and those of callees.

use std::sync::LazyLock;

use serde_json::Value;

use super::dice::Dice;

/// Greetings at pick-up, by language.
const GREETINGS: [(&str, [&str; 4]); 17] = [
    (
        "en-US",
        [
            "Hello? Yes?",
            "Hello, how can I help you",
            "Yes",
            "Joe's Diner, okay",
        ],
    ),
    (
        "en-GB",
        [
            "Hello? Yes?",
            "The Anchor, good evening",
            "Yes, hello",
            "Yeah sure hello",
        ],
    ),
    ("es-ES", ["¿Sí?", "Sí, dígame", "Diga", "Hola, sí, vale"]),
    (
        "es-MX",
        ["¿Bueno?", "Sí, bueno", "Sí, a sus órdenes", "Hola, mande"],
    ),
    (
        "fr-FR",
        ["Allô oui ?", "Oui bonjour", "Oui, j'écoute", "Allô"],
    ),
    ("fr-CA", ["Oui allô", "Allô oui bonjour", "Oui", "Bonjour"]),
    (
        "de-DE",
        [
            "Ja bitte?",
            "Ja, hallo",
            "Restaurant Adler, guten Tag",
            "Ja",
        ],
    ),
    ("it-IT", ["Pronto? Sì?", "Sì, pronto", "Sì", "Pronto"]),
    ("pt-BR", ["Alô? Sim?", "Alô", "Oi, sim, pois não", "Sim"]),
    ("pt-PT", ["Estou? Sim?", "Sim, estou", "Está lá", "Sim"]),
    (
        "nl-NL",
        [
            "Ja, hallo",
            "Goedenavond, ja",
            "Ja",
            "Met restaurant De Kroon",
        ],
    ),
    ("sv-SE", ["Ja, hallå", "Hej, ja", "Ja", "Hallå"]),
    ("pl-PL", ["Tak, słucham", "Halo, tak", "Tak", "Dzień dobry"]),
    (
        "ja-JP",
        [
            "はい、もしもし",
            "はい",
            "もしもし",
            "はい、レストランさくらです",
        ],
    ),
    ("ko-KR", ["네, 여보세요", "네", "여보세요", "네 식당입니다"]),
    ("cmn-CN", ["喂，你好", "喂", "是的，您好", "好的，您好"]),
    ("yue-HK", ["喂，你好", "喂", "係，你好", "係"]),
];

/// Words that are no answer to anything: humming, questions, noises and people in the background.
const ASIDES: [&str; 20] = [
    "mm-hm",
    "hmm",
    "uh",
    "who is this",
    "one moment please",
    "call back tomorrow",
    "maybe later yes or no",
    "table twelve is ready",
    "un momento por favor",
    "quién es",
    "je ne sais pas",
    "qui est à l'appareil",
    "wer ist denn da",
    "kleinen Moment",
    "chi parla",
    "quem fala",
    "少々お待ちください",
    "누구세요",
    "请等一下",
    "等陣",
];

/// Words of menus and mailboxes.
const MACHINES: [&str; 5] = [
    "Thank you for calling. For reservations press one. For opening hours press two. To repeat this menu press star",
    "You have reached the voicemail of the Golden Lion. Please leave a message after the tone",
    "Bienvenue. Pour réserver tapez un. Pour les horaires tapez deux",
    "Willkommen. Für Reservierungen drücken Sie die eins, für alles andere die neun",
    "Your call is important to us. All our agents are busy. Yes, we are open today",
];

/// The words of the message in one language.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub(super) language: &'static str,
    file: &'static toml::Table,
}

/// The language files, read once.
static FILES: LazyLock<Vec<toml::Table>> = LazyLock::new(|| {
    let read = |language: &str| {
        let path = format!("{}/twiml/{language}.toml", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap().parse().unwrap()
    };
    GREETINGS
        .iter()
        .map(|(language, _)| read(language))
        .collect()
});

impl Words {
    /// Those of the language with this number.
    pub(super) fn of(number: usize) -> Self {
        let number = number % GREETINGS.len();
        Self {
            language: GREETINGS[number].0,
            file: &FILES[number],
        }
    }

    pub(super) const LANGUAGES: usize = GREETINGS.len();

    /// The message with this name; only of those that are said as they are written.
    pub(super) fn message(&self, name: &str) -> Value {
        let text = self.file["messages"][name].as_str().unwrap();
        assert!(!text.contains('{'), "{name}: {text}");
        Value::from(text)
    }

    /// One of the words that mean an answer, as the file of the language lists them.
    pub(super) fn answer(&self, meaning: &str, dice: &mut Dice) -> String {
        let list = self.file["speech"][meaning].as_array().unwrap();
        list[dice.below(list.len())].as_str().unwrap().to_owned()
    }

    /// A greeting at pick-up: mostly in the language of the call.
    pub(super) fn greeting(&self, dice: &mut Dice) -> &'static str {
        let own = GREETINGS
            .iter()
            .find(|(language, _)| *language == self.language);
        let (_, greetings) = match own {
            Some(own) if !dice.once_in(4) => own,
            _ => &GREETINGS[dice.below(GREETINGS.len())],
        };
        dice.one_of(greetings)
    }
}

pub(super) fn aside(dice: &mut Dice) -> &'static str {
    dice.one_of(&ASIDES)
}

pub(super) fn machine(dice: &mut Dice) -> &'static str {
    dice.one_of(&MACHINES)
}
