//! Phrases that hide the subject or the object of a sentence. A few are good English; so each has
//! a bound, per 10,000 words of comments. Text in backticks, addresses and code blocks do not
//! count.

use crate::assert_none;
use crate::comments::{Comment, comments};
use crate::sources::{Source, rust};

struct Idiom {
    /// Alternatives for the first word.
    words: &'static [&'static str],
    /// Alternatives for a second word; empty for an idiom of one word.
    then: &'static [&'static str],
    /// Occurrences allowed per 10,000 words.
    bound: f64,
    instead: &'static str,
}

const IDIOMS: [Idiom; 4] = [
    Idiom {
        words: &["who", "whoever", "whom"],
        then: &[],
        bound: 2.0,
        instead: "name the thing: the client, the caller, the worker, the kernel",
    },
    Idiom {
        words: &["somebody", "nobody"],
        then: &[],
        bound: 1.0,
        instead: "name the thing, or say `no caller`, `no client`",
    },
    Idiom {
        words: &["tell", "tells", "told"],
        then: &[],
        bound: 2.0,
        instead: "name the act: wake, publish, notify, report, return, log",
    },
    Idiom {
        words: &["what"],
        then: &[
            "is", "was", "came", "comes", "it", "they", "has", "had", "follows", "runs", "remains",
            "stays",
        ],
        bound: 5.0,
        instead: "use a noun: the result, the running configuration, the rest",
    },
];

/// Doc comments of three words or fewer, in percent.
const SHORT_DOCS: f64 = 4.0;

/// Words of a comment with their lines, and whether a single space precedes each.
fn words(comment: &Comment) -> Vec<(usize, String, bool)> {
    let text: Vec<char> = without_code(&comment.text()).chars().collect();
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    let (mut words, mut line, mut at, mut last_end) = (Vec::new(), 0, 0, 0);
    while at < text.len() {
        let end = at + text[at..].iter().take_while(|c| is_word(c)).count();
        if end > at {
            let word = text[at..end].iter().collect::<String>().to_lowercase();
            words.push((comment.lines[line].0, word, last_end + 1 == at && text[at - 1] == ' '));
            (at, last_end) = (end, end);
        } else {
            line += usize::from(text[at] == '\n');
            at += 1;
        }
    }
    words
}

/// Replaces text in backticks and addresses by spaces, which keeps the line numbers.
fn without_code(text: &str) -> String {
    let blank =
        |text: &str| text.chars().map(|c| if c == '\n' { c } else { ' ' }).collect::<String>();
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, after)) = after.split_once('`') else { break };
        kept.extend([before, " ", &blank(code), " "]);
        rest = after;
    }
    kept.push_str(rest);
    while let Some(at) = kept.find("http://").or_else(|| kept.find("https://")) {
        let end = kept[at..].find(char::is_whitespace).map_or(kept.len(), |length| at + length);
        let address = blank(&kept[at..end]);
        kept.replace_range(at..end, &address);
    }
    kept
}

/// Counts words of letters, with hyphens and apostrophes inside.
fn count_words(comment: &Comment) -> usize {
    let text = without_code(&comment.text());
    let parts = text.split(|c: char| !(c.is_ascii_alphabetic() || c == '\'' || c == '-'));
    parts.filter(|part| part.contains(|c: char| c.is_ascii_alphabetic())).count()
}

/// Whether a doc comment is too short to add anything to the item's name.
fn is_short(comment: &Comment) -> bool {
    let text = comment.text();
    let is_word = |c: char| c.is_alphanumeric() || "_`'-".contains(c);
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty()).count() <= 3
}

impl Idiom {
    fn places(&self, source: &Source, comment: &Comment) -> Vec<String> {
        let words = words(comment);
        let is_here = |at: usize| {
            let follows = |next: &(usize, String, bool)| next.2 && self.then.contains(&&*next.1);
            self.words.contains(&&*words[at].1)
                && (self.then.is_empty() || words.get(at + 1).is_some_and(follows))
        };
        let place = |at: usize| {
            let (line, word, _) = &words[at];
            format!("{}:{line}: `{word}`: {}", source.name, self.instead)
        };
        (0..words.len()).filter(|at| is_here(*at)).map(place).collect()
    }
}

#[test]
fn comments_name_their_subjects() {
    let sources = rust(&["crates"]);
    let read: Vec<_> = sources.iter().map(|source| (source, comments(&source.text))).collect();
    let all = || read.iter().flat_map(|(source, all)| all.iter().map(move |it| (*source, it)));
    let total = all().map(|(_, comment)| count_words(comment)).sum::<usize>();
    for idiom in &IDIOMS {
        let places: Vec<_> = all().flat_map(|(source, it)| idiom.places(source, it)).collect();
        let rate = percent(places.len(), total) * 100.0;
        println!("{rate:7.1} {:?}", idiom.words);
        if rate > idiom.bound {
            let rule = format!("{rate:.1} per 10,000 words, at most {}", idiom.bound);
            assert_none(&rule, &places);
        }
    }
    let docs: Vec<_> = all().filter(|(_, comment)| comment.is_doc).collect();
    let short = docs.iter().filter(|(_, comment)| is_short(comment));
    let instead = "say what the name does not, or leave it out";
    let place = |(source, it): &(&Source, &Comment)| {
        format!("{}:{}: {instead}", source.name, it.lines[0].0)
    };
    let places: Vec<_> = short.map(place).collect();
    let rate = percent(places.len(), docs.len());
    println!("{rate:7.1} % of {} doc comments are short; {total} words", docs.len());
    if rate > SHORT_DOCS {
        assert_none(&format!("{rate:.1} % short doc comments, at most {SHORT_DOCS}"), &places);
    }
}

fn percent(part: usize, total: usize) -> f64 {
    let [part, total] = [part, total].map(|it| f64::from(u32::try_from(it).expect("it is small")));
    100.0 * part / total
}

#[test]
fn an_idiom_is_found_with_its_line() {
    let text =
        "/// Whoever asks\n/// is told what is left, not `who` or what\n/// is.\n".to_owned();
    let source = Source { name: "a.rs".to_owned(), text };
    let comment = &comments(&source.text)[0];
    let places: Vec<_> = IDIOMS.iter().map(|idiom| idiom.places(&source, comment)).collect();
    let counts: Vec<_> = places.iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 0, 1, 1]);
    assert!(places[3][0].starts_with("a.rs:2: `what`: use a noun"), "{places:?}");
    assert_eq!(count_words(comment), 11);
    assert!(!is_short(comment) && is_short(&comments("/// Its name.\n")[0]));
}
