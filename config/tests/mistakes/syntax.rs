//! What YAML itself refuses, and the parts of YAML that a configuration has no use for.

use crate::{check, problems_of, unmark};

#[test]
#[rustfmt::skip]
fn structure() {
    check(&[
        ("    mtu: 1400\n", "    mtu: 1400\n    ¦mtu: 1300\n", "external[1].mtu", "given twice, first at line", "keep one"),
        ("neighbors:", "¦tenants: []\nneighbors:", "tenants", "key \"tenants\" is given twice", "keep one"),
        ("memory-mb: 512", "memory-mb: ¦&memory 512", "system.memory-mb", "anchors", "leave the anchor out"),
        ("memory-mb: 512", "memory-mb: ¦!!int 512", "system.memory-mb", "tags", "leave the tag out"),
        ("  limits:\n", "  ¦<<: { memory-mb: 1 }\n  limits:\n", "system", "merge keys", "write the keys out"),
        ("  limits:\n", "  ¦[1]: 2\n  limits:\n", "system", "where a key belongs", "write a key"),
        ("memory-mb: 512", "¦memory-mib: 512", "system.memory-mib", "unknown key", "did you mean memory-mb?"),
        ("memory-mb: 512", "¦memory_mb: 512", "system.memory_mb", "unknown key", "did you mean memory-mb?"),
        ("    mtu: 1400\n", "    ¦colour: 7\n", "external[1].colour", "unknown key", "the keys here are name, port"),
        ("memory-mb: 512", "¦\"a b\\n\": 512", "system[\"a b\\n\"]", "unknown key", "control-core"),
        ("iface=veth0\n", "iface=veth0\n  - ¦device: net_null0\n", "ports[2].name", "missing", "add the key name"),
        ("iface=veth0\n", "iface=veth0\n  - ¦{ name: third }\n", "ports[2].device", "missing", "add the key device"),
        ("iface=veth0\n", "iface=veth0\n  - ¦third\n", "ports[2]", "\"third\" where a mapping belongs", "name, device"),
        ("worker-cores: [1, 2]", "worker-cores: ¦1", "system.worker-cores", "\"1\" where a list belongs", "[a, b]"),
        ("memory-mb: 512", "memory-mb: ¦[512]", "system.memory-mb", "a list where a value belongs", "a whole number"),
        ("memory-mb: 512", "memory-mb¦:", "system.memory-mb", "nothing where a value belongs", "a whole number"),
    ]);
}

#[test]
fn aliases_are_refused_beside_their_anchors() {
    let text = "ports: &p []\nprovider: *p\n";
    let found = problems_of(text);
    let anchor = found.iter().find(|problem| problem.message.contains("anchors")).expect("reported");
    assert_eq!((anchor.line, anchor.path.as_str()), (1, "ports"));
    let alias = found.iter().find(|problem| problem.message.contains("aliases")).expect("reported");
    assert_eq!((alias.line, alias.column, alias.path.as_str()), (2, 11, "provider"));
}

/// A document that cannot be read at all has one problem.
#[test]
fn unreadable_documents() {
    for (text, message, hint) in [
        ("¦", "the document is empty", "ports and provider"),
        ("¦# nothing but a comment\n", "the document is empty", "ports and provider"),
        ("¦---\n...\n", "the document is empty", "ports and provider"),
        ("ports: []\n¦---\nports: []\n", "a second document", "one document"),
        ("ports: [1, 2\n¦provider: 3\n", "not YAML", "bracket"),
        ("ports:\n¦\t- name: x\n", "not YAML", "indent with spaces"),
        ("ports: \"open¦\n", "not YAML", "quote"),
        ("ports: ¦*unknown\n", "not YAML", "look for"),
        (&format!("{}¦{}", "[".repeat(32), "[".repeat(100)), "nested too deeply", "brackets"),
    ] {
        let (text, line, _) = unmark(text);
        let found = problems_of(&text);
        let shown = text.chars().take(60).collect::<String>();
        assert_eq!(found.len(), 1, "{shown:?}: {found:#?}");
        assert_eq!(found[0].path, "document", "{shown:?}");
        assert_eq!(found[0].line, line, "{shown:?}: {found:#?}");
        assert!(found[0].message.contains(message), "{shown:?}: {found:#?}");
        assert!(found[0].hint.contains(hint), "{shown:?}: {found:#?}");
    }
}

#[test]
fn documents_that_are_no_mapping() {
    for text in ["- a\n", "text\n", "5\n"] {
        let found = problems_of(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].message.contains("where a mapping belongs"), "{found:#?}");
    }
}

#[test]
fn what_must_be_there() {
    let missing: Vec<String> = problems_of("system:\n").into_iter().map(|problem| problem.path).collect();
    assert_eq!(missing, ["ports", "provider"]);
}
