//! Whatever the bytes are: no panic, and every problem lies within the text.

use nvgw_config::{CHANGES_EXAMPLE, EXAMPLES, Problems, parse, parse_changes};
use proptest::prelude::*;

/// One change of a text.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static str),
    Remove(prop::sample::Index, usize),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

/// Pieces that mean something to YAML or to the document.
const PIECES: &[&str] = &[
    "\n",
    "\t",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "<<: ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "? ",
    "# ",
    ",",
    "\r",
    "\0",
    "ü",
    "\u{2028}",
    "\u{feff}",
    "0",
    "-1",
    "99999999999999999999",
    "0x",
    "0.0.0.0/0",
    "255.255.255.255",
    "::/0",
    "2001:db8::1",
    "fe80::1",
    "::ffff:10.0.0.1",
    "prefix-ipv6: 2001:db8:1::/64",
    "gateway-ipv6: 2001:db8:1::1",
    "mtu: 1280",
    "16777215",
    "null",
    "~",
    "off",
    "name",
    "vlan: 4095",
    "red",
    "take: 4096",
    "nat: off",
    "198.51.100.16/29",
    "1024-65535",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    use any as a;
    type Index = prop::sample::Index;
    prop_oneof![
        (a::<Index>(), a::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (a::<Index>(), prop::sample::select(PIECES)).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (a::<Index>(), 1_usize..40).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (a::<Index>(), a::<Index>(), 1_usize..200)
            .prop_map(|(from, to, length)| Mutation::Copy(from, to, length)),
    ]
}

fn mutated(text: &str, mutations: &[Mutation]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match mutation {
            Mutation::Replace(at, byte) => bytes[at.index(length)] = *byte,
            Mutation::Insert(at, piece) => {
                let at = at.index(length);
                bytes.splice(at..at, piece.bytes());
            }
            Mutation::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Mutation::Copy(from, to, count) => {
                let from = from.index(length);
                let piece = bytes[from..(from + count).min(length)].to_vec();
                let to = to.index(length);
                bytes.splice(to..to, piece);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The lines as YAML 1.2 counts them: CR, LF and CR LF end one.
fn widths(text: &str) -> Vec<usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').map(|line| line.chars().count()).collect()
}

/// There are problems, each is one line, and each lies within the text.
fn check(text: &str, problems: &Problems) -> Result<(), TestCaseError> {
    let widths = widths(text);
    let mut count = 0;
    for problem in problems {
        count += 1;
        prop_assert!((1..=widths.len()).contains(&problem.line), "{}", problem.line);
        prop_assert!((1..=widths[problem.line - 1] + 1).contains(&problem.column), "{problem:?}");
        let parts = [&problem.path, &problem.message, &problem.hint];
        prop_assert!(parts.iter().all(|part| !part.contains('\n') && !part.is_empty()), "{problem:?}");
        prop_assert!(!problem.hint.contains("defect of nvgw"), "{text}");
    }
    prop_assert!(count > 0);
    prop_assert_eq!(problems.to_string().lines().count(), count);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_examples(
        example in prop::sample::select(EXAMPLES),
        mutations in prop::collection::vec(mutation(), 1..8),
    ) {
        let text = mutated(example.1, &mutations);
        if let Err(problems) = parse(&text, "damaged.yaml") {
            check(&text, &problems)?;
        }
    }

    #[test]
    fn damaged_changes(mutations in prop::collection::vec(mutation(), 1..8)) {
        let text = mutated(CHANGES_EXAMPLE.1, &mutations);
        match parse_changes(&text, "damaged.yaml") {
            Ok(set) => prop_assert_eq!(set.places.len(), set.changes.len()),
            Err(problems) => check(&text, &problems)?,
        }
    }

    #[test]
    fn any_text(text in "(\\PC|[\\[\\]{}:,\\-\n \"'&*!|>]){0,80}") {
        // A text of chance is no configuration, for ports and provider are not there; nor are changes.
        prop_assert!(parse(&text, "chance.yaml").is_err());
        prop_assert!(parse_changes(&text, "chance.yaml").is_err());
    }
}

#[test]
fn brackets_without_end() {
    for piece in ["[", "{", "- ", "? ", "a: [", "[{"] {
        let text = piece.repeat(100_000);
        assert!(parse(&text, "deep.yaml").is_err(), "{piece}");
    }
}
